"""Table 3: watermarks left in the images, one row for each method.

    python -m stages.tabulate_watermarks --measurements watermarks.parquet \
        --settings '{"level": 0.95, "resamples": 2000, "seed": 0}' --out table3_watermarks.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.paper_figures import TABLE3, read_paper_figures
from palimpsest.experiments.watermarks.measure import read_marks
from palimpsest.experiments.watermarks.table import watermarks_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import interval_settings, run


def main(
    measurements: Annotated[Path, typer.Option(help="What measure_watermarks wrote (.parquet).")],
    settings: Annotated[str, typer.Option(help="level, resamples and seed, as JSON.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    paper: Annotated[
        Path | None, typer.Option(help="The paper's own figures (.csv), to stand beside.")
    ] = None,
) -> None:
    asked = interval_settings(settings)
    measured, errors = read_marks(measurements)
    told = read_paper_figures(paper, TABLE3) if paper else {}
    table = watermarks_table(measured, errors, told, **asked)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
