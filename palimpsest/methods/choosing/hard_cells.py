"""Hard cells: those that an edit changes in the image although they should stay.

    cells = hard_cells(layer, weight, changing, z)
    cells(layer.keys(z))                # (B, h, w) bool

Directions and penalty come from the second moment of all keys that should stay, where each counts
alike. But most of these keys an edit hardly touches, and at others it shows. As with hard negatives
in the training of a classifier, the latter are counted again, and the edit is solved anew: its
direction turns away from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.generators.base import KeyState, Layer
from palimpsest.generators.picture_cells import around_picture, within_picture
from palimpsest.generators.samples import images_at_once
from palimpsest.methods.choosing.changing import Cells

BATCH = 16
"""Samples of 128 pixels whose images are compared at once."""


def hard_cells(layer: Layer, weight: Tensor, changing: Cells, z: Tensor) -> Cells:
    """A function of keys: the cells (B, h, w) bool that ``weight`` changes more than others.

    These are the cells outside ``changing`` whose part of the image changes by more than the mean
    over all such cells of the samples ``z``. None lies beyond the picture's edge.
    """

    def change(state: KeyState) -> tuple[Tensor, Tensor]:
        """Mean absolute change of each cell's pixels, and whether the cell should stay."""
        before, after = (layer.render(layer.values(state, one)) for one in (None, weight))
        cells = tuple(side - 2 * layer.margin for side in layer.key_shape)
        changed = F.adaptive_avg_pool2d((after - before).abs().mean(1, keepdim=True), cells)
        stays = ~changing(state).to(changed.device)
        return around_picture(changed[:, 0], layer.margin), stays

    total, count = 0.0, 0
    with torch.inference_mode():
        for part in z.split(images_at_once(layer.generator.resolution, BATCH)):
            seen = change(layer.keys(part))
            changed, stays = (within_picture(one, layer.margin) for one in seen)
            total, count = total + float(changed[stays].double().sum()), count + int(stays.sum())
    usual = total / count if count else 0.0

    def hard(state: KeyState) -> Tensor:
        changed, stays = change(state)
        return stays & (changed > usual)

    return hard


def finer(mu: float, grid: Sequence[float]) -> list[float]:
    """``mu`` of ``grid``, and the values halfway (geometrically) to those next to it, ascending.

    The latter have three digits. At an end of the grid its last step is continued. A grid of one
    value, and a step from or to zero, give no further values.
    """
    steps = sorted(set(grid))
    i = steps.index(mu)
    ratios = [after / before for before, after in pairwise(steps) if before > 0]
    if not ratios or mu == 0:
        return [mu]
    first = len(steps) - 1 - len(ratios)  # the step from zero has no ratio
    below = ratios[max(i - 1 - first, 0)]
    above = ratios[min(i - first, len(ratios) - 1)]
    return [_rounded(mu / math.sqrt(below)), mu, _rounded(mu * math.sqrt(above))]


def most_finer(grid: Sequence[float]) -> int:
    """The most values that `finer` gives for a μ of ``grid``."""
    return max(len(finer(mu, grid)) for mu in grid)


def _rounded(mu: float) -> float:
    return float(f"{mu:.3g}")
