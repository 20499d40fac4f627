"""Figures 13 and 16: the probe's curves, and beside them the effect of one edit at every layer.

A row for each generator, over its layers from coarse to fine: distance of pieces rendered alone to
pieces of whole images, a curve for each size; share of the pixels that an edit of that layer turned
as intended; share of the other labels that were kept. A generator without edits has the first plot
only. The chosen layers are shaded. The panel is that of `experiments.layers.curves_panel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from palimpsest.files.panels import Panel
from palimpsest.report.figures.axes import blend, plot_axes
from palimpsest.report.figures.layout import MARGIN, provenance, session_label
from palimpsest.report.figures.sheet import Sheet, Style

WIDTH, HEIGHT = 2.5, 1.75
"""Size of one plot, in inches."""

LEFT = 0.55
BETWEEN = 0.6
"""Space for the labels of the vertical axes, which differ from plot to plot."""

Columns = Mapping[str, np.ndarray]


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """For each generator: distance of the pieces, effect of an edit, labels kept elsewhere."""
    generators = panel.facts["generators"]
    head = style.line * 2.2
    foot = style.line * 3.4
    row = head + HEIGHT + foot
    across = 3 if any(map(_edited, generators)) else 1
    # the label under the last plot is wider than the plot
    width = 3 * MARGIN + LEFT + across * WIDTH + (across - 1) * BETWEEN
    sheet = Sheet(width, 2 * MARGIN + len(generators) * row, style)
    for i, about in enumerate(generators):
        top = MARGIN + i * row
        plots = [
            plot_axes(sheet, MARGIN + LEFT + k * (WIDTH + BETWEEN), top + head, WIDTH, HEIGHT)
            for k in range(3 if _edited(about) else 1)
        ]
        probe, edits = (_columns(panel.arrays, f"{name}_{i}_") for name in ("probe", "edits"))
        headings = [f"{about['name'].replace('_', ' ')}: pieces alone"]
        _distances(plots[0], probe, style)
        if _edited(about):
            headings += [session_label(about["session"]), "everything else"]
            _outcome(plots[1], edits, "turned_percent", style, style.accent)
            _outcome(plots[2], edits, "labels_kept_percent", style, style.ink)
            plots[1].set_ylabel("turned target (%)")
            plots[1].set_ylim(bottom=0)
            plots[2].set_ylabel("labels kept (%)")
        for plot, words in zip(plots, headings, strict=True):
            left = plot.get_position().x0 * sheet.width
            sheet.text(words, left, top + style.line * 0.7, weight="bold")
            _layers(plot, probe, about["layers"], style)
    return sheet, caption(panel)


def _edited(about: Mapping[str, Any]) -> bool:
    return about["session"] is not None


def _columns(arrays: Columns, prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _distances(plot: Axes, probe: Columns, style: Style) -> None:
    """A curve over the layers for each size of piece; smaller sizes are paler."""
    sizes = np.unique(probe["crop_pixels"])
    for place, size in enumerate(sizes):
        share = 0.65 * (1 - place / max(1, len(sizes) - 1))
        colour = blend(style.ink, style.ground, share)
        at = np.flatnonzero(probe["crop_pixels"] == size)
        at = at[np.argsort(probe["layer"][at])]
        x, y = probe["layer"][at], probe["relative"][at]
        plot.vlines(
            x, probe["relative_low"][at], probe["relative_high"][at], color=colour, linewidth=1.6
        )
        plot.plot(x, y, color=colour, linewidth=1.2, marker="o", markersize=2.6, label=f"{size} px")
    plot.set_ylim(bottom=0)
    plot.set_ylabel("distance / spread")
    _legend(plot, style)


def _outcome(plot: Axes, edits: Columns, measure: str, style: Style, colour: str) -> None:
    """A curve over the layers for each μ; larger ones are paler."""
    mus = np.unique(edits["mu"])
    for place, mu in enumerate(mus):
        share = 0.6 * place / max(1, len(mus) - 1)
        shade = blend(colour, style.ground, share)
        at = np.flatnonzero(edits["mu"] == mu)
        at = at[np.argsort(edits["layer"][at])]
        x = edits["layer"][at]
        low, high = edits[f"{measure}_low"][at], edits[f"{measure}_high"][at]
        plot.vlines(x, low, high, color=shade, linewidth=1.6, alpha=0.5)
        plot.plot(
            x,
            edits[measure][at],
            color=shade,
            linewidth=1.2,
            marker="o",
            markersize=2.6,
            label=f"μ = {mu:g}",
        )
    if len(mus) > 1:
        _legend(plot, style)


def _legend(plot: Axes, style: Style) -> None:
    size = style.font_size * 0.85
    plot.legend(frameon=False, fontsize=size, handlelength=1.2, labelcolor=style.ink)


def _layers(plot: Axes, probe: Columns, chosen: Sequence[int], style: Style) -> None:
    """Ticks of the layers with the width of their cells; the chosen ones are shaded."""
    layers, first = np.unique(probe["layer"], return_index=True)
    cells = probe["crop_pixels"][first] // probe["crop_cells"][first]
    plot.set_xticks(layers, [f"{n}\n{c}" for n, c in zip(layers, cells, strict=True)])
    plot.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    plot.set_xlabel("layer, and below it the width of its cells in pixels")
    plot.xaxis.label.set(fontsize=style.font_size, color=style.ink)
    for number in chosen:
        plot.axvspan(number - 0.5, number + 0.5, color=style.accent, alpha=0.09, linewidth=0)


def caption(panel: Panel) -> str:
    """The caption: what each plot shows, and the chosen layers."""
    facts = panel.facts
    edited = any(map(_edited, facts["generators"]))
    where, unseen = ("Left: the", " without using the edit") if edited else ("The", "")
    words = (
        f"Which layer to edit. {where} Fréchet distance between pieces rendered from a layer’s "
        "features alone and the same pieces of whole images, divided by the spread of such pieces; "
        f"a curve for each size of piece, with {100 * facts['level']:g} % intervals over "
        f"{facts['seeds']} seeds. "
    )
    if edited:
        words += (
            "Middle and right: the same edit made at every layer, with intervals over images. "
            "Middle: the percentage of the pixels to be changed that the edit turned into a target "
            "class. Right: the percentage of the other labels that stayed the same. "
        )
    found = "; ".join(_layers_and_edit(one) for one in facts["generators"])
    words += f"Shaded: the layers that the probe names{unseen} ({found}). {provenance(facts)}"
    return words.strip()


def _layers_and_edit(about: Mapping[str, Any]) -> str:
    """A generator's chosen layers, and the edit with its numbers of images."""
    layers = " and ".join(map(str, about["layers"])) or "none, because its curve does not fall"
    words = f"{about['name'].replace('_', ' ')}: {layers}"
    if not _edited(about):
        return words
    return (
        f"{words}, {session_label(about['session'])} in {about['edited']} images of which "
        f"{about['n_showing']} show the object to change"
    )
