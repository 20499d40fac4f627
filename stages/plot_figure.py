"""Draw one figure from its panel: a PNG, and its caption beside it.

    python -m stages.plot_figure --figure fig09_windows --panel fig09_windows.npz \
        --style '{"dpi": 150, "scale": "mini"}' --out fig09_windows.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.files.panels import Panel, load_panel
from palimpsest.pipeline.commands import json_settings, run
from palimpsest.report.figures import Style, draw_figure
from palimpsest.report.figures.comparison import join


def main(
    figure: Annotated[str, typer.Option(help="Name of the figure.")],
    panel: Annotated[
        list[Path], typer.Option(help="What it shows (.npz); repeat for a comparison in parts.")
    ],
    style: Annotated[str, typer.Option(help="How it looks, and the scale it names, as JSON.")],
    out: Annotated[Path, typer.Option(help="Picture to write (.png).")],
) -> None:
    looks = json_settings("--style", style)
    parts = [load_panel(file) for file in panel]
    read = parts[0] if len(parts) == 1 else join(parts)
    scale = looks.pop("scale", None)
    facts = {**read.facts, **({"scale": scale} if scale else {})}
    print(draw_figure(figure, Panel(read.arrays, facts), Style.from_dict(looks), out))


if __name__ == "__main__":
    run(main)
