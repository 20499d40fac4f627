"""The search of the method `palimpsest` at several layers: the best edit of all is kept.

    edit = choose_among_layers(g, session, [stats_of_6, stats_of_7], segmenter, exemplars=12)
    edit.layer                                  # 6 or 7
    json.loads(edit.metadata["choice"])["layers"]   # the best candidate of each, and its score

Each search is that of `choose`, with the statistics of its layer and on the same tuning samples.
Only scores by labels can be compared: they are of images, while those without labels are of a
layer's own values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.generators.base import Generator
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.choosing.choose import choose_with
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions.opening import check_statistics
from palimpsest.sessions.schema import Session
from palimpsest.settings import validated

Progress = Callable[[int, int], None]


def choose_among_layers(
    g: Generator,
    session: Session,
    statistics: Sequence[KeyStatistics],
    segmenter: Segmenter | None = None,
    **settings: Any,
) -> Edit:
    """The edit that scores best on the tuning samples, of those at the layers of ``statistics``.

    ``settings``: see `PalimpsestSettings`. Raises `ParameterError` for an unknown setting, and what
    `choose_among_layers_with` raises.
    """
    asked = validated("palimpsest", settings, PalimpsestSettings)
    return choose_among_layers_with(g, session, statistics, segmenter, asked)


def choose_among_layers_with(
    g: Generator,
    session: Session,
    statistics: Sequence[KeyStatistics],
    segmenter: Segmenter | None,
    asked: PalimpsestSettings,
    progress: Progress | None = None,
) -> Edit:
    """The edit that scores best on the tuning samples, of those at the layers of ``statistics``.

    The session's own layer comes first of equal scores, then the lower one. In the metadata
    ``choice`` has ``session_layer`` and ``layers``: of each, in ascending order, its number and its
    best candidate. With statistics of one layer the edit is that of `choose_with`.

    Args:
        statistics: over all keys of each layer, the session's own among them, in any order. Of a
            session that names no layer, the first of them are its own.
        progress: as in `choose_with`; the candidates in all are estimated from the layer at hand.

    Raises:
        ParameterError: no statistics, those of a layer twice or of one that the generator lacks, or
            several layers without labels to judge by.
        StatisticsError: statistics of another generator, or none of the session's own layer.
        SessionError: a session that does not fit the generator at one of the layers.
    """
    if not statistics:
        raise ParameterError("statistics: none are given; give those of the session's layer")
    if len(statistics) == 1:
        return choose_with(g, session, statistics[0], segmenter, asked, progress)
    own, by_layer = _by_layer(g, session, statistics)
    if segmenter is None:
        raise _not_compared(by_layer, "there is no segmenter")
    found: dict[int, tuple[Edit, dict[str, Any]]] = {}
    for place, (number, stats) in enumerate(by_layer.items()):
        told = _part_of(progress, place, len(by_layer)) if progress else None
        edit = choose_with(g, session.at_layer(number), stats, segmenter, asked, told)
        choice = json.loads(edit.metadata["choice"])
        if choice["judge"] != "labels":
            raise _not_compared(by_layer, f"no class stands out in session {session.name}")
        found[number] = edit, choice
    # the first of equals, as the layers are in the order in which they are preferred
    best = max(found, key=lambda number: found[number][1]["chosen"]["value"])
    edit, choice = found[best]
    tried = [{"layer": number, **found[number][1]["chosen"]} for number in sorted(found)]
    choice |= {"session_layer": own, "layers": tried}
    return replace(edit, metadata={**edit.metadata, "choice": json.dumps(choice)})


def _by_layer(
    g: Generator, session: Session, statistics: Sequence[KeyStatistics]
) -> tuple[int, Mapping[int, KeyStatistics]]:
    """The session's own layer, and all layers with their statistics: the own first, then ascending.

    All are checked here, because a search takes minutes.
    """
    numbers = [stats.collected_at("statistics")[0] for stats in statistics]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise ParameterError(f"statistics: of layer {twice[0]} twice; give each layer once")
    if lacking := g.lacking(numbers):
        raise ParameterError(f"statistics: this generator has {lacking}")
    own = numbers[0] if session.layer is None else session.layer
    if own not in numbers:
        raise StatisticsError(
            f"statistics: of layers {', '.join(map(str, sorted(numbers)))}, and session "
            f"{session.name} is of layer {own}; give those of its layer too"
        )
    known = dict(zip(numbers, statistics, strict=True))
    ordered = {number: known[number] for number in sorted(known, key=lambda one: (one != own, one))}
    for number, stats in ordered.items():
        check_statistics(g, g.layer(number), stats)
        session.at_layer(number).check(g)
    return own, ordered


def _not_compared(layers: Mapping[int, KeyStatistics], why: str) -> ParameterError:
    numbers = " and ".join(map(str, sorted(layers)))
    return ParameterError(
        f"layers {numbers}: edits of several layers are compared by labels, and {why}; "
        "give one layer"
    )


def _part_of(progress: Progress, place: int, parts: int) -> Progress:
    """Progress of one search as that of all."""

    def told(done: int, total: int) -> None:
        progress(place * total + done, parts * total)

    return told
