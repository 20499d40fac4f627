"""Sessions for the church, drawn from labels as a person would draw them by hand.

    survey = survey_samples(g, segmenter, layer=6, n=400, seed=1)
    session = draw("dome2spire", survey, model="church", layer=6, seed=1, n=1000)

A person looks through the samples for a thing worth copying, finds a place that it fits on, and
paints the place's kind in a dozen other samples. So does this: `matching` finds what fits, and the
strokes are the labels' shapes, painted over with a round brush. The same survey gives the same
session. The first exemplar fits best; the others are candidates for the methods that choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from palimpsest.errors import SessionError
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.matching import (
    Pair,
    add_pairs,
    cover_pairs,
    crowns,
    merged,
    pick,
    replace_pairs,
    standing_on,
)
from palimpsest.sessions.schema import Exemplar, Selection, Session
from palimpsest.sessions.survey import Survey, Thing, brush, moved, soften, things

CONTEXTS = 12
"""Places painted as context; twelve generalise better than four (docs/sessions.md)."""

MARKS = ("watermark_middle", "watermark_strip")
OPEN = ("sky", "hill", "ground", "path")


@dataclass(frozen=True)
class Drawing:
    """What a session is about, and the function that draws its exemplars and context.

    ``source`` are the classes that shall go, ``target`` those that shall come in their place: what
    a measurement of the edit counts. ``adds``: the source stays, and targets come into it.
    """

    title: str
    draw: Callable[[Survey], tuple[list[Pair], list[tuple[int, np.ndarray]]]]
    source: tuple[str, ...]
    target: tuple[str, ...]
    rank: int = 1
    adds: bool = False


def draw(
    name: str, survey: Survey, *, model: str, layer: int, seed: int, n: int | None = None
) -> Session:
    """Draw one of `DRAWINGS` on the samples of a survey.

    Args:
        seed, n: the stream of samples that the survey's are the first of.

    Raises:
        SessionError: an unknown name, labels without a class that the session needs, or samples
            in which nothing fits.
    """
    if name not in DRAWINGS:
        raise SessionError(f"no drawing is called {name!r}; there are: {', '.join(DRAWINGS)}")
    drawing = DRAWINGS[name]
    try:
        pairs, places = drawing.draw(survey)
    except SessionError as problem:
        raise SessionError(f"session {name}: {problem}") from None
    if not pairs or not places:
        lacking = "no pair of samples fits together" if not pairs else "no context is to be seen"
        raise SessionError(
            f"session {name}: {lacking} in the {len(survey)} samples looked at; look at more"
        )
    return Session(
        model=model,
        name=name,
        title=drawing.title,
        layer=layer,
        rank=drawing.rank,
        seed=seed,
        n=len(survey) if n is None else n,
        exemplars=tuple(
            Exemplar(
                object=_stroke(pair.donor, pair.source), paste=_stroke(pair.target, pair.region)
            )
            for pair in pairs
        ),
        context=tuple(_stroke(sample, shape) for sample, shape in places),
    )


def _stroke(sample: int, shape: np.ndarray) -> Selection:
    return Selection(sample=sample, mask=encode_mask(soften(shape)))


def _places(survey: Survey, found: Iterable[Thing], pairs: Sequence[Pair], grow: float = 1) -> list:
    """Strokes over one thing in each of `CONTEXTS` samples that no pair's paste stands in.

    Where too few samples are left, those of the pairs are used as well, the first ones last.
    """
    by_sample: dict[int, Thing] = {}
    for thing in found:
        by_sample.setdefault(thing.sample, thing)
    pasted = [pair.target for pair in pairs]
    free = [sample for sample in by_sample if sample not in pasted]
    spare = [sample for sample in reversed(pasted) if sample in by_sample]
    chosen = (free + spare)[:CONTEXTS]
    return [(sample, brush(by_sample[sample].shape, survey.px(grow))) for sample in chosen]


def _unmarked(survey: Survey, found: Iterable[Thing]) -> list[Thing]:
    """Things without a watermark on or near them."""
    near = survey.px(6)
    return [
        thing
        for thing in found
        if not survey.where_one(thing.sample, MARKS)[brush(thing.shape, near)].any()
    ]


def _tops(survey: Survey, kind: str) -> list[Thing]:
    """Domes or spires that stand on a tower."""
    return standing_on(survey, _unmarked(survey, things(survey, (kind,), 60)), ("tower",))


def _dome2spire(survey: Survey) -> tuple[list[Pair], list]:
    domes, spires = _tops(survey, "dome"), _tops(survey, "spire")
    pairs = pick(replace_pairs(survey, domes, spires, grow=6), 12)
    return pairs, _places(survey, domes, pairs)


def _dome2tree(survey: Survey) -> tuple[list[Pair], list]:
    domes = _tops(survey, "dome")
    trees = crowns(_unmarked(survey, _free_trees(survey)))
    whole = [replace(dome, width=float(np.ptp(np.nonzero(dome.shape)[1]) + 1)) for dome in domes]
    pairs = pick(replace_pairs(survey, whole, trees, grow=6, above_only=True), 12)
    return pairs, _places(survey, domes, pairs)


def _free_trees(survey: Survey) -> list[Thing]:
    """Trees with nothing of the church beside or behind them."""
    free = survey.where((*OPEN, "tree"))
    found = things(survey, ("tree",), 150)
    return [t for t in found if free[t.sample][brush(t.shape, survey.px(4))].mean() > 0.97]


def _towers(survey: Survey) -> list[Thing]:
    """Whole towers with their tops, windows and doors, held where they stand."""
    parts = ("tower", "dome", "spire", "battlement")
    inside = survey.where((*parts, "window", "door"))
    whole = []
    for shaft in things(survey, parts, 400):
        top, _, bottom, _ = shaft.box
        low = shaft.shape[bottom - round(survey.px(20)) : bottom].any(axis=0)
        columns = np.flatnonzero(low)
        shape = shaft.shape.copy()
        strip = inside[shaft.sample, top:bottom, columns[0] : columns[-1] + 1]
        shape[top:bottom, columns[0] : columns[-1] + 1] |= strip
        middle = float((columns[0] + columns[-1] + 1) / 2)
        whole.append(Thing(shaft.sample, shape, (float(bottom), middle), float(len(columns))))
    return whole


def _tower2tree(survey: Survey) -> tuple[list[Pair], list]:
    towers = _unmarked(survey, _towers(survey))
    trees = _unmarked(survey, _free_trees(survey))
    # a tree is never as wide as a tower: only their places have to agree
    unmeasured = [[replace(thing, width=0.0) for thing in found] for found in (towers, trees)]
    pairs = pick(replace_pairs(survey, *unmeasured, grow=4), 4)
    return pairs, _places(survey, towers, pairs)


def _add_people(survey: Survey) -> tuple[list[Pair], list]:
    people = _unmarked(survey, things(survey, ("person",), 25))[:24]
    found = add_pairs(survey, people, ("ground", "path"), ("person",), grow=4, reach=1)
    pairs = pick(found, 4)
    if not pairs:
        return [], []
    spot = pairs[0].region
    taken = {pair.target for pair in pairs}
    bare = survey.where(("ground", "path"))
    peopled = survey.where(("person",)).any(axis=(1, 2))
    places = []
    for sample in range(len(survey)):
        if sample in taken or peopled[sample]:
            continue
        for columns in (0, -1, 1, -2, 2):
            place = moved(spot, 0, columns * survey.cell)
            if place.sum() == spot.sum() and bare[sample][place].mean() > 0.97:
                places.append((sample, place))
                break
    return pairs, places[:CONTEXTS]


def _wall_windows(survey: Survey) -> list[Thing]:
    """Windows with wall around them."""
    wall = survey.where(("nave", "tower", "window"))
    found = _unmarked(survey, things(survey, ("window",), 25))
    return [t for t in found if wall[t.sample][brush(t.shape, survey.px(2))].mean() > 0.9]


def _remove_window(survey: Survey) -> tuple[list[Pair], list]:
    windows = _wall_windows(survey)
    found = cover_pairs(survey, windows[:48], ("nave", "tower"), grow=2, reach=3)
    pairs = pick(found, 4)
    together = merged(windows, 0)
    return pairs, _places(survey, together, pairs)


def _remove_trees(survey: Survey) -> tuple[list[Pair], list]:
    trees = _unmarked(survey, _free_trees(survey))
    pairs = pick(cover_pairs(survey, trees[:60], OPEN, grow=5), 4)
    return pairs, _places(survey, trees, pairs)


def _remove_watermark(survey: Survey) -> tuple[list[Pair], list]:
    words = merged(things(survey, ("watermark_middle",), 8), survey.px(4))
    words = [word for word in words if word.shape.sum() > survey.px(12) ** 2]
    every = tuple(name for name in survey.classes if name != "watermark_middle")
    plain = np.flatnonzero(~survey.where(("watermark_middle",)).any(axis=(1, 2)))
    pairs = pick(cover_pairs(survey, words[:60], every, grow=4, donors=plain.tolist()), 4)
    return pairs, _places(survey, words, pairs)


BUILDING = ("nave", "roof", "tower", "spire", "battlement", "window", "door")

DRAWINGS: dict[str, Drawing] = {
    "dome2spire": Drawing("Domes become spires", _dome2spire, ("dome",), BUILDING),
    "dome2tree": Drawing("Domes become trees", _dome2tree, ("dome",), ("tree",)),
    "tower2tree": Drawing(
        "Towers become trees", _tower2tree, ("tower", "dome", "spire", "battlement"), ("tree",)
    ),
    "add_people": Drawing(
        "People stand on the ground", _add_people, ("ground", "path"), ("person",), adds=True
    ),
    "remove_window": Drawing("Windows become wall", _remove_window, ("window",), ("nave", "tower")),
    "remove_trees": Drawing("Trees are gone", _remove_trees, ("tree",), OPEN, rank=10),
    "remove_watermark": Drawing(
        "The word over the middle is gone",
        _remove_watermark,
        ("watermark_middle",),
        ("sky", "hill", "ground", "path", *BUILDING, "dome", "tree"),
    ),
}
"""The sessions that can be drawn, by name."""
