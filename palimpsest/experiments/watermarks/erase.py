"""Erase watermarks by a rank-one rule whose goal is one image with its mark erased.

    painted = painted_marks(survey, ("watermark_middle", "watermark_strip"), count=10)
    context = open_marks(g, 5, painted, seed=1)
    spared = spared_statistics(g, 5, marks, segmenter, n=400, seed=1)
    edit = erase(context, stats, spared, segmenter, marks, units=(11, 22), mu=1.0)

Copy and paste needs an object to copy, and there is none for removing a mark (paper, section 5.2).
The goal is computed instead: in one image, the layer's values at the painted mark are replaced by
the values without some input units, those whose energy stands out most in the context
(`unit_order`). Every image of the context is tried with every number of units; a segmenter measures
how much of the mark is left and what else changed. The best image is inserted along the context's
direction.

Silencing these units everywhere would change every image; the rule changes the values of the mark's
keys, and those of other keys as little as possible.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from palimpsest.drawing.matching import merged
from palimpsest.drawing.survey import Survey, Thing, brush
from palimpsest.errors import EditError, SessionError
from palimpsest.generators.base import Generator, KeyState, Layer, ValueState
from palimpsest.generators.samples import sample_z
from palimpsest.instruments.label_changes import of_classes, source_region
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import (
    Edit,
    KeyStatistics,
    context_directions,
    insert,
    match_map,
    removal_goal,
    unit_order,
)
from palimpsest.memory.composed_edits import misfit
from palimpsest.methods.choosing.judges import cells_showing
from palimpsest.sessions.masks import cover
from palimpsest.sessions.opening import check_statistics

GAP = 4
"""Gaps of a mark that are closed, in pixels of a 128-pixel image: letters become a word."""

LEAST_SIDE = 12
"""Side of a square, in pixels of a 128-pixel image: marks of a smaller area are specks."""

RIM = 3
"""Width of the rim around the painted mark that is replaced too, in pixels of a 128-pixel image."""

MATCH_SHARE = 0.5
"""An image may be the goal if its mark matches the direction at least half as well as the best."""


@dataclass(frozen=True)
class Painted:
    """A sample of a stream, and the ``area`` (R, R) bool painted in it."""

    sample: int
    area: np.ndarray

    @property
    def with_rim(self) -> np.ndarray:
        """The area and the rim around it (R, R) bool that is replaced too."""
        return brush(self.area, RIM * len(self.area) / 128)


@dataclass(frozen=True)
class MarkContext:
    """The keys of painted samples at one layer.

    ``state``: their keys, one sample for each of ``painted``; ``weights`` (B, h, w): painted share
    of each key cell.
    """

    layer: Layer
    painted: tuple[Painted, ...]
    state: KeyState
    weights: Tensor


@dataclass(frozen=True)
class Look:
    """One image of the context with its mark erased.

    ``place``: its index in the context; ``target`` (1, M, H', W'): the values without the mark;
    ``units``: number of units silenced; ``left``: share of the mark's pixels still labelled as a
    mark; ``kept``: share of all other pixels that kept their label; ``kinds``: how many kinds of
    mark the image showed.
    """

    place: int
    target: Tensor
    units: int
    left: float
    kept: float
    kinds: int

    @property
    def fault(self) -> float:
        """Share of the mark that is left plus share of other labels that changed; 0 is best."""
        return self.left + 1 - self.kept


def painted_marks(survey: Survey, marks: Sequence[str], count: int = 10) -> tuple[Painted, ...]:
    """The first samples with a mark, in turn for each kind, each with all its marks painted.

    The strokes are the labels' shapes with closed gaps, painted over with a round brush as in drawn
    sessions.

    Raises `SessionError` if the labels have no such class, or fewer than ``count`` samples have a
    mark.
    """
    shapes = {mark: _shapes(survey, mark) for mark in marks}
    chosen: list[int] = []
    queues = [list(found) for found in shapes.values()]
    while len(chosen) < count and any(queues):
        for queue in queues:
            while queue and queue[0] in chosen:
                queue.pop(0)
            if queue and len(chosen) < count:
                chosen.append(queue.pop(0))
    if len(chosen) < count:
        raise SessionError(
            f"{' or '.join(marks)}: seen in {len(chosen)} of {len(survey)} samples, {count} are "
            "needed; look at more samples"
        )
    result = []
    for sample in sorted(chosen):
        whole = np.logical_or.reduce(
            [found[sample] for found in shapes.values() if sample in found]
        )
        result.append(Painted(sample, brush(whole, survey.px(1))))
    return tuple(result)


def _shapes(survey: Survey, mark: str) -> dict[int, np.ndarray]:
    """Pixels (R, R) bool of one kind of mark, letters closed to a word, by sample."""
    seen = survey.where((mark,))
    enough = np.flatnonzero(seen.sum(axis=(1, 2)) > survey.px(LEAST_SIDE) ** 2)
    parts = [Thing(int(sample), seen[sample], (0.0, 0.0), 0.0) for sample in enough]
    return {word.sample: word.shape for word in merged(parts, survey.px(GAP))}


@torch.no_grad()
def open_marks(g: Generator, layer: int, painted: Sequence[Painted], seed: int) -> MarkContext:
    """The keys of painted samples of the stream of ``seed`` at a layer.

    Raises `SessionError` if nothing is painted.
    """
    if not painted or not all(one.area.any() for one in painted):
        raise SessionError("the context of the marks is empty; paint at least one mark")
    opened = g.layer(layer)
    samples = [one.sample for one in painted]
    state = opened.keys(sample_z(g, max(samples) + 1, seed)[samples])
    size = (opened.key_size,) * 2
    weights = torch.stack([cover(one.area.astype(np.float32), size) for one in painted])
    return MarkContext(opened, tuple(painted), state, weights)


def spared_statistics(
    g: Generator, layer: int, marks: Sequence[str], segmenter: Segmenter, n: int, seed: int
) -> KeyStatistics:
    """Statistics of the keys that an erasing rule must not change: those away from any mark."""
    numbers = segmenter.numbers(*marks)
    opened = g.layer(layer)
    return KeyStatistics.collect(
        g,
        layer=layer,
        n=n,
        seed=seed,
        exclude=lambda state, z: cells_showing(opened, state, segmenter, numbers),
        excluding=f"cells with or next to {', '.join(marks)}",
    )


@torch.no_grad()
def erased_looks(
    context: MarkContext,
    stats: KeyStatistics,
    segmenter: Segmenter,
    marks: Sequence[str],
    units: Sequence[int],
) -> list[Look]:
    """Every image of the context with its mark erased by every number of ``units``, best first.

    Args:
        stats: of all keys of the layer; units stand out relative to them.

    Raises:
        ParameterError: a class that the segmenter does not have.
        ParameterError: statistics of another layer.
    """
    layer = context.layer
    numbers = segmenter.numbers(*marks)
    order = unit_order(context.state.k, context.weights, stats, rule="energy")
    looks = []
    for place, painted in enumerate(context.painted):
        state = context.state[place]
        values = layer.values(state)
        here = cover(painted.with_rim.astype(np.float32), (layer.value_size,) * 2).to(values.v)
        before = _labels(layer, values, segmenter)
        was = of_classes(before, numbers)
        kinds = sum(int(source_region(before, [number]).any()) for number in numbers)
        for count in sorted(set(units)):
            without = removal_goal(layer, state, order[:count]).target
            target = (1 - here) * values.v + here * without
            after = _labels(layer, values.replace(target), segmenter)
            left = float(of_classes(after, numbers).sum()) / max(1, int(was.sum()))
            kept = float((after == before)[~was].float().mean())
            looks.append(Look(place, target, count, left, kept, kinds))
    return sorted(looks, key=lambda look: (round(look.fault, 6), look.units, look.place))


def _labels(layer: Layer, values: ValueState, segmenter: Segmenter) -> Tensor:
    return segmenter.labels(layer.render(values))


def erase(
    context: MarkContext,
    stats: KeyStatistics,
    spared: KeyStatistics,
    segmenter: Segmenter,
    marks: Sequence[str],
    units: Sequence[int],
    mu: float = 1.0,
    iterations: int = 30,
    session: str = "",
) -> Edit:
    """The rank-one edit that erases marks, with the best image of `erased_looks` as its goal.

    Args:
        stats: statistics over all keys of the layer, for the units of the erased look.
        spared: statistics of the keys that must not change, for the direction and the penalty;
            the same as ``stats`` to exclude nothing.
        marks: classes of the segmenter to erase.
        units: numbers of units to silence; each is tried for the erased look.
        mu, iterations: settings of the solver `newton`.

    Returns:
        an `Edit` whose metadata also holds the context's samples and the ``look`` that is the goal:
        its sample, number of units, and the segmenter's measures (left, kept).

    Raises:
        StatisticsError: statistics of other weights or another layer.
        ParameterError: a class that the segmenter does not have.
        ParameterError: settings that the solver does not have.
    """
    layer = context.layer
    for given in (stats, spared):
        # marks erased before this one changed this layer's weight, which does not change its keys
        check_statistics(layer.generator, layer, given, before_edits=True)
    direction = context_directions(context.state.k, context.weights, spared, rank=1)
    able = _matching(context, direction[0])
    looks = erased_looks(context, stats, segmenter, marks, units)
    # one goal is to speak for all kinds of mark, so an image that shows most of them comes first
    best = max([look for look in looks if look.place in able] or looks, key=lambda look: look.kinds)
    edit = insert(
        layer,
        context.state[best.place],
        best.target,
        direction,
        solver="newton",
        stats=spared,
        session=session,
        mu=mu,
        iterations=iterations,
    )
    look = {
        "sample": context.painted[best.place].sample,
        "units": best.units,
        "left": round(best.left, 5),
        "kept": round(best.kept, 5),
    }
    told = {
        "marks": ",".join(marks),
        "context": ",".join(str(one.sample) for one in context.painted),
        "look": json.dumps(look),
    }
    return replace(edit, metadata={**edit.metadata, **told})


def _matching(context: MarkContext, direction: Tensor) -> set[int]:
    """Images of the context whose mark matches the direction.

    A single direction from the keys of several kinds of mark may match only one kind; a mark that
    it does not match cannot be erased along it.
    """
    match = match_map(context.state.k, direction).cpu()
    matches = (match * context.weights).sum((1, 2)) / context.weights.sum((1, 2))
    return set((matches >= MATCH_SHARE * matches.max()).nonzero().flatten().tolist())


def joined(edits: Sequence[Edit], session: str = "") -> Edit:
    """One edit from several of one layer: directions concatenated, changes added.

    Each is of the first one's generator, or was made on top of those before it. Raises `EditError`
    for no edits, or edits of more than one layer or model.
    """
    if len({edit.layer for edit in edits}) != 1 or misfit([(edit, 1.0) for edit in edits]):
        raise EditError("only edits of one layer of one model can be joined, and at least one")
    told = {
        "layer": str(edits[0].layer),
        "weights_sha256": edits[0].weights_sha256,
        "truncation": edits[0].metadata.get("truncation", "1"),
        "rank": str(sum(edit.rank for edit in edits)),
        "solver": edits[0].metadata.get("solver", ""),
        "session": session,
        "parts": json.dumps([dict(edit.metadata) for edit in edits]),
    }
    return Edit(
        torch.cat([edit.directions for edit in edits]),
        torch.cat([edit.coefficients for edit in edits], dim=1),
        told,
    )
