"""What a session's places show, without a goal: a direction, units that fit, samples that match.

    places = open_places(g, session, layer=6)
    direction = places.directions(stats)                   # (S, N), Appendix D
    scores = places.unit_scores(stats)                     # (N,), section 5.2
    matches = matching_samples(g, places.layer, direction[0], n=1000)

These need no copy and no paste: the original's files that hold a context alone serve for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.errors import SessionError
from palimpsest.generators.base import Generator, Layer
from palimpsest.generators.samples import z_batches
from palimpsest.memory import (
    KeyStatistics,
    context_directions,
    match_map,
    query_key,
    unit_scores,
)
from palimpsest.sessions.opening import samples_of
from palimpsest.sessions.schema import HalfSession, Selection, Session


@dataclass(frozen=True)
class Places:
    """The painted places of a session in a layer.

    ``field``: the field that they stand in. ``keys`` (B, N, h, w): whole key maps of their samples;
    ``weights`` (B, h, w): the painted share of each cell. ``rank``: number of directions.
    """

    layer: Layer
    field: str
    keys: Tensor
    weights: Tensor
    rank: int = 1

    def directions(self, stats: KeyStatistics, rank: int | None = None) -> Tensor:
        """The directions (S, N) that stand out in the places; ``rank``: the session's if None.

        An edit starts from them. Each has the sign in which the places match it. Of a query: the
        single direction of its mean key, as in the original's interface.
        """
        if self.field == "query":
            return query_key(self.keys, self.weights, stats)[None]
        rows = context_directions(self.keys, self.weights, stats, rank or self.rank)
        return torch.stack([row if self.match(row) >= 0 else -row for row in rows])

    def unit_scores(self, stats: KeyStatistics, rule: str = "energy") -> Tensor:
        """How well each input unit fits the places, (N,) float64, a mean over their cells.

        By "energy" it is the energy of the unit there over its usual energy; see
        `memory.directions.unit_scores` for the other rule.
        """
        return unit_scores(self.keys, self.weights, stats, rule) / float(self.weights.sum())

    def match(self, direction: Tensor) -> float:
        """Mean match of the places with a direction (N,)."""
        found = match_map(self.keys, direction)
        return float((found * self.weights.to(found)).sum() / self.weights.sum())


def usual_match(direction: Tensor, stats: KeyStatistics) -> float:
    """Root mean square match of all keys with a direction (N,): √(d C dᵀ)."""
    d = direction.double().cpu()
    return float((d @ stats.second_moment.to(d) @ d).clamp_min(0).sqrt())


@dataclass(frozen=True)
class Match:
    """The strongest cell (row, column) of a sample, and how strongly it matches."""

    sample: int
    strength: float
    cell: tuple[int, int]


def painted_places(
    session: Session | HalfSession, field: str | None = None
) -> tuple[str, tuple[Selection, ...]]:
    """The places of a session that stand for its rule, and the field that they are from.

    That is the context; without one, the query, or what was copied. ``field``: take "context",
    "query" or "object". Raises `SessionError` if there is nothing of it.
    """
    copied = tuple(one.object for one in session.exemplars if one.object is not None)
    query = () if session.query is None else (session.query,)
    found = {"context": session.context, "query": query, "object": copied}
    if field is not None and field not in found:
        raise SessionError(f"field {field!r} is none of {', '.join(found)}")
    for name, places in found.items():
        if places and field in (None, name):
            return name, places
    raise SessionError(
        f"session {session.name}: field {field or 'context'} is missing; paint a place in the "
        "editor first"
    )


def open_places(
    g: Generator,
    session: Session | HalfSession,
    layer: int | None = None,
    field: str | None = None,
) -> Places:
    """The places of a session in a layer of a generator.

    ``layer``: the one to open if the session names none; ``field``: as in `painted_places`. Raises
    `SessionError` as `Session.check` and `painted_places` do.
    """
    name, places = painted_places(session, field)
    number = session.check(g, layer)
    opened = g.layer(number)
    size = opened.key_shape
    weights = torch.stack([place.area(size, margin=opened.margin) for place in places])
    for i, area in enumerate(weights):
        if not area.any():
            raise SessionError(
                f"session {session.name}: field {name}[{i}].mask: covers nothing on the "
                f"{size[0]} x {size[1]} grid of layer {number}; paint a larger spot"
            )
    z = samples_of(g, session, max(place.sample for place in places) + 1).to(g.device)
    with torch.no_grad():
        keys = torch.cat([opened.keys(z[one.sample][None]).k for one in places])
    return Places(opened, name, keys, weights, session.rank)


@torch.no_grad()
def matching_samples(
    g: Generator,
    layer: Layer,
    directions: Tensor,
    n: int,
    seed: int = 1,
    batch: int = 8,
    done: Callable[[int], None] = lambda _: None,
) -> Sequence[Match]:
    """The samples 0 to ``n`` - 1 in the order of how strongly they match, best first.

    A cell's match is its largest product with one of the ``directions`` (S, N), a sample's match
    that of its strongest cell, as in the original's search. ``done``: called with the number of
    samples that were searched.
    """
    found: list[Match] = []
    for z in z_batches(g, n, seed, batch):
        keys = layer.keys(z.to(g.device)).k
        maps = torch.stack([match_map(keys, one) for one in directions]).amax(dim=0)
        strongest, at = (part.tolist() for part in maps.flatten(1).max(dim=1))
        for strength, place in zip(strongest, at, strict=True):
            found.append(Match(len(found), strength, divmod(place, maps.shape[2])))
        done(len(found))
    return sorted(found, key=lambda one: (-one.strength, one.sample))
