"""Table of the edits' distances to their world's counterfactuals: two rows for each session.

    python -m stages.tabulate_counterfactuals --measurements church.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out counterfactuals.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.counterfactuals.table import NEEDED, counterfactuals_table
from palimpsest.files.measurements import read_measurements
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, TableFile
from palimpsest.settings import settings_from_json


def main(
    measurements: Annotated[
        list[Path],
        typer.Option(help="MODEL.parquet: measurements by measure_counterfactuals; repeatable."),
    ],
    intervals: IntervalsJson,
    out: TableFile,
) -> None:
    """Write the distances of unedited and edited images to the counterfactuals, with intervals."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    measured = {
        file.stem: read_measurements(file, NEEDED, "the counterfactuals") for file in measurements
    }
    table = counterfactuals_table(measured, settings)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
