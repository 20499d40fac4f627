"""Stand-ins for the published files: random networks of full size, in the same layouts.

    from palimpsest.published.stand_ins.writing import write_stand_ins

    write_stand_ins("stand-ins", names=PUBLISHED_FILES, seed=1)     # files, and a manifest.json

With them the whole chain from fetch to report can run on a machine that cannot reach the published
files. Their results mean nothing. They cannot be mistaken for published files: their hashes differ,
and a run that uses them must name their manifest and the scale ``stand_ins``.
"""
