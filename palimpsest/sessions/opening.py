"""A session opened in a generator: its exemplars become goals, its context becomes keys.

    opened = open_session(g, session)
    opened.goals[0].target                    # values wanted at the pasted place
    opened.context_keys                       # (B, N, h, w)

Solvers and methods start from an open session (`rewriting`, `palimpsest.methods`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import SessionError, StatisticsError
from palimpsest.generators.base import Generator, KeyState, Layer, ValueState
from palimpsest.generators.samples import sample_z
from palimpsest.memory import (
    Goal,
    KeyStatistics,
    centre_of,
    copy_object,
    paste_goal,
    unit_order,
)
from palimpsest.memory.goals import stays_in_place
from palimpsest.sessions.schema import Exemplar, Session


@dataclass(frozen=True)
class OpenSession:
    """A session in a layer of a generator: its goals and the keys of its context.

    ``goals``: one for each exemplar that was opened. ``context_keys`` (B, N, h, w) are whole key
    maps of the context's samples, ``context_weights`` (B, h, w) the painted share of each cell.
    ``silent``: input units that are silent in what is pasted, for a session that erases.
    """

    session: Session
    layer: Layer
    goals: tuple[Goal, ...]
    context_keys: Tensor
    context_weights: Tensor
    silent: tuple[int, ...] = ()

    def donor(self, keys: KeyState) -> ValueState:
        """The values that a thing is copied from, for the keys of its sample.

        If the session erases: the values without the silent units. All cells of the map are
        silenced, as every value at the painted place depends on the keys around it.
        """
        return self.layer.values(silenced(keys, self.silent))


def samples_of(g: Generator, session: Session, n: int) -> Tensor:
    """The first ``n`` samples of a session's stream, with the classes that it gives them.

    (n, z_dim), or (n, z_dim + classes) of a class-conditional generator. Classes are drawn by the
    seed where the session gives none.
    """
    if not isinstance(session.classes, tuple) or n <= len(session.classes):
        return sample_z(g, n, session.seed, session.classes)
    z = sample_z(g, n, session.seed)
    z[: len(session.classes)] = sample_z(g, len(session.classes), session.seed, session.classes)
    return z


def silenced(keys: KeyState, units: Sequence[int]) -> KeyState:
    """Keys with some input units set to zero over the whole map."""
    if not units:
        return keys
    k = keys.k.clone()
    k[:, list(units)] = 0
    return replace(keys, k=k)


def open_session(
    g: Generator,
    session: Session,
    layer: int | None = None,
    *,
    exemplars: Sequence[int] | None = None,
    context: Sequence[int] | None = None,
    compat: bool = False,
    keys_of: Callable[[int], KeyState] | None = None,
    stats: KeyStatistics | None = None,
    tight: bool = True,
) -> OpenSession:
    """The goals of a session, and the keys of its context, in a layer of a generator.

    Args:
        layer: layer to open if the session names none, as in the original's files.
        exemplars: numbers of the exemplars to open; all if None.
        context: numbers of the context's places to use; all if None.
        compat: make masks and cuts as the original code does.
        keys_of: keys of one sample by its number, if they are cached; computed if None.
        stats: statistics of the layer, which tell the units of a session that erases.
        tight: crop each goal to what is pasted; otherwise it is the whole map.

    Raises:
        SessionError: what `Session.check` finds, a number that does not exist, a session that
            erases without statistics, or one that pastes everything onto itself.
    """
    number = session.check(g, layer, compat)
    chosen = _chosen(session, "exemplars", session.exemplars, exemplars)
    places = _chosen(session, "context", session.context, context)
    opened = g.layer(number)
    keys, values = opened.key_shape, opened.value_shape
    check_moved(session, g, number, chosen, compat)
    if keys_of is None:
        z = samples_of(g, session, max(session.samples) + 1)

        def keys_of(sample: int) -> KeyState:
            return opened.keys(z[sample : sample + 1])

    with torch.no_grad():
        found = torch.cat([keys_of(place.sample).k for place in places])
        weights = torch.stack([place.area(keys, compat, opened.margin) for place in places])
        silent = _silent_units(session, found, weights, stats)
        result = OpenSession(session, opened, (), found, weights, silent)
        goals = []
        for exemplar in chosen:
            donor = result.donor(keys_of(exemplar.object.sample))
            clip = copy_object(donor, exemplar.object.area(values, compat, opened.margin))
            centre = centre_of(exemplar.paste.area(values, compat, opened.margin))
            place = keys_of(exemplar.paste.sample)
            goals.append(
                paste_goal(*(opened, place, clip, centre), tight=tight, halo=0 if compat else 1)
            )
    return replace(result, goals=tuple(goals))


def check_moved(
    session: Session,
    g: Generator,
    layer: int,
    exemplars: Sequence[Exemplar] | None = None,
    compat: bool = False,
) -> None:
    """Raise `SessionError` if every exemplar is pasted where it was copied.

    The goal is then what is there already, and the edit would be zero. ``exemplars``: the
    session's if None.
    """
    chosen = session.exemplars if exemplars is None else exemplars
    if session.erase or not chosen:
        return
    opened = g.layer(layer)
    size = opened.value_shape
    for one in chosen:
        halves = (one.object, one.paste)
        copied, place = (half.area(size, compat, opened.margin) for half in halves)
        if one.object.sample != one.paste.sample or not stays_in_place(copied, place):
            return
    raise SessionError(
        f"session {session.name}: object and paste are the same place at layer {layer}, so "
        "nothing would change; paste it elsewhere or, to erase what is there, give the number of "
        "units to silence (field erase, or --erase 30)"
    )


def _silent_units(
    session: Session, keys: Tensor, weights: Tensor, stats: KeyStatistics | None
) -> tuple[int, ...]:
    """The units most specific to the context, as many as the session erases; most specific first.

    They are those whose energy in the context is highest against their energy everywhere, as in the
    original code's erasing.
    """
    if not session.erase:
        return ()
    if stats is None:
        raise SessionError(
            f"session {session.name}: field erase: its units are known only with key statistics"
        )
    order = unit_order(keys, weights, stats, rule="energy")
    return tuple(order[: session.erase].tolist())


def open_with_statistics(
    g: Generator, session: Session, stats: KeyStatistics, **options: Any
) -> OpenSession:
    """`open_session` at the session's layer, or at that of the statistics if it names none.

    ``options``: exemplars, context, compat, keys_of and tight, as in `open_session`. Raises
    `StatisticsError` for statistics of other weights or of another layer.
    """
    number = stats.metadata.get("layer")
    layer = None if number is None else int(number)
    opened = open_session(g, session, layer, stats=stats, **options)
    check_statistics(g, opened.layer, stats)
    return opened


def check_statistics(
    g: Generator, layer: Layer, stats: KeyStatistics, before_edits: bool = False
) -> None:
    """Raise `StatisticsError` for statistics of other weights, layer, truncation or units.

    ``before_edits``: statistics of a generator that ``g`` was edited from also do.
    """
    known = stats.metadata.get("weights_sha256")
    wanted = {
        "weights_sha256": known if before_edits and known in g.lineage else g.weights_sha256,
        "layer": str(layer.number),
        "truncation": format(g.truncation, ".12g"),
    }
    for name, value in wanted.items():
        found = stats.metadata.get(name, value)
        if found != value:
            on = f" (made on {stats.metadata['made_on']})" if "made_on" in stats.metadata else ""
            raise StatisticsError(
                f"statistics: made with {name} = {found}{on}, but the generator and session have "
                f"{value}; collect them again"
            )
    if stats.units != layer.weight.shape[1]:
        raise StatisticsError(
            f"statistics: of {stats.units} units, but layer {layer.number} has "
            f"{layer.weight.shape[1]}; collect them for this layer"
        )


def _chosen(session: Session, field: str, items: tuple, places: Sequence[int] | None) -> list:
    if places is None:
        return list(items)
    for place in places:
        if not 0 <= place < len(items):
            raise SessionError(
                f"session {session.name}: field {field}: there is no number {place}; "
                f"it has {len(items)}, counted from 0"
            )
    return [items[place] for place in places]
