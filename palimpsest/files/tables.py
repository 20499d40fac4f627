"""Tables as CSV, written atomically: numbers unrounded, no column of row numbers.

write_table(table, "edits.csv")
"""

from __future__ import annotations

import os

import pandas as pd

from palimpsest.files.atomic import atomic_path


def write_table(table: pd.DataFrame, target: str | os.PathLike[str]) -> None:
    """Write a table with its header; the same table gives the same bytes."""
    with atomic_path(target) as path:
        table.to_csv(path, index=False)
