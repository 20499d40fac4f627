"""The table of effect against locality, one row for each setting, and the panel of its figure.

    python -m stages.tabulate_tradeoff --measurements tradeoff.parquet --out tradeoff.csv \
        --out-panel figS2_tradeoff.npz --settings '{"level": 0.95, "resamples": 2000, "seed": 0}'
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.tradeoff.table import NEEDED, tradeoff_panel, tradeoff_table
from palimpsest.files.measurements import measured_facts, read_measurements
from palimpsest.files.panels import save_panel
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import interval_settings, run


def main(
    measurements: Annotated[Path, typer.Option(help="What sweep_tradeoff wrote (.parquet).")],
    settings: Annotated[str, typer.Option(help="level, resamples, seed, as JSON.")],
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    out_panel: Annotated[Path, typer.Option(help="Panel of the figure to write (.npz).")],
) -> None:
    intervals = Intervals(**interval_settings(settings))
    table = tradeoff_table(read_measurements(measurements, NEEDED, "the sweep"), intervals)
    panel = tradeoff_panel(table, measured_facts(measurements, "the sweep"), intervals.level)
    write_table(table, out)
    save_panel(out_panel, *panel)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
