"""Interchange training: make a rule causal by splicing features and rendering the spliced scene.

A network that only learns G(z) → render(z) may draw a window and its reflection independently from
z, so that changing the features of the window does not change the reflection. Therefore, in some
scenes of a batch, the cells of a *slot* (a window's place) at one layer are taken from another
scene of the batch, the donor. The target is the render of the spliced scene, which has the donor's
attributes for that slot (after Geiger et al., "Inducing causal structure for interpretable neural
networks", ICML 2022).

    plan = plan_splices(world, interchange, batch, stream)
    scene = plan.scene(world, scene)             # the scene to render
    values = plan.splice(values, units)          # in the network, at the layer of the interchange
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from palimpsest.training.recipe import Interchange
from palimpsest.worlds.scene import Scene, World

DONOR = 1
"""The donor of scene i of a batch is scene i - DONOR, cyclically."""


@dataclass(frozen=True)
class Splices:
    """The slots and units that each scene of a batch takes from its donor.

    ``slots`` (B, S) bool: which slots. ``whole`` (B,) bool: all units or the designated ones only.
    ``flat`` (B,) bool: the units' mean over the slot instead of the value of each cell.
    """

    slots: np.ndarray
    whole: np.ndarray
    flat: np.ndarray

    @classmethod
    def none(cls, batch: int, slots: int = 0) -> Splices:
        """Splices that take nothing."""
        return cls(np.zeros((batch, slots), bool), np.zeros(batch, bool), np.zeros(batch, bool))

    def scene(self, world: World, scene: Scene) -> Scene:
        """The scenes with the attributes of the spliced slots taken from their donors."""
        changes = {}
        for column, slot in enumerate(world.slots.values()):
            for name in slot.attributes:
                own = changes.get(name, scene.values[name])
                changes[name] = np.where(self.slots[:, column], np.roll(own, DONOR), own)
        return scene.with_(**changes) if changes else scene

    def splice(self, v: Tensor, units: int, boxes: list[tuple[int, int, int, int]]) -> Tensor:
        """Values (B, M, h, w) in which spliced cells have the donors' values.

        ``units``: number of designated channels, the first ones. ``boxes``: (top, left, bottom,
        right) of each slot in cells, half-open.
        """
        donors, out = v.roll(DONOR, 0), v.clone()
        whole, flat = (
            torch.from_numpy(part)[:, None, None, None] for part in (self.whole, self.flat)
        )
        designated = (torch.arange(v.shape[1]) < units)[None, :, None, None]
        for column, (top, left, bottom, right) in enumerate(boxes):
            patch = donors[:, :, top:bottom, left:right]
            patch = torch.where(flat, patch.mean((2, 3), keepdim=True), patch)
            taken = torch.from_numpy(self.slots[:, column])[:, None, None, None]
            old = v[:, :, top:bottom, left:right]
            out[:, :, top:bottom, left:right] = torch.where(
                taken & (whole | designated), patch, old
            )
        return out


def plan_splices(
    world: World, settings: Interchange, batch: int, stream: np.random.RandomState
) -> Splices:
    """Random splices of a batch; each scene that is not plain takes at least one slot."""
    kind = stream.random_sample(batch)
    whole = kind < settings.whole
    spliced = kind < settings.whole + settings.designated
    slots = stream.random_sample((batch, len(world.slots))) < 0.5
    forced = stream.randint(len(world.slots), size=batch)
    slots[np.arange(batch), forced] = True
    flat = ~whole & (stream.random_sample(batch) < settings.flat)
    return Splices(slots & spliced[:, None], whole, flat & spliced)


def slot_cells(world: World, cells: int) -> list[tuple[int, int, int, int]]:
    """Each slot's (top, left, bottom, right) on a map of ``cells`` × ``cells``.

    Raises `ValueError` for a slot that does not fill whole cells of such a map.
    """
    boxes = []
    for name, slot in world.slots.items():
        left, top, right, bottom = (edge * cells for edge in slot.box)
        box = tuple(round(edge) for edge in (top, left, bottom, right))
        if max(abs(a - b) for a, b in zip(box, (top, left, bottom, right), strict=True)) > 1e-6:
            raise ValueError(
                f"slot {name} of the {world.name} world fills no whole cells of {cells}"
            )
        boxes.append(box)
    return boxes
