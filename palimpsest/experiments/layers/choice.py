"""The layers to edit, chosen from the curve of the layer probe (Appendix H).

    choice = choose_layers(table[table["generator"] == "church"])
    choice.layer, choice.layers, choice.why         # 6, (6, 7), "pieces of 32 and 64 px ..."

An edit changes what single keys retrieve. That needs two properties, which conflict:

- *independence*: the keys of a place must determine its pixels without the keys around it. The
  probe measures this: the distance of pieces rendered alone to pieces of whole images falls from
  layer to layer.
- *reach*: one key must cover much of an object; an object of many different keys cannot be matched
  by one rule. Early layers have wide cells, and more layers after them to draw the change.

So the layer to edit is the earliest one that is independent enough. The criterion has no parameter:
the curve is the distance as a share of the spread of such pieces, averaged over the sizes that
every layer was probed at; its *knee* is the layer that lies farthest below the straight line from
the first probed layer to the last (Satopaa et al. 2011). Before the knee every layer gains much,
after it little. The chosen layers are the knee and the later layers with cells of the same width,
which are more independent at the same reach. The knee depends on where the line ends: probe from
the 4 x 4 keys to those so fine that no rule is expected there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.lists_in_words import listed


class NoKneeError(PalimpsestError):
    """A probe whose curve does not fall, so that no layer can be chosen."""


LEAST_LAYERS = 3
"""A knee needs a layer between the first and the last."""


@dataclass(frozen=True)
class LayerChoice:
    """``layers`` fit for editing, ascending; ``layer``: the one to try first; ``why`` in words.

    ``curve``: by layer, the distance as a share of the spread; ``below``: by layer, its depth below
    the line, in units of the fall from the first layer to the last.
    """

    layers: tuple[int, ...]
    layer: int
    why: str
    curve: Mapping[int, float]
    below: Mapping[int, float]


def choose_layers(probe: pd.DataFrame) -> LayerChoice:
    """The choice of layers from one generator's probe.

    Args:
        probe: rows of one generator: layer, crop_pixels, crop_cells and ``relative``, the distance
            as a share of the spread.

    Raises `PalimpsestError` for fewer than three layers or no size that all of them share, and
    `NoKneeError` for distances that do not fall from the first layer to the last.
    """
    by_size = probe.pivot(index="layer", columns="crop_pixels", values="relative").sort_index()
    shared = by_size.dropna(axis="columns")
    if len(by_size) < LEAST_LAYERS:
        raise PalimpsestError(
            f"layers {list(by_size.index)}: a knee needs at least {LEAST_LAYERS}; probe more"
        )
    if shared.columns.empty:
        raise PalimpsestError(
            f"layers {list(by_size.index)}: no size was probed at all of them; probe pieces as "
            "wide as the widest cells"
        )
    curve = shared.mean(axis="columns")
    if not curve.iloc[0] > curve.iloc[-1]:
        raise NoKneeError(
            f"layers {list(by_size.index)}: pieces of the last are no closer to those of whole "
            "images than pieces of the first; probe more samples, or other layers"
        )
    below = depth_below_line(curve.to_numpy())
    knee = int(curve.index[int(below.argmax())])
    widths = (probe["crop_pixels"] / probe["crop_cells"]).groupby(probe["layer"]).first()
    named = tuple(
        int(number) for number in curve.index if number >= knee and widths[number] == widths[knee]
    )
    return LayerChoice(
        named,
        knee,
        _why(curve, below, knee, named, widths, [int(size) for size in shared.columns]),
        {int(number): float(value) for number, value in curve.items()},
        {int(number): float(value) for number, value in zip(curve.index, below, strict=True)},
    )


def depth_below_line(curve: np.ndarray) -> np.ndarray:
    """Depth (L,) of each point of a falling curve (L,) below the line between its ends.

    Both axes run from 0 to 1; the ends have depth 0.
    """
    along = np.linspace(0, 1, len(curve))
    height = (curve - curve[-1]) / (curve[0] - curve[-1])
    return 1 - along - height


def _why(
    curve: pd.Series,
    below: np.ndarray,
    knee: int,
    named: tuple[int, ...],
    widths: pd.Series,
    sizes: list[int],
) -> str:
    first = int(curve.index[0])
    second = int(curve.index[int(np.argsort(-below, kind="stable")[1])])
    words = (
        f"pieces of {listed(sizes)} px made by layer {knee} alone are {_percent(curve[knee])} of "
        f"their spread away from those of whole images ({_percent(curve[first])} at layer "
        f"{first}); before it every layer gains much, after it little (next to it: layer {second})"
    )
    if later := [number for number in named if number > knee]:
        words += (
            f"; layer {listed(later)} has cells as wide, {widths[knee]:g} px, and is at "
            f"{_percent(curve[later[-1]])}"
        )
    return words


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"
