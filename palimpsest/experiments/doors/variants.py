"""Four ways to put a thing at a given place of every sample, compared in Figure S1.

    ways = ways_to_place(g, segmenter, edit, session, "door", place, seed=4)
    for way, images in ways.images(z):
        ...

- ``unmodified``: the sample itself, the baseline;
- ``units``: the units that fit the thing best are switched on there, as GAN Dissection does;
- ``pasted``: all values of a real thing's cells are pasted there, which is the session's own goal;
- ``rule``: the rewritten weights, which depend neither on the place nor on the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.dissection.unit_classes import dissect
from palimpsest.errors import SessionError
from palimpsest.generators import Generator, Layer, ValueState, sample_z
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit
from palimpsest.memory.goals import centre_of, copy_object, paste_box, pasted
from palimpsest.methods.baselines.unit_ablation import scaled_count
from palimpsest.sessions.schema import Exemplar, Session

UNITS = 20
"""Units switched on, of 512: GAN Dissection's number; a narrower layer gets the same share."""

DISSECTED = 150
"""Samples on which the units that fit the thing are found."""

ValueChange = Callable[[ValueState], ValueState]
"""A change of the values of a layer; the samples stay the same."""


@dataclass(frozen=True)
class Ways:
    """``changes`` of a ``layer``'s values by name, and the ``weight`` of the rewritten layer."""

    layer: Layer
    changes: Mapping[str, ValueChange]
    weight: Tensor

    def images(self, z: Tensor) -> Iterator[tuple[str, Tensor]]:
        """(way, images (B, 3, H, W)) of the same ``z`` (B, z_dim), `unmodified` first."""
        keys = self.layer.keys(z)
        values = self.layer.values(keys)
        yield "unmodified", self.layer.render(values)
        for way, change in self.changes.items():
            yield way, self.layer.render(change(values))
        yield "rule", self.layer.render(self.layer.values(keys, self.weight))


def ways_to_place(
    g: Generator,
    segmenter: Segmenter,
    edit: Edit,
    session: Session,
    thing: str,
    place: Tensor,
    seed: int,
) -> Ways:
    """The ways to put a ``thing`` at a ``place`` (H, W) bool, in the layer of the edit.

    ``seed``: of the samples on which units are dissected. Raises `SessionError` where no cell of
    the layer shows the thing throughout.
    """
    layer = g.layer(edit.layer)
    changes = {
        "units": units_on(g, layer, segmenter, thing, place, seed),
        "pasted": object_pasted(g, layer, session, session.exemplars[0]),
    }
    return Ways(layer, changes, edit.apply(g).layer(edit.layer).weight)


def units_switched(layer: Layer, z: Tensor) -> int:
    """Number of units that `units_on` switches on in a layer; ``z`` is any sample."""
    return scaled_count(UNITS, layer.values(layer.keys(z[:1])).v.shape[1])


def units_on(
    g: Generator, layer: Layer, segmenter: Segmenter, thing: str, place: Tensor, seed: int
) -> ValueChange:
    """The change that switches on, in the cells of a place, the units that fit a thing best."""
    found = dissect(g, layer.number, segmenter, DISSECTED, seed)
    units = found.top_units(thing, scaled_count(UNITS, len(found.thresholds)))
    levels = found.on[units, segmenter.index(thing)]
    cells = torch.nn.functional.adaptive_avg_pool2d(place[None].float(), (layer.value_size,) * 2)
    share = (cells[0] >= 0.5).float()
    if not levels.isfinite().all():
        raise SessionError(f"no cell of layer {layer.number} is seen to be {thing} throughout")

    def change(values: ValueState) -> ValueState:
        v = values.v.clone()
        v[:, units] += share.to(v) * (levels.to(v)[:, None, None] - v[:, units])
        return values.replace(v)

    return change


def object_pasted(g: Generator, layer: Layer, session: Session, exemplar: Exemplar) -> ValueChange:
    """The change that pastes an exemplar's object at its place, as the session's goal does."""
    size = (layer.value_size,) * 2
    z = sample_z(g, session.n, session.seed)[exemplar.object.sample][None]
    clip = copy_object(layer.values(layer.keys(z)), exemplar.object.area(size))
    box = paste_box(clip, centre_of(exemplar.paste.area(size)), *size)
    return lambda values: values.replace(pasted(values.v, clip, box))
