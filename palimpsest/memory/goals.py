"""What an edit is to achieve: keys, the values wanted for them, and how much each cell counts.

Copy and paste (paper, section 3.1): an object's values are cut out of one sample and pasted over
another's; the other's keys with these values are the goal::

    clip = copy_object(layer.values(donor), donor_mask)
    goal = paste_goal(layer, layer.keys(z), clip, centre=(9, 7))
    edit = insert(layer, goal.state, goal.target, D, weights=goal.weights)

The goal is cut to the smallest box of keys that covers the paste. A convolution at the rim of a cut
would see zeros where the full map has keys, so one more ring of keys is kept around the box and its
cells get weight zero: what is fitted is then the value in the full image. ``halo=0`` cuts at
the box itself, as the original code does.
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
    """Keys and the values wanted for them.

    ``state``: B samples of keys; ``target`` (B, M, H', W'): values of the same window;
    ``weights`` (B, H', W'), not negative: how much a cell counts, None for all alike.
    """

    state: KeyState
    target: Tensor
    weights: Tensor | None = None


def goal_arguments(goals: Sequence[Goal]) -> dict[str, Any]:
    """Goals as `insert` and `pose` take several: a list each of states, targets and weights."""
    return {
        "state": [goal.state for goal in goals],
        "target": [goal.target for goal in goals],
        "weights": [goal.weights for goal in goals],
    }


@dataclass(frozen=True)
class Clip:
    """Values cut out of one sample: ``values`` (M, h, w) and their opacity ``area`` (h, w)."""

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
    """Cell in the middle of the box around a mask (h, w), rounded up and left as the original."""
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
    """Where a clip comes to lie: centred, but shifted inside a map of ``height`` x ``width``."""
    h, w = clip.area.shape
    if h > height or w > width:
        raise ParameterError(f"an object of {h}x{w} cells does not fit a {height}x{width} map")
    top = max(0, min(height - h, centre[0] - h // 2))
    left = max(0, min(width - w, centre[1] - w // 2))
    return top, left, top + h, left + w


def pasted(v: Tensor, clip: Clip, box: Box, alpha: bool = True) -> Tensor:
    """Values (1, M, H', W') with a clip pasted at ``box``, blended by its area, or whole."""
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
    """The goal that pastes ``clip`` into one sample, centred at a value cell.

    Args:
        state: the sample's keys, the full map.
        alpha: blend by the clip's area; otherwise the whole rectangle replaces what is there.
        tight: cut to the keys that cover the paste; otherwise the whole map is the goal.
        halo: rings of keys kept around the cut, with weight zero.
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


def cut_goal(layer: Layer, state: KeyState, target: Tensor, box: Box, halo: int = 1) -> Goal:
    """Cut keys and target (B, M, H', W') of the full map to the keys that cover a value box."""
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
    """The values that the layer would have without some of its input units (Appendix E).

    The units are silenced over the whole map, which is all of it the goal.
    """
    k = state.k.clone()
    k[:, torch.as_tensor(units, dtype=torch.long).to(k.device)] = 0
    return Goal(state, layer.values(replace(state, k=k)).v)
