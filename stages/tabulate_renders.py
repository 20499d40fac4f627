"""The table of reproduced and edited renders, a row for each kind of picture.

    python -m stages.tabulate_renders --measurements renders.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out renders.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.photographs.table import NEEDED_OF_RENDERS, renders_table
from palimpsest.files.measurements import read_measurements
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, TableFile
from palimpsest.settings import settings_from_json


def main(
    measurements: Annotated[Path, typer.Option(help="Measurements by measure_renders (.parquet).")],
    intervals: IntervalsJson,
    out: TableFile,
) -> None:
    """Write the distances to the renders, before and under the new rule, with intervals."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    table = renders_table(
        read_measurements(measurements, NEEDED_OF_RENDERS, "the renders"), settings
    )
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
