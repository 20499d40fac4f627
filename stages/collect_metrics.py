"""The numbers of all tables in one JSON file, in the form that `dvc metrics` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from palimpsest.errors import PalimpsestError
from palimpsest.files.atomic import atomic_write_text
from palimpsest.pipeline.commands import run

LABELS = (
    "model",
    "generator",
    "session",
    "edit",
    "method",
    "figure",
    "intervention",
    "rule",
    "instrument",
    "picture",
    "thing",
    "switched",
    "place",
    "chosen_by",
    "kind",
)
"""Columns that name a row; the ones that a table has are joined to the row's name."""

NUMBERED = {
    "reflection": ("layer", "rank"),
    "instrument_grades": ("resolution", "blur"),
    "tradeoff": ("rank", "exemplars", "mu"),
    "layer_probe": ("layer", "crop_pixels"),
    "layer_edits": ("layer", "mu"),
}
"""By table: columns of numbers that are part of the row's name."""


def main(
    tables: Annotated[
        list[Path], typer.Option("--table", help="Table to read (.csv); repeatable.")
    ],
    out: Annotated[Path, typer.Option(help="Numbers to write (.json).")],
) -> None:
    """Write every number under table, row and column; empty cells are left out."""
    numbers = {file.stem: rows_of(file) for file in tables}
    atomic_write_text(out, json.dumps(numbers, indent=1) + "\n")


def rows_of(file: Path) -> dict[str, dict[str, float]]:
    """The numbers of one table by row and column."""
    table = pd.read_csv(file)
    naming = (*LABELS, *NUMBERED.get(file.stem, ()))
    labels = [name for name in naming if name in table.columns]
    if not labels:
        raise PalimpsestError(f"{file}: no column names its rows; add one of {', '.join(LABELS)}")
    # a label may be empty, such as the edit of a generator whose layers were only probed
    words = table[labels].map(lambda value: "" if pd.isna(value) else str(value))
    names = words.agg(lambda row: " ".join(filter(None, row)), axis=1)
    if names.duplicated().any():
        raise PalimpsestError(f"{file}: two rows are named {names[names.duplicated()].iloc[0]!r}")
    columns = table.drop(columns=labels).select_dtypes("number")
    return {
        name: {column: float(value) for column, value in row.dropna().items()}
        for name, (_, row) in zip(names, columns.iterrows(), strict=True)
    }


if __name__ == "__main__":
    run(main)
