"""The figures: each draws a panel; `FIGURES` maps names to functions panel → (sheet, caption).

    draw_figure("fig09_windows", panel, Style(), "results/figures/fig09_windows.png")

`palimpsest.experiments` computes what these draw (`palimpsest.experiments.panels`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.files.panels import Panel
from palimpsest.report.figures import (
    comparison,
    doors,
    grid,
    layers,
    memory,
    pairs,
    pieces,
    reflections,
    reproductions,
    rules,
    session,
    tradeoff,
    training_curve,
    units,
    watermarks,
    world,
)
from palimpsest.report.figures.layout import GENERATOR, QUICK, mark_as_quick
from palimpsest.report.figures.sheet import Sheet, Style, facts_of
from palimpsest.worlds import world_names

__all__ = ["FIGURES", "Sheet", "Style", "draw_figure", "facts_of"]

Draw = Callable[[Panel, Style], tuple[Sheet, str]]

FIGURES: dict[str, Draw] = {
    "fig01_rules": rules.draw,
    "fig02_memory": memory.draw,
    "fig03_session": session.draw,
    "fig04_comparison": comparison.draw,
    "fig05_watermarks": watermarks.draw,
    "fig06_reflections": reflections.draw,
    "fig07_hats": pairs.draw,
    "fig08_tails": pairs.draw,
    "fig09_windows": pairs.draw,
    "fig10_trees": pairs.draw,
    "fig11_earrings": pairs.draw,
    "fig12_glasses": pairs.draw,
    "figS1_doors": doors.draw,
    "fig13_probe_stylegan2": layers.draw,
    "fig14_patches_church": pieces.draw,
    "fig15_patches_kitchen": pieces.draw,
    "fig16_probe_progressive": layers.draw,
    "fig17_patches_church_progressive": pieces.draw,
    "fig18_patches_kitchen_progressive": pieces.draw,
    "figS2_tradeoff": tradeoff.draw,
    "figS5_photographs": reproductions.draw_photographs,
    "figS6_units": units.draw,
    "figS7_training_curve_photo_faces": training_curve.draw,
    "figS8_glasses_off": pairs.draw,
    "figS9_moustache_on": pairs.draw,
    "figS10_renders": reproductions.draw_renders,
    **{f"{GENERATOR}{name}": grid.draw for name in world_names()},
    **{f"figS4_world_{name}": world.draw for name in world_names()},
}


def draw_figure(name: str, panel: Panel, style: Style, out: str | Path) -> str:
    """Draw one figure to the PNG ``out`` with its caption beside it, and return the caption.

    Raises `ParameterError` for an unknown figure, and `PalimpsestError` for a panel that lacks an
    array or fact.
    """
    draw = grid.draw if name.startswith(GENERATOR) else FIGURES.get(name)
    if draw is None:
        raise ParameterError(f"no figure is called {name!r}; there are: {', '.join(FIGURES)}")
    try:
        sheet, caption = draw(panel, style)
    except KeyError as problem:
        raise PalimpsestError(
            f"figure {name}: its panel has no {problem.args[0]!r}; compute the panel again"
        ) from problem
    if panel.facts.get("scale") == QUICK:
        mark_as_quick(sheet)
    sheet.save(out, caption, panel.facts)
    return caption
