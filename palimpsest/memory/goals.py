"""The goal of an edit: keys, the target values for them, and a weight for each cell.

Copy and paste (paper, section 3.1): an object's values are cut out of one sample and pasted over
the values of another sample; the keys of that sample with these values are the goal::

    clip = copy_object(layer.values(donor), donor_mask)
    goal = paste_goal(layer, layer.keys(z), clip, centre=(9, 7))
    edit = insert(layer, goal.state, goal.target, D, weights=goal.weights)

The goal is cropped to the smallest box of keys that covers the paste. At the edge of a crop the
convolution would see zeros instead of neighbouring keys, so one more ring of keys is kept around
the box and its cells get weight zero: the fitted values are then those of the full image.
``halo=0`` crops at the box itself, as the original code does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError, SessionError
from palimpsest.generators.base import KeyState, Layer, ValueState

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Goal:
    """Keys and their target values.

    ``state``: keys of B samples; ``target`` (B, M, H', W'): target values of the same window;
    ``weights`` (B, H', W'), not negative: weight of each cell, None for equal weights.
    """

    state: KeyState
    target: Tensor
    weights: Tensor | None = None


def goal_arguments(goals: Sequence[Goal]) -> dict[str, Any]:
    """Several goals as keyword arguments of `insert` and `pose`."""
    return {
        "state": [goal.state for goal in goals],
        "target": [goal.target for goal in goals],
        "weights": [goal.weights for goal in goals],
    }


@dataclass(frozen=True)
class Clip:
    """An object cut out of one sample: ``values`` (M, h, w) and opacity ``area`` (h, w)."""

    values: Tensor
    area: Tensor


def box_of(area: Tensor | np.ndarray) -> Box | None:
    """Smallest half-open box (top, left, bottom, right) around the positive cells of a mask (h, w).

    None where nothing is painted.
    """
    painted = torch.as_tensor(area) > 0
    rows, columns = (painted.any(dim=axis).nonzero().flatten() for axis in (1, 0))
    if len(rows) == 0:
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def painted_box(area: Tensor | np.ndarray) -> Box:
    """`box_of` a mask (h, w). Raises `SessionError` where nothing is painted."""
    box = box_of(area)
    if box is None:
        raise SessionError("the mask is empty at the resolution of the layer; paint a larger one")
    return box


def centre_of(area: Tensor) -> tuple[int, int]:
    """Centre cell of the box around a mask (h, w), rounded up and left as in the original."""
    top, left, bottom, right = painted_box(area)
    return (top + bottom) // 2, (left + right) // 2


def copy_object(values: ValueState | Tensor, area: Tensor) -> Clip:
    """Cut the object under the mask ``area`` (H', W') in [0, 1] out of one sample's values."""
    v = values.v if isinstance(values, ValueState) else values
    if v.shape[0] != 1 or v.shape[2:] != area.shape:
        raise ParameterError(
            f"values of shape {tuple(v.shape)} and a mask of shape {tuple(area.shape)}: "
            "one sample and a mask at its resolution are needed"
        )
    top, left, bottom, right = painted_box(area)
    return Clip(v[0, :, top:bottom, left:right], area[top:bottom, left:right].to(v.device))


def paste_box(clip: Clip, centre: tuple[int, int], height: int, width: int) -> Box:
    """Box of a clip centred at ``centre``, shifted to lie inside a ``height`` x ``width`` map."""
    h, w = clip.area.shape
    if h > height or w > width:
        raise ParameterError(f"an object of {h}x{w} cells does not fit a {height}x{width} map")
    top = max(0, min(height - h, centre[0] - h // 2))
    left = max(0, min(width - w, centre[1] - w // 2))
    return top, left, top + h, left + w


def pasted(v: Tensor, clip: Clip, box: Box, alpha: bool = True) -> Tensor:
    """Values (1, M, H', W') with a clip pasted at ``box``; ``alpha`` blends it by its area."""
    top, left, bottom, right = box
    result = v.clone()
    under = result[:, :, top:bottom, left:right]
    opacity = clip.area.to(v.dtype) if alpha else torch.ones_like(clip.area, dtype=v.dtype)
    result[:, :, top:bottom, left:right] = (1 - opacity) * under + opacity * clip.values
    return result


def paste_goal(
    layer: Layer,
    state: KeyState,
    clip: Clip,
    centre: tuple[int, int],
    *,
    alpha: bool = True,
    tight: bool = True,
    halo: int = 1,
) -> Goal:
    """The goal of pasting ``clip`` into one sample, centred at the value cell ``centre``.

    Args:
        state: the sample's keys, the full map.
        alpha: blend by the clip's area; otherwise the whole rectangle replaces the values.
        tight: crop to the keys that cover the paste; otherwise the whole map is the goal.
        halo: rings of keys kept around the crop, with weight zero.
    """
    if len(state) != 1:
        raise ParameterError(f"a paste needs one sample of keys, not {len(state)}")
    values = layer.values(state)
    height, width = values.v.shape[2:]
    box = paste_box(clip, centre, height, width)
    target = pasted(values.v, clip, box, alpha)
    if not tight:
        return Goal(state, target)
    return cut_goal(layer, state, target, box, halo)


def stays_in_place(donor: Tensor, place: Tensor) -> bool:
    """Whether a thing copied within one sample is pasted onto itself.

    ``donor`` and ``place`` (H', W'): the masks of the object and of the paste. The goal is then
    what the layer gives already.
    """
    return paste_box(copy_object(donor[None, None], donor), centre_of(place), *donor.shape) == (
        painted_box(donor)
    )


def cut_goal(layer: Layer, state: KeyState, target: Tensor, box: Box, halo: int = 1) -> Goal:
    """A goal of the full map cropped to the keys that cover a value ``box``.

    Where keys cannot be cropped (`Layer.crops`), the goal is the full map, and all cells outside
    the box have weight zero.
    """
    if not layer.crops:
        weights = torch.zeros(len(target), *target.shape[2:], device=target.device)
        weights[:, box[0] : box[2], box[1] : box[3]] = 1
        return Goal(state, target, weights)
    up = layer.upsampling
    h, w = state.k.shape[2:]
    top, left = box[0] // up, box[1] // up
    bottom, right = -(-box[2] // up), -(-box[3] // up)
    t, x = max(0, top - halo), max(0, left - halo)
    b, r = min(h, bottom + halo), min(w, right + halo)
    cut = target[:, :, t * up : b * up, x * up : r * up]
    if halo == 0:
        return Goal(state.crop(t, x, b, r), cut)
    weights = torch.zeros(len(cut), *cut.shape[2:], device=cut.device)
    weights[:, (top - t) * up : (bottom - t) * up, (left - x) * up : (right - x) * up] = 1
    return Goal(state.crop(t, x, b, r), cut, weights)


def removal_goal(layer: Layer, state: KeyState, units: Sequence[int] | Tensor) -> Goal:
    """The goal of removing some input units: the values without them (Appendix E).

    The units are set to zero over the whole map, and the whole map is the goal.
    """
    k = state.k.clone()
    k[:, torch.as_tensor(units, dtype=torch.long).to(k.device)] = 0
    return Goal(state, layer.values(replace(state, k=k)).v)
