"""What must be equal in two files of the same name made by two runs.

The same inputs give the same bytes, but for the seconds that a solver took. They stand in the
metadata of an edit, whose size may change with their digits, and both stand in the table of edits.
Of these two kinds everything else is compared; every other file is compared byte for byte.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from palimpsest.files.arrays import load_arrays

TIMED = ("seconds", "seconds_in_all")
"""Of an edit's metadata."""

TIMED_COLUMNS = ["seconds", "bytes"]
"""Of the table of edits."""


def as_compared(file: Path) -> object:
    """A digest of a file, or of an edit or a table of edits without what its seconds changed."""
    if file.suffix == ".safetensors" and "edits" in file.parts:
        arrays, metadata = load_arrays(file)
        numbers = {name: _digest(array.numpy().tobytes()) for name, array in arrays.items()}
        kept = {name: text for name, text in metadata.items() if name not in TIMED}
        return numbers, kept
    if file.name == "edits.csv":
        table = pd.read_csv(file, dtype=str).drop(columns=TIMED_COLUMNS)
        return table.to_csv(index=False)
    return _digest(file.read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
