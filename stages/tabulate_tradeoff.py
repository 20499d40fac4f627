"""Table of effect against locality, one row for each setting, and the panel of its figure.

    python -m stages.tabulate_tradeoff --measurements tradeoff.parquet --out tradeoff.csv \
        --out-panel figS2_tradeoff.npz --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}'
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
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, PanelFile, TableFile
from palimpsest.settings import settings_from_json


def main(
    measurements: Annotated[Path, typer.Option(help="Measurements by sweep_tradeoff (.parquet).")],
    intervals: IntervalsJson,
    out: TableFile,
    out_panel: PanelFile,
) -> None:
    """Write the table of all settings and the panel that figure S2 is drawn from."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    table = tradeoff_table(read_measurements(measurements, NEEDED, "the sweep"), settings)
    panel = tradeoff_panel(table, measured_facts(measurements, "the sweep"), settings.level)
    write_table(table, out)
    save_panel(out_panel, *panel)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
