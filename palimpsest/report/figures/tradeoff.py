"""Figure S2: effect against locality of the solver `newton`, over μ, rank and exemplars.

The panel holds the columns of `experiments.tradeoff.table`, (settings,) each. Three plots share the
axis of the effect. Left and middle: a curve over μ for each rank and each number of exemplars, from
large effect to high locality. Right: at one μ, the effect against the remaining share of the goal's
loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from palimpsest.files.panels import Panel
from palimpsest.lists_in_words import listed
from palimpsest.report.figures.axes import blend, plot_axes
from palimpsest.report.figures.layout import MARGIN, provenance, session_label
from palimpsest.report.figures.sheet import Sheet, Style

WIDTH, HEIGHT = 2.5, 2.4
"""Size of one plot, in inches."""

LEFT = 0.5
BETWEEN = 0.22

EFFECT = "modified_percent"
LOCALITY = "perceptual_masked"


@dataclass(frozen=True)
class Curve:
    """The curve of one rank or number of exemplars; ``at``: indices of its settings, by μ."""

    number: int
    colour: str
    at: np.ndarray


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Effect against locality by rank and by exemplars, and against the goal's loss."""
    columns = panel.arrays
    ranks, exemplars = _families(columns, style)
    chosen = middle_mu(columns["mu"])
    top = MARGIN + style.line * 2.5
    width = 2 * MARGIN + LEFT + 3 * WIDTH + 2 * BETWEEN
    sheet = Sheet(width, top + HEIGHT + style.line * 3 + MARGIN, style)
    headings = ("Rank, with one exemplar", "Exemplars, at rank one", "Meeting the goal")
    plots: list[Axes] = []
    for number, words in enumerate(headings):
        left = MARGIN + LEFT + number * (WIDTH + BETWEEN)
        sheet.text(words, left, MARGIN + style.line * 0.5, weight="bold")
        beside = plots[0] if plots else None
        plots.append(plot_axes(sheet, left, top, WIDTH, HEIGHT, beside))
    plots[0].set_ylim(0, _ceiling(columns[f"{EFFECT}_high"]))
    plots[0].set_ylabel(f"{' and '.join(panel.facts['source'])} pixels turned target (%)")
    _over_mu(plots[0], columns, ranks, ranks[0], style)
    _over_mu(plots[1], columns, exemplars, exemplars[-1], style)
    _over_loss(plots[2], columns, {"rank": ranks, "exemplars": exemplars}, chosen, style)
    return sheet, caption(panel)


def middle_mu(mus: np.ndarray) -> float:
    """The median of the μ values."""
    tried = np.unique(mus)
    return float(tried[len(tried) // 2])


def _families(columns: Mapping[str, np.ndarray], style: Style) -> tuple[list[Curve], list[Curve]]:
    """Curves by rank with one exemplar (greys), and by exemplars at rank one (reds).

    Rank one with one exemplar is in both families, in the ink's colour.
    """
    rank, exemplars = columns["rank"], columns["exemplars"]

    def shade(colour: str, paleness: float) -> str:
        return blend(colour, style.ground, paleness)

    grey = (shade(style.ink, 0.3), shade(style.ink, 0.7))
    red = (shade(style.accent, 0.6), style.accent)
    return (
        _curves(columns, rank, exemplars == 1, grey, style),
        _curves(columns, exemplars, rank == 1, red, style),
    )


def _curves(
    columns: Mapping[str, np.ndarray],
    varied: np.ndarray,
    where: np.ndarray,
    ends: tuple[str, str],
    style: Style,
) -> list[Curve]:
    """A curve for every value of ``varied`` (settings,), of the settings where ``where`` holds."""
    by_mu = np.argsort(columns["mu"], kind="stable")
    curves = []
    numbers = np.unique(varied[where])
    others = numbers[numbers > 1]
    for number in numbers:
        place = np.searchsorted(others, number) / max(1, len(others) - 1)
        colour = style.ink if number == 1 else blend(*ends, float(place))
        curves.append(Curve(int(number), colour, by_mu[(where & (varied == number))[by_mu]]))
    return curves


def _over_mu(
    plot: Axes,
    columns: Mapping[str, np.ndarray],
    curves: Sequence[Curve],
    marked: Curve,
    style: Style,
) -> None:
    """Draw curves over μ, with the values of μ at the points of the ``marked`` curve."""
    x, y = columns[LOCALITY], columns[EFFECT]
    for curve in curves:
        _intervals(plot, x, columns, curve.at, curve.colour)
        look = {"color": curve.colour, "linewidth": 1.3, "marker": "o", "markersize": 2.6}
        plot.plot(x[curve.at], y[curve.at], label=str(curve.number), **look)
    plot.set_xscale("log")
    seen = x[np.isfinite(x) & (x > 0)]
    if len(seen):  # the same limits in both plots, for comparison
        plot.set_xlim(seen.min() / 1.25, seen.max() * 1.15)
    plot.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    plot.xaxis.set_minor_locator(NullLocator())
    plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    plot.set_xlabel("perceptual distance outside (log)")
    # from high locality to large effect: the first label always fits
    at = marked.at[::-1]
    words = [f"{'' if i else 'μ = '}{mu:g}" for i, mu in enumerate(columns["mu"][at])]
    _label(plot, x[at], y[at], words, [marked.colour] * len(at), style)
    _legend(plot, style)


def _over_loss(
    plot: Axes,
    columns: Mapping[str, np.ndarray],
    families: Mapping[str, Sequence[Curve]],
    mu: float,
    style: Style,
) -> None:
    """Draw, at one μ, the effect against the remaining share of the goal's loss."""
    left, effect = 100 * columns["loss_after"] / columns["loss_before"], columns[EFFECT]
    most = 10 * np.ceil((left[columns["mu"] == mu].max() + 4) / 10)
    plot.set_xlim(-0.04 * most, most)
    for name, curves in families.items():
        at = np.concatenate([curve.at[columns["mu"][curve.at] == mu] for curve in curves])
        colours = [curve.colour for curve in curves]
        shade = colours[len(colours) // 2]
        plot.plot(left[at], effect[at], color=shade, linewidth=1.2, label=name)
        for i, colour in zip(at, colours, strict=True):
            _intervals(plot, left, columns, np.array([i]), colour)
            plot.plot(left[i], effect[i], color=colour, marker="o", markersize=4.5)
        # the last label first: it shows the range
        words = [str(curve.number) for curve in curves]
        _label(plot, left[at][::-1], effect[at][::-1], words[::-1], colours[::-1], style)
    plot.set_xlabel(f"goal loss left (%), at μ = {mu:g}")
    _legend(plot, style)


def _intervals(
    plot: Axes, x: np.ndarray, columns: Mapping[str, np.ndarray], at: np.ndarray, colour: str
) -> None:
    low, high = columns[f"{EFFECT}_low"][at], columns[f"{EFFECT}_high"][at]
    plot.vlines(x[at], low, high, color=colour, alpha=0.3, linewidth=0.9)


def _label(
    plot: Axes,
    x: np.ndarray,
    y: np.ndarray,
    words: Sequence[str],
    colours: Sequence[str],
    style: Style,
) -> None:
    """Draw labels above points if they do not overlap; the first ones have priority."""
    taken = [label.get_window_extent() for label in plot.texts]
    for point, text, colour in zip(np.stack([x, y], axis=1), words, colours, strict=True):
        if not np.isfinite(point).all():
            continue
        label = plot.annotate(text, point, xytext=(0, 5), textcoords="offset points", ha="center")
        # labels are darker than their curves, for legibility
        label.set(fontsize=style.font_size * 0.85, color=blend(colour, style.ink, 0.4))
        label.set_path_effects([withStroke(linewidth=2, foreground=style.ground)])
        box = label.get_window_extent().padded(style.font_size * style.dpi / 600, 0)
        if any(box.overlaps(other) for other in taken):
            label.remove()
        else:
            taken.append(box)


def _legend(plot: Axes, style: Style) -> None:
    """Draw the legend in a line above the plot."""
    handles, labels = plot.get_legend_handles_labels()
    plot.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=max(1, len(labels)),
        frameon=False,
        borderaxespad=0.1,
        borderpad=0.1,
        handlelength=1.0,
        handletextpad=0.4,
        columnspacing=1.0,
        fontsize=style.font_size * 0.95,
        labelcolor=style.ink,
    )


def _ceiling(highs: np.ndarray) -> float:
    """Upper limit of the effect's axis, in per cent."""
    highest = highs[np.isfinite(highs)].max(initial=0)
    return min(100.0, 10 * np.ceil((highest + 4) / 10)) if highest > 0 else 100.0


def caption(panel: Panel) -> str:
    """The caption: what is shown, how it was measured, and on how many images."""
    facts, columns = panel.facts, panel.arrays
    mus = np.unique(columns["mu"])
    ranks = listed(np.unique(columns["rank"][columns["exemplars"] == 1]))
    counts = listed(np.unique(columns["exemplars"][columns["rank"] == 1]))
    return (
        f"{session_label(facts['session'])}: how smoothness μ (the paper’s λ), rank and number of "
        f"exemplars affect an edit of layer {facts['layer']} by newton. Higher in a plot is more "
        "effect. Left and middle: further left is less change elsewhere; a curve runs over μ from "
        f"{mus[0]:g} (right) to {mus[-1]:g} (left), and one curve of each plot is labelled with "
        f"its values of μ. Left: the first exemplar alone, at rank {ranks}. Middle: rank one, with "
        f"the first {counts} exemplars. Right: the same edits at μ = {middle_mu(mus):g}, against "
        "the share of their own goal’s loss that is left; a lower loss does not always mean more "
        f"effect. Bars are {100 * facts['level']:g} % intervals over images; all settings are "
        "measured on the same images, so differences are more certain than the bars suggest. The "
        f"distance ({facts['perceptual']}) is a mean over all images; {facts['n_showing']} of them "
        f"show a {' or '.join(facts['source'])}. {provenance(facts)}"
    ).strip()
