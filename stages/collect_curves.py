"""Panel of a figure of layer curves, from the tables of the probe.

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
from palimpsest.pipeline.shared_options import PanelFile


def main(
    probe: Annotated[Path, typer.Option(help="Table of the distances by layer and size (.csv).")],
    choice: Annotated[Path, typer.Option(help="Table of the chosen layers (.csv).")],
    edits: Annotated[Path, typer.Option(help="Table of the edits at every layer (.csv).")],
    generator: Annotated[list[str], typer.Option(help="Generator to show; repeatable.")],
    out: PanelFile,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
) -> None:
    """Write the curves of the given generators as one panel."""
    # layers as text: a single layer in a row would be read as a number
    tables = [pd.read_csv(file, dtype={"layers": str}) for file in (probe, choice, edits)]
    arrays, facts = curve_panel(*tables, generator, level)
    save_panel(out, arrays, {"figure": out.stem, **facts})
    print(f"{out.stem}: {', '.join(generator)}")


if __name__ == "__main__":
    run(main)
