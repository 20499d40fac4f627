"""Table 2: what became of the domes, one row for each edit and method.

    python -m stages.tabulate_domes --measurements dome2spire.parquet \
        --measurements dome2tree.parquet --out table2_domes.csv \
        --settings '{"level": 0.95, "resamples": 2000, "seed": 0, "scale": "mini"}'
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.artefacts import atomic_path
from palimpsest.commands import run
from palimpsest.errors import ParameterError
from palimpsest.report.tables import domes_table, read_measurements


def main(
    measurements: Annotated[list[Path], typer.Option(help="Measurements of an edit (.parquet).")],
    settings: Annotated[str, typer.Option(help="level, resamples, seed, scale, as JSON.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
) -> None:
    try:
        asked = dict(json.loads(settings))
        level, resamples, seed = float(asked["level"]), int(asked["resamples"]), int(asked["seed"])
        scale = str(asked["scale"])
    except KeyError as problem:
        raise ParameterError(f"--settings: {problem.args[0]} is missing") from None
    except (ValueError, TypeError) as problem:
        raise ParameterError(f"--settings: {problem}") from problem
    measured = {file.stem: read_measurements(file) for file in measurements}
    table = domes_table(measured, scale=scale, level=level, resamples=resamples, seed=seed)
    with atomic_path(out) as path:
        table.to_csv(path, index=False)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
