"""The table of reproduced and edited photographs, a row for each kind of picture.

    python -m stages.tabulate_photographs --measurements photographs.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out photographs.csv
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.error_rates import Errors
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.photographs.table import NEEDED, photographs_table
from palimpsest.files.measurements import measured_facts, read_measurements
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, TableFile
from palimpsest.settings import settings_from_json

WHAT = "the photographs"


def main(
    measurements: Annotated[
        Path, typer.Option(help="Measurements by measure_photographs (.parquet).")
    ],
    intervals: IntervalsJson,
    out: TableFile,
) -> None:
    """Write errors, shares that smile and changes elsewhere, with intervals."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    rows = read_measurements(measurements, NEEDED, WHAT)
    try:
        errors = Errors.from_facts(json.loads(measured_facts(measurements, WHAT)["errors"]))
    except (KeyError, ValueError) as problem:
        raise PalimpsestError(
            f"{measurements}: lacks the classifier's errors ({problem}); measure {WHAT} again"
        ) from None
    table = photographs_table(rows, errors, settings)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
