"""Stand-ins for the published files: random networks of full size, in the very layouts.

    from palimpsest.published.stand_ins.writing import write_stand_ins

    write_stand_ins("stand-ins", names=PUBLISHED_FILES, seed=1)     # files, and a manifest.json

They prove that everything from a fetch to the report runs, on a machine that cannot reach the
published files. Nothing that they give means anything, and nothing takes one for the file it stands
for: their hashes are others, so a run that wants them names their manifest, and its own scale.
"""
