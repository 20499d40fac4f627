"""A switch for a class: the units of a layer that cause it, with their values for on and off.

    switch = find_switch(g, 4, segmenter, world, "window", units=20)
    on, off = switch.pairs(g, world, z)          # values of layer 4, windows on or off in all slots
    area = echo_area(world, 32)                  # (32, 32), the cells of the echoes

Both halves of a pair have the same z and differ only in ``units``, which are set in the cells of
the slots. All slots are switched together. If only one were, the goal of an inversion would require
an echo below one empty slot and forbid it below another.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from palimpsest.dissection.causal_units import causal_units
from palimpsest.dissection.slot_interventions import switch_units, with_flag
from palimpsest.dissection.unit_classes import dissect
from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, ValueState, sample_z
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.training.interchange import slot_cells
from palimpsest.worlds.scene import World

DISSECTED = 150
"""Number of samples from which the levels for on are measured."""

EMPTY = 96
"""Number of samples from which the levels for off are measured, in empty slots."""

BATCH = 16


@dataclass(frozen=True)
class Switch:
    """``units``: channels of the values of ``layer``; ``on``, ``off`` (len(units),): their levels.

    Raises `ParameterError` for no units, a unit given twice, or levels that do not match.
    """

    layer: int
    units: tuple[int, ...]
    on: Tensor
    off: Tensor

    def __post_init__(self) -> None:
        count = len(self.units)
        if not count or len(set(self.units)) < count:
            raise ParameterError(f"units {list(self.units)}: at least one, and none twice")
        for name, levels in (("on", self.on), ("off", self.off)):
            if levels.shape != (count,) or not levels.isfinite().all():
                raise ParameterError(
                    f"switch of {count} units with levels {name} of shape {tuple(levels.shape)}; "
                    "each unit needs one finite level"
                )

    def pairs(self, g: Generator, world: World, z: Tensor) -> tuple[ValueState, ValueState]:
        """Values of the layer for ``z`` (B, z_dim), switched on and switched off in every slot."""
        layer = g.layer(self.layer)
        with torch.no_grad():
            unswitched = layer.values(layer.keys(z))
        boxes = slot_cells(world, layer.value_size)
        halves = []
        for levels in (self.on, self.off):
            values = unswitched
            for number in range(len(boxes)):
                slots = torch.full((len(z),), number)
                values = switch_units(values, slots, boxes, list(self.units), levels)
            halves.append(values)
        return halves[0], halves[1]

    def as_text(self) -> str:
        """The switch as JSON, for metadata; `from_text` reads it."""
        return json.dumps(
            {
                "layer": self.layer,
                "units": list(self.units),
                "on": self.on.double().tolist(),
                "off": self.off.double().tolist(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Switch:
        """The switch in ``text``. Raises `ParameterError` for text that `as_text` did not write."""
        try:
            about: dict[str, Any] = json.loads(text)
            on, off = (torch.tensor(about[name], dtype=torch.float32) for name in ("on", "off"))
            return cls(int(about["layer"]), tuple(int(unit) for unit in about["units"]), on, off)
        except (ValueError, TypeError, KeyError) as problem:
            raise ParameterError(
                f"switch: not a JSON of layer, units, on and off ({problem}); invert the rule again"
            ) from problem


def find_switch(
    g: Generator,
    layer: int,
    segmenter: Segmenter,
    world: World,
    name: str,
    units: int = 20,
    seed: int = 5,
    progress: Callable[[int], None] | None = None,
) -> Switch:
    """A switch of the ``units`` that cause the class ``name`` (`causal_units`), strongest first.

    The level for on is a unit's mean where the class is seen (over `DISSECTED` samples of
    ``seed``); the level for off is its mean in empty slots. ``progress`` is called with 1 after
    each step.

    Raises `ParameterError` for a class that the segmenter does not have, a segmenter without
    logits, or a world without slots.
    """
    segmenter.check_logits()
    number = segmenter.index(name)
    levels = dissect(g, layer, segmenter, DISSECTED, seed).on[:, number]
    made_by = causal_units(
        g, layer, segmenter, world, name, levels, seed=seed + 1, progress=progress
    )
    top = made_by.top(units)
    return Switch(layer, tuple(top), levels[top], empty_levels(g, layer, world, seed + 2)[top])


@torch.no_grad()
def empty_levels(g: Generator, layer: int, world: World, seed: int, samples: int = EMPTY) -> Tensor:
    """Mean value of each unit (M,) in the cells of the slots, with all flags off."""
    opened = g.layer(layer)
    boxes = slot_cells(world, opened.value_size)
    sums = []
    for part in sample_z(g, samples, seed).split(BATCH):
        v = opened.values(opened.keys(every_flag(world, part, False))).v
        cells = [v[:, :, t:b, left:r].flatten(2) for t, left, b, r in boxes]
        sums.append(torch.cat(cells, 2).transpose(0, 1).flatten(1))  # (M, cells)
    return torch.cat(sums, 1).mean(1).cpu()


def every_flag(world: World, z: Tensor, there: bool) -> Tensor:
    """z (B, z_dim) with the flags of all slots on, or off. Raises as `with_flag`."""
    if not world.slots:
        raise ParameterError(f"the {world.name} world has no slots, so it has no echoes")
    for number in range(len(world.slots)):
        z = with_flag(world, z, torch.full((len(z),), number), there)
    return z


def echo_area(world: World, cells: int) -> Tensor:
    """Share of each cell that lies in the echo of a slot, (cells, cells) in [0, 1]."""
    return _coverage([slot.echo for slot in world.slots.values()], cells)


def apart_area(world: World, cells: int) -> Tensor:
    """Share of each cell that lies outside all slots and echoes, (cells, cells) in [0, 1]."""
    boxes = [box for slot in world.slots.values() for box in (slot.box, slot.echo)]
    return 1 - _coverage(boxes, cells)


def _coverage(boxes: list[tuple[float, float, float, float]], cells: int) -> Tensor:
    """Share of each cell in ``boxes`` (left, top, right, bottom) in [0, 1], not overlapping."""
    edges = torch.arange(cells + 1, dtype=torch.float64)
    total = torch.zeros(cells, cells, dtype=torch.float64)
    for left, top, right, bottom in boxes:
        across, down = (
            (edges[1:].clamp(max=high * cells) - edges[:-1].clamp(min=low * cells)).clamp(min=0)
            for low, high in ((left, right), (top, bottom))
        )
        total += down[:, None] * across[None, :]
    return total.float()
