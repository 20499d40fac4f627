"""The table of the reflections: the rule before and after, one row for each layer and edit.

    python -m stages.tabulate_reflections --measurements reflections.parquet \
        --settings '{"level": 0.95, "resamples": 2000, "seed": 0}' --out reflection.csv
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.artefacts import atomic_path
from palimpsest.commands import run
from palimpsest.errors import ParameterError
from palimpsest.report.reflection_table import read_rule, reflection_table


def main(
    measurements: Annotated[Path, typer.Option(help="What measure_reflections wrote (.parquet).")],
    settings: Annotated[str, typer.Option(help="level, resamples, seed, as JSON.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
) -> None:
    try:
        asked = dict(json.loads(settings))
        level, resamples, seed = float(asked["level"]), int(asked["resamples"]), int(asked["seed"])
    except KeyError as problem:
        raise ParameterError(f"--settings: {problem.args[0]} is missing") from None
    except (ValueError, TypeError) as problem:
        raise ParameterError(f"--settings: {problem}") from problem
    measured = read_rule(measurements)
    table = reflection_table(measured, level=level, resamples=resamples, seed=seed)
    with atomic_path(out) as path:
        table.to_csv(path, index=False)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
