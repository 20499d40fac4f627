"""Put the grades of all generators into one table, a row for each generator and figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run


def main(
    grades: Annotated[list[Path], typer.Option("--grade", help="Grades of one generator (CSV).")],
    out: Annotated[Path, typer.Option(help="Table to write (CSV).")],
) -> None:
    """Stack the rows as they are: numbers stay unrounded, and the order is that of the options."""
    rows = pd.concat([pd.read_csv(file, dtype=str, keep_default_na=False) for file in grades])
    write_table(rows, out)


if __name__ == "__main__":
    run(main)
