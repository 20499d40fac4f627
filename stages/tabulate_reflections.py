"""The table of the reflections: the rule before and after, one row for each layer and edit.

    python -m stages.tabulate_reflections --measurements reflections.parquet \
        --settings '{"level": 0.95, "resamples": 2000, "seed": 0}' --out reflection.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.reflections.table import read_rule, reflection_table
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import interval_settings, run


def main(
    measurements: Annotated[Path, typer.Option(help="What measure_reflections wrote (.parquet).")],
    settings: Annotated[str, typer.Option(help="level, resamples, seed, as JSON.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
) -> None:
    asked = interval_settings(settings)
    measured = read_rule(measurements)
    table = reflection_table(measured, **asked)
    write_table(table, out)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
