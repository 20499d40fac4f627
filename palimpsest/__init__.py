"""Palimpsest: rewrite a rule inside the weights of a trained image generator.

A layer of a generator is read as a linear associative memory that maps keys (what a place in the
picture is about) to values (how it is drawn). Changing the memory in one direction of its key
space changes one rule, in every image the generator will ever make. The method is that of Bau,
Liu, Wang, Zhu and Torralba, "Rewriting a Deep Generative Model", ECCV 2020.

The packages, from the ground up::

    from palimpsest.generators import load_generator, sample_z
    from palimpsest.memory import KeyStatistics, context_directions, insert, Edit
    from palimpsest.sessions import Session, rewrite
"""

__version__ = "0.1.0"
