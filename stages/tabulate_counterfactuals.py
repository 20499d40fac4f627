"""The table of edits against their world's counterfactuals: two rows for each session.

    python -m stages.tabulate_counterfactuals --measurements church.parquet \
        --settings '{"level": 0.95, "resamples": 2000, "seed": 0}' --out counterfactuals.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.counterfactuals.table import NEEDED, counterfactuals_table
from palimpsest.files.measurements import read_measurements
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import interval_settings, run


def main(
    measurements: Annotated[
        list[Path], typer.Option(help="Measurements of one model, MODEL.parquet; repeat.")
    ],
    settings: Annotated[str, typer.Option(help="level, resamples, seed, as JSON.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
) -> None:
    intervals = Intervals(**interval_settings(settings))
    measured = {
        file.stem: read_measurements(file, NEEDED, "the counterfactuals") for file in measurements
    }
    table = counterfactuals_table(measured, intervals)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
