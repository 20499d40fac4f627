"""Table of a class before and after its units are switched, and the panel of Figure S6.

    python -m stages.tabulate_units --measurements units.parquet --pictures units_pictures.npz \
        --intervals '{"level": 0.95, "resamples": 2000, "seed": 0}' --out units.csv \
        --out-panel figS6_units.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.units.table import NEEDED, units_panel, units_table
from palimpsest.files.measurements import read_measurements
from palimpsest.files.panels import load_panel, save_panel
from palimpsest.files.tables import write_table
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import IntervalsJson, PanelFile, TableFile
from palimpsest.settings import settings_from_json


def main(
    measurements: Annotated[Path, typer.Option(help="Measurements by measure_units (.parquet).")],
    pictures: Annotated[Path, typer.Option(help="Pictures by measure_units (.npz).")],
    intervals: IntervalsJson,
    out: TableFile,
    out_panel: PanelFile,
) -> None:
    """Write the table of all ways to switch units and the panel that figure S6 is drawn from."""
    settings = settings_from_json("--intervals", intervals, Intervals)
    table = units_table(read_measurements(measurements, NEEDED, "the units"), settings)
    panel = units_panel(table, load_panel(pictures))
    write_table(table, out)
    save_panel(out_panel, *panel)
    print(f"{out}: {len(table)} rows")


if __name__ == "__main__":
    run(main)
