"""Figure S7: the Fréchet distance of a generator of photographs as its training goes on.

The panel is that of `experiments.grading.training_curve.curve_panel`. The distance's axis is
logarithmic. A band is the interval of the distance; a line is the floor, with other photographs in
place of samples.
"""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FuncFormatter

from palimpsest.files.panels import Panel
from palimpsest.report.figures.axes import blend, plot_axes
from palimpsest.report.figures.layout import MARGIN, provenance
from palimpsest.report.figures.sheet import Sheet, Style

WIDTH, HEIGHT = 4.2, 2.6
"""Size of the plot, in inches."""

LEFT = 0.5


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Fréchet distance against photographs shown, beside its floor."""
    columns = panel.arrays
    order = np.argsort(columns["images"])
    shown, resolution = columns["images"][order] / 1000, columns["resolution"][order]
    distance, low, high = (columns[f"frechet{end}"][order] for end in ("", "_low", "_high"))
    # the axis has no zero, and a few images have no interval
    low, high = np.where(low > 0, low, distance), np.where(np.isnan(high), distance, high)
    floor = float(columns["frechet_floor"][0])
    top = MARGIN + style.line * 2
    sheet = Sheet(2 * MARGIN + LEFT + WIDTH, top + HEIGHT + style.line * 3 + MARGIN, style)
    sheet.text("Samples against held-out photographs", MARGIN + LEFT, MARGIN + style.line * 0.5)
    plot = plot_axes(sheet, MARGIN + LEFT, top, WIDTH, HEIGHT)
    plot.set_yscale("log")
    plot.axhline(floor, color=blend(style.ink, style.ground, 0.3), linewidth=1, linestyle="--")
    floor_low, floor_high = (float(columns[f"frechet_floor{end}"][0]) for end in ("_low", "_high"))
    plot.axhspan(max(floor_low, floor / 10), floor_high, color=style.ink, alpha=0.08, linewidth=0)
    plot.fill_between(shown, low, high, color=style.accent, alpha=0.2, linewidth=0)
    plot.plot(shown, distance, color=style.accent, linewidth=1.3)
    sides = np.unique(resolution)
    for number, side in enumerate(sides):
        at = resolution == side
        paleness = 0.6 * (1 - number / max(1, len(sides) - 1))
        colour = blend(style.accent, style.ground, paleness)
        label = f"{side} × {side}"
        plot.plot(shown[at], distance[at], "o", color=colour, markersize=4.5, label=label)
    plot.set_ylim(floor / 3, max(high.max(), floor) * 1.5)
    plot.annotate(
        "floor: other photographs",
        (0.99, floor),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=style.font_size * 0.85,
        color=style.ink,
    )
    plot.legend(fontsize=style.font_size * 0.9, frameon=False, labelcolor=style.ink)
    for axis in (plot.xaxis, plot.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    plot.set_xlabel("photographs shown (thousands)")
    plot.set_ylabel("Fréchet distance")
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """What one sees, from what, and the last distance beside its floor."""
    columns, facts = panel.arrays, panel.facts
    last = int(np.argmax(columns["images"]))
    return (
        f"Fréchet distance of {facts['model']} to the held-out photographs, in pooled features of "
        f"{facts['features']}, as its training goes on. Last point: "
        f"{columns['frechet'][last]:.3g} after {int(columns['images'][last]):,} photographs; the "
        f"floor is {columns['frechet_floor'][last]:.3g}, of as many other photographs. Samples of "
        f"a lower resolution were enlarged. Bands: 95 % intervals {provenance(facts)}"
    )
