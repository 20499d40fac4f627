"""Interventions on one slot of each sample: splice features of another sample, or set units.

    z_off = with_flag(world, z, slots, there=False)         # the slot of each sample is empty
    values = opened.values(opened.keys(z_off))
    boxes = slot_cells(world, values.v.shape[-1])
    spliced = splice_slots(values, donors, slots, boxes)
    switched = switch_units(values, slots, boxes, units, levels)
    slot_share(seen, slots, world)                          # the effect

``slots`` (B,) holds the number of each sample's slot, in the world's order.
"""

from __future__ import annotations

import torch
from scipy.special import ndtri
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import ValueState
from palimpsest.worlds.scene import Flag, World

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in cells, half-open."""


def with_flag(world: World, z: Tensor, slots: Tensor, there: bool) -> Tensor:
    """z (B, z_dim) with the flag of each sample's slot turned on or off.

    The flag's coordinate is set to the middle of its range, so that z stays typical. Raises
    `ParameterError` if the first attribute of a slot is not a flag.
    """
    changed = z.clone()
    for column, slot in enumerate(world.slots.values()):
        rule = world.rules[slot.attributes[0]]
        if not isinstance(rule, Flag):
            raise ParameterError(f"{slot.attributes[0]} of the {world.name} world is not a flag")
        edge = rule.thresholds[0]
        changed[slots == column, rule.dim] = float(ndtri((edge + there) / 2))
    return changed


def splice_slots(
    values: ValueState, donors: ValueState, slots: Tensor, boxes: list[Box]
) -> ValueState:
    """Values with the cells of each sample's slot replaced by those of its donor."""
    v = values.v.clone()
    for column, (top, left, bottom, right) in enumerate(boxes):
        rows = slots == column
        v[rows, :, top:bottom, left:right] = donors.v[rows, :, top:bottom, left:right]
    return values.replace(v)


def switch_units(
    values: ValueState, slots: Tensor, boxes: list[Box], units: list[int], levels: Tensor
) -> ValueState:
    """Values with ``units`` set to ``levels`` (len(units),) in the cells of each sample's slot."""
    v = values.v.clone()
    for column, (top, left, bottom, right) in enumerate(boxes):
        for sample in (slots == column).nonzero().flatten().tolist():
            v[sample, units, top:bottom, left:right] = levels.to(v)[:, None, None]
    return values.replace(v)


def slot_masks(boxes: list[Box], cells: int) -> Tensor:
    """Mask of each slot, (S, cells, cells) float32, 1 within its box."""
    masks = torch.zeros(len(boxes), cells, cells)
    for column, (top, left, bottom, right) in enumerate(boxes):
        masks[column, top:bottom, left:right] = 1
    return masks


def slot_share(seen: Tensor, slots: Tensor, world: World) -> Tensor:
    """Mean of ``seen`` (B, H, W) over each sample's slot, (B,) float32."""
    height, width = seen.shape[1:]
    share = seen.new_zeros(len(seen), dtype=torch.float32)
    for column, slot in enumerate(world.slots.values()):
        left, top, right, bottom = slot.box
        rows = slots == column
        box = seen[
            rows,
            round(top * height) : round(bottom * height),
            round(left * width) : round(right * width),
        ]
        share[rows] = box.float().mean((1, 2))
    return share
