"""What Figure S1 shows, computed: one place of open sky, and what each way makes of it.

    arrays, facts = compute_doors(sources)

Drawn by `palimpsest.report.figures.doors`. The talk's difficult case: a door belongs into a wall,
and the layers after the one that is changed draw none where there is no wall. Four ways, on the
same samples, each at the very place that the session paints:

- ``unmodified``;
- ``units``: units that fit doors best switched on there, as GAN Dissection does;
- ``pasted``: all values of a real door's cells pasted there, the session's own goal;
- ``rule``: the edit, which knows neither the place nor the samples.

Only samples whose place is open sky count. What stands there is told by `instruments.carrying`;
labels of all pixels but the place's tell what else changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from palimpsest.dissection.unit_classes import dissect
from palimpsest.drawing.draw import DRAWINGS
from palimpsest.errors import ParameterError, SessionError
from palimpsest.estimates.intervals import wilson
from palimpsest.experiments.doors.carrying import Carrier
from palimpsest.experiments.panel_sources import (
    BATCH,
    Arrays,
    Facts,
    Sources,
    edit_facts,
    exemplars_of,
)
from palimpsest.generators import Generator, Layer, ValueState, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory.goals import centre_of, copy_object, paste_box, pasted
from palimpsest.methods.baselines.unit_ablation import scaled_count
from palimpsest.sessions.schema import Exemplar, Session

COUNTED = 200
"""Samples that count: the first of the stream whose place is open sky."""

UNITS = 20
"""Units switched on, of 512: GAN Dissection's number; as large a share of a narrower layer."""

DISSECTED = 150
"""Samples that tell which units fit doors."""

LEVEL = 0.95
"""Of the interval of each share."""

ValueChange = Callable[[ValueState], ValueState]
"""Values of the layer to others of the same samples."""


@torch.no_grad()
def compute_doors(sources: Sources) -> tuple[Arrays, Facts]:
    """Arrays and facts of Figure S1, of the first edit and its session.

    Pictures (..., H, W, 3) uint8: ``donor``, and ``unmodified``, ``units``, ``pasted`` and ``rule``
    (P, ...) of ``samples`` (P,), the first that count; ``object`` and ``place`` (H, W) in [0, 1].
    Facts for each way: ``seen``, how many of ``counted`` images hold the thing, with ``seen_low``
    and ``seen_high`` as shares, and ``changed``, the share of labels elsewhere that are others.

    Raises:
        ParameterError: no segmenter or session.
        SessionError: a session that is not drawn, or none of the samples has a place for it.
    """
    g, segmenter = sources.generator, sources.segmenter
    name, edit = next(iter(sources.loaded().items()))
    if segmenter is None or name not in sources.sessions:
        raise ParameterError(f"figure figS1_doors: needs a segmenter and the session {name}")
    if name not in DRAWINGS or not DRAWINGS[name].adds or DRAWINGS[name].least is None:
        raise SessionError(f"session {name}: not one that is drawn to add a thing")
    about = DRAWINGS[name]
    session = sources.sessions[name]
    drawn = session.exemplars[0]
    thing = about.target[0]
    carrier = carrier_of(g, session, drawn)
    place = torch.zeros_like(carrier.source)
    place[carrier.place] = True

    layer = g.layer(edit.layer)
    weight = edit.apply(g).layer(edit.layer).weight
    changes = {
        "units": switching(g, layer, segmenter, thing, place, sources.seed + 1),
        "pasted": pasting(g, layer, session, drawn),
    }

    def ways(z: Tensor) -> Iterator[tuple[str, Tensor]]:
        keys = layer.keys(z)
        values = layer.values(keys)
        yield "unmodified", layer.render(values)
        for way, change in changes.items():
            yield way, layer.render(change(values))
        yield "rule", layer.render(layer.values(keys, weight))

    least = about.least * (g.resolution / 128) ** 2
    free = open_samples(g, segmenter, sources.z, place, about.source[0])[:COUNTED]
    if not free:
        raise SessionError(
            f"session {name}: its place is open {about.source[0]} in none of "
            f"{sources.samples} samples; look at more"
        )
    shown, tally = _looked_at(ways, sources.z[free], segmenter, thing, carrier, place, least)
    first = free[: sources.pairs]
    return {
        "donor": as_picture(carrier.donor[None])[0],
        "object": carrier.source.float().numpy(),
        "place": place.float().numpy(),
        **{way: pictures[: sources.pairs] for way, pictures in shown.items()},
        "samples": np.array(first),
    }, {
        **edit_facts(name, edit),
        "thing": thing,
        "exemplars": len(exemplars_of(edit)),
        "counted": len(free),
        "least_pixels": least,
        "units": scaled_count(UNITS, layer.values(layer.keys(sources.z[:1])).v.shape[1]),
        "segmenter": segmenter.name,
        **tally,
    }


def carrier_of(g: Generator, session: Session, drawn: Exemplar) -> Carrier:
    """What carries an exemplar's place back to where its object was copied."""
    size = (g.resolution,) * 2
    source, place = (part.area(size) > 0.5 for part in (drawn.object, drawn.paste))
    if int(source.sum()) != int(place.sum()):
        raise SessionError(
            f"session {session.name}: the object covers {int(source.sum())} pixels and its place "
            f"{int(place.sum())}; paint them alike"
        )
    down, across = (place.nonzero().amin(0) - source.nonzero().amin(0)).tolist()
    z = sample_z(g, session.n, session.seed)[drawn.object.sample][None]
    return Carrier(g(z)[0], source, (down, across))


def open_samples(
    g: Generator, segmenter: Segmenter, z: Tensor, place: Tensor, ground: str
) -> list[int]:
    """Rows of ``z`` whose ``place`` (H, W) bool is seen to be all ``ground``."""
    number = segmenter.index(ground)
    found: list[int] = []
    for first in range(0, len(z), BATCH):
        labels = segmenter.labels(g(z[first : first + BATCH]))
        free = (labels[:, place] == number).all(1).nonzero().flatten()
        found += (free + first).tolist()
        if len(found) >= COUNTED:
            break
    return found


def switching(
    g: Generator, layer: Layer, segmenter: Segmenter, thing: str, place: Tensor, seed: int
) -> ValueChange:
    """Switches on, in the cells of the place, the units that fit the thing best."""
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


def pasting(g: Generator, layer: Layer, session: Session, drawn: Exemplar) -> ValueChange:
    """Pastes the object's values on the place of each sample, as the session's goal does."""
    size = (layer.value_size,) * 2
    z = sample_z(g, session.n, session.seed)[drawn.object.sample][None]
    clip = copy_object(layer.values(layer.keys(z)), drawn.object.area(size))
    box = paste_box(clip, centre_of(drawn.paste.area(size)), *size)
    return lambda values: values.replace(pasted(values.v, clip, box))


def _looked_at(
    ways: Callable[[Tensor], Iterator[tuple[str, Tensor]]],
    z: Tensor,
    segmenter: Segmenter,
    thing: str,
    carrier: Carrier,
    place: Tensor,
    least: float,
) -> tuple[dict[str, np.ndarray], Facts]:
    """All pictures of each way, and what was counted in them; `unmodified` comes first."""
    pictures: dict[str, list[np.ndarray]] = {}
    seen: dict[str, int] = {}
    changed: dict[str, float] = {}
    for part in z.split(BATCH):
        before = None
        for way, images in ways(part):
            labels = segmenter.labels(images)
            before = labels if before is None else before
            there = carrier.pixels_seen(images, segmenter, thing) >= least
            others = (labels != before)[:, ~place].double().mean(1)
            seen[way] = seen.get(way, 0) + int(there.sum())
            changed[way] = changed.get(way, 0.0) + float(others.sum())
            pictures.setdefault(way, []).append(as_picture(images))
    bounds = {way: wilson(count, len(z), LEVEL) for way, count in seen.items()}
    return {way: np.concatenate(parts) for way, parts in pictures.items()}, {
        "seen": seen,
        "seen_low": {way: share.low for way, share in bounds.items()},
        "seen_high": {way: share.high for way, share in bounds.items()},
        "changed": {way: total / len(z) for way, total in changed.items()},
    }
