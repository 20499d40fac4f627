"""Axes on a sheet: a plot placed in inches, in the style of all curves.

plot = plot_axes(sheet, left=0.6, top=0.4, width=2.5, height=2.0)
plot.plot(layers, distances, color=blend(style.ink, style.ground, 0.3))
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from palimpsest.report.figures.sheet import Sheet


def plot_axes(
    sheet: Sheet, left: float, top: float, width: float, height: float, beside: Axes | None = None
) -> Axes:
    """Axes at a place of the sheet (inches from its top left), with the vertical axis of
    ``beside``."""
    style = sheet.style
    place = (left / sheet.width, 1 - (top + height) / sheet.height)
    size = (width / sheet.width, height / sheet.height)
    plot = sheet.figure.add_axes((*place, *size), facecolor="none", sharey=beside)
    plot.tick_params(labelsize=style.font_size * 0.9, colors=style.ink, length=2.5, width=0.6)
    for side, spine in plot.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=style.ink, linewidth=0.6)
    plot.grid(True, color=style.ink, alpha=0.1, linewidth=0.5)
    plot.set_axisbelow(True)
    if beside is not None:
        plot.tick_params(labelleft=False)
    for axis in (plot.xaxis, plot.yaxis):
        axis.label.set(fontsize=style.font_size, color=style.ink)
    return plot


def blend(first: str, second: str, share: float) -> str:
    """A mixture of two colours, as ``#rrggbb``; ``share`` 0 gives the first, 1 the second."""
    return to_hex((1 - share) * np.array(to_rgb(first)) + share * np.array(to_rgb(second)))
