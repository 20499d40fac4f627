"""Table of the grades of all generators, one row for each generator and grade."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import TableFile


def main(
    grades: Annotated[
        list[Path], typer.Option("--grade", help="Grades of one generator (.csv); repeatable.")
    ],
    out: TableFile,
) -> None:
    """Write the rows of all files, unchanged and in the order given."""
    rows = pd.concat([pd.read_csv(file, dtype=str, keep_default_na=False) for file in grades])
    write_table(rows, out)


if __name__ == "__main__":
    run(main)
