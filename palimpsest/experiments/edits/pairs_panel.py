"""The panels of Figures 7 to 12, S8 and S9: images before and after one edit.

    arrays, facts = compute_pairs(sources)

Drawn by `palimpsest.report.figures.pairs`.
"""

from __future__ import annotations

from palimpsest.experiments.edits.best_matches import best_along
from palimpsest.experiments.panel_sources import Arrays, Facts, Sources, edit_facts, pictures


def compute_pairs(sources: Sources) -> tuple[Arrays, Facts]:
    """Images ``before`` and ``after`` the first edit, (P, H, W, 3) uint8, with ``samples`` and
    ``scores``.

    The samples are those that score highest along the edit's directions, best first.
    """
    name, edit = next(iter(sources.loaded().items()))
    z = sources.z
    chosen, found = best_along(sources.generator, edit, z, sources.pairs)
    return {
        "before": pictures(sources.generator, z[chosen]),
        "after": pictures(edit.apply(sources.generator), z[chosen]),
        "samples": chosen.numpy(),
        "scores": found.numpy(),
    }, edit_facts(name, edit)
