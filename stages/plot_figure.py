"""One figure drawn from its panel: a PNG, and its caption beside it.

    python -m stages.plot_figure --figure fig09_windows --panel fig09_windows.npz \
        --style '{"dpi": 150, "scale": "mini"}' --out fig09_windows.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.files.panels import Panel, load_panel
from palimpsest.pipeline.commands import run
from palimpsest.report.figures import Style, draw_figure
from palimpsest.report.figures.comparison import join
from palimpsest.settings import object_from_json, validated


def main(
    figure: Annotated[str, typer.Option(help="Name of the figure.")],
    panel: Annotated[
        list[Path], typer.Option(help="Panel of the figure (.npz); repeatable for a comparison.")
    ],
    style: Annotated[
        str,
        typer.Option(help="Style and scale, as JSON: dpi, font_size, accent, ink, ground, scale."),
    ],
    out: Annotated[Path, typer.Option(help="Figure to write (.png).")],
) -> None:
    """Write the figure, with its facts in the PNG, and its caption as .txt."""
    looks = object_from_json("--style", style)
    scale = looks.pop("scale", None)
    appearance = validated("--style", looks, Style)
    parts = [load_panel(file) for file in panel]
    read = parts[0] if len(parts) == 1 else join(parts)
    facts = {**read.facts, **({"scale": scale} if scale else {})}
    print(draw_figure(figure, Panel(read.arrays, facts), appearance, out))


if __name__ == "__main__":
    run(main)
