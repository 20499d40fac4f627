"""Drawing a picture with units switched at painted places.

    image = image_with_units(g, keys, [(place, stats), ...])

A unit is a channel of a layer's keys. Off is zero. On is the level `LEVEL` of the unit's own
distribution over all cells of many samples: a value that it reaches now and then, so that the
layers above know it. Both are blended by the painted share of each cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from palimpsest.editor.work import UnitPlace
from palimpsest.errors import StatisticsError
from palimpsest.generators import Generator, KeyState
from palimpsest.memory import KeyStatistics
from palimpsest.memory.statistics import QUANTILE_LEVELS

LEVEL = 0.999
"""Quantile of a unit that is on; the original code marks matches above the same level."""

LOW_LEVEL = 1 / 256
"""The same for a unit that reaches further below zero than above; lower ones are not kept."""


def image_with_units(
    g: Generator, keys: KeyState, places: Sequence[tuple[UnitPlace, KeyStatistics | None]]
) -> Tensor:
    """The picture of one sample (1, 3, H, W) from its keys, with units switched at ``places``.

    ``keys`` are of a layer not above any of the places', as the unedited layers below it draw them;
    statistics are of the place's layer, and needed where a unit is on.
    """
    state = keys
    with torch.no_grad():
        for place, stats in sorted(places, key=lambda one: one[0].layer):
            if state.layer < place.layer:
                state = g.keys_at(g.layer(state.layer).values(state), place.layer)
            state = with_units(state, place, stats, g.layer(place.layer).margin)
        layer = g.layer(state.layer)
        return layer.render(layer.values(state))


def with_units(
    state: KeyState, place: UnitPlace, stats: KeyStatistics | None, margin: int = 0
) -> KeyState:
    """Keys with the units of a place switched in its cells; ``stats`` are needed for what is on.

    ``margin``: that of the layer.
    """
    k = state.k.clone()
    share = place.place.area(tuple(k.shape[2:]), margin=margin).to(k)
    off, on = list(place.off), list(place.on)
    if off:
        k[:, off] *= 1 - share
    if on:
        assert stats is not None
        level = on_levels(stats)[on].to(k)[:, None, None]
        k[:, on] += share * (level - k[:, on])
    return replace(state, k=k)


def on_levels(stats: KeyStatistics) -> Tensor:
    """The value of each unit that is on, (N,) float64.

    Keys are activations times the style of a sample, which may be negative: the level of a unit
    that reaches further below zero than above is at the lower end. Raises `StatisticsError` for
    statistics without quantiles.
    """
    if stats.unit_quantiles is None:
        raise StatisticsError("these statistics hold no unit quantiles; collect them again")
    quantiles = stats.unit_quantiles.to(torch.float64)

    def at(level: float) -> Tensor:
        return quantiles[:, int((QUANTILE_LEVELS - level).abs().argmin())]

    negative = at(LOW_LEVEL).abs() > at(1 - LOW_LEVEL).abs()
    return torch.where(negative, at(LOW_LEVEL), at(LEVEL))
