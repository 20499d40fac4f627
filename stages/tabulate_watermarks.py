"""Table 3: watermarks left in the images, one row for each method.

    python -m stages.tabulate_watermarks --measurements watermarks.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out table3_watermarks.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.paper_figures import TABLE3, read_paper_figures
from palimpsest.experiments.watermarks.measure import read_marks
from palimpsest.experiments.watermarks.table import watermarks_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, PaperFile, TableFile
from palimpsest.settings import settings_from_json


def main(
    measurements: Annotated[
        Path, typer.Option(help="Measurements by measure_watermarks (.parquet).")
    ],
    intervals: IntervalsJson,
    out: TableFile,
    paper: PaperFile = None,
) -> None:
    """Write how many images still show each watermark, corrected for the detectors' errors."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    measured, errors = read_marks(measurements)
    published = read_paper_figures(paper, TABLE3) if paper else {}
    table = watermarks_table(measured, errors, settings, published)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
