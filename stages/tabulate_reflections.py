"""Table of section 5.3: the rule of the reflections before and after, for each layer and edit.

    python -m stages.tabulate_reflections --measurements reflections.parquet \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out reflection.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.reflections.table import read_rule, reflection_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, TableFile
from palimpsest.settings import settings_from_json


def main(
    measurements: Annotated[
        Path, typer.Option(help="Measurements by measure_reflections (.parquet).")
    ],
    intervals: IntervalsJson,
    out: TableFile,
) -> None:
    """Write the brightness of the reflections with and without windows, with intervals."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    table = reflection_table(read_rule(measurements), settings)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
