"""Collect what a figure of the layers shows from the tables of the probe.

    python -m stages.collect_curves --probe layer_probe.csv --choice layer_choice.csv \
        --edits layer_edits.csv --generator church --out fig13_probe_stylegan2.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from palimpsest.experiments.layers.curves_panel import curve_panel
from palimpsest.files.panels import save_panel
from palimpsest.pipeline.commands import run


def main(
    probe: Annotated[Path, typer.Option(help="Distances by layer and size (.csv).")],
    choice: Annotated[Path, typer.Option(help="The layers chosen (.csv).")],
    edits: Annotated[Path, typer.Option(help="What an edit reached at each layer (.csv).")],
    generator: Annotated[list[str], typer.Option(help="A generator to show; repeat.")],
    out: Annotated[Path, typer.Option(help="Panel to write (.npz).")],
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
) -> None:
    # as text: one layer alone in a row would be read as a number
    tables = [pd.read_csv(file, dtype={"layers": str}) for file in (probe, choice, edits)]
    arrays, facts = curve_panel(*tables, generator, level)
    save_panel(out, arrays, {"figure": out.stem, **facts})
    print(f"{out.stem}: {', '.join(generator)}")


if __name__ == "__main__":
    run(main)
