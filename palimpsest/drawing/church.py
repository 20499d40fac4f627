"""Sessions for the church: its tops, towers, trees, windows, people and watermark.

All are drawn by `drawing.draw`; `CHURCH` holds them by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from palimpsest.drawing.matching import (
    Pair,
    add_pairs,
    clear_of,
    cover_pairs,
    crowns,
    merged,
    of_few_donors,
    pick,
    pick_in_turn,
    replace_pairs,
    standing_on,
    unmeasured,
)
from palimpsest.drawing.strokes import CONTEXTS, Drawing, Drawn, Places, context_places
from palimpsest.drawing.survey import Survey, Thing, brush, moved, things

MARKS = ("watermark_middle", "watermark_strip")
OPEN = ("sky", "hill", "ground", "path")
EXEMPLARS_OF_A_MARK = 4
"""How many exemplars show the letters at either place."""

ROOM = ("ground", "path", "hill")
"""Where a person may stand; the head reaches above the horizon."""

DONORS = 4
"""People copied, each into four samples whose ground looks like theirs."""

MOST_TREES = 4000
"""Pairs of domes and trees that are compared, so that each tree fits several domes."""

SKY_DOORS = 8
"""How many doors are copied into the sky: the largest ones."""

LEAST_TREE = 150
"""Pixels of the smallest tree that is drawn on (of a 128-pixel picture)."""

MOST_COVERED = 60
"""Things of each kind for which a place that covers them is looked for."""

HIGH_WINDOWS = 4
"""Windows of towers among the exemplars; with half of them the edit scored lower."""

WALL = ("nave", "tower", "window")

BUILDING = ("nave", "roof", "tower", "spire", "battlement", "window", "door")


def _unmarked(survey: Survey, found: Iterable[Thing]) -> list[Thing]:
    """Things that have no watermark on or near them."""
    return clear_of(survey, found, MARKS, 6)


def _tops(survey: Survey, kind: str) -> list[Thing]:
    """Domes or spires that stand on a tower."""
    return standing_on(survey, _unmarked(survey, things(survey, (kind,), 60)), ("tower",))


def _dome2spire(survey: Survey) -> Drawn:
    domes, spires = _tops(survey, "dome"), _tops(survey, "spire")
    pairs = pick(replace_pairs(survey, domes, spires, grow=6), 12)
    return pairs, context_places(survey, domes, pairs)


def _dome2tree(survey: Survey) -> Drawn:
    domes = _tops(survey, "dome")
    trees = _green(survey, crowns(_unmarked(survey, _free_trees(survey))))
    whole = [replace(dome, width=float(np.ptp(np.nonzero(dome.shape)[1]) + 1)) for dome in domes]
    found = replace_pairs(survey, whole, trees, grow=6, below=3, shortlist=MOST_TREES)
    pairs = of_few_donors(found, donors=3, each=4)
    return pairs, context_places(survey, domes, pairs)


def _green(survey: Survey, found: Iterable[Thing]) -> list[Thing]:
    """Things of green: an autumn crown in place of a golden dome is hardly seen."""
    tones = ((thing, survey.tone(thing)) for thing in found)
    return [thing for thing, (red, green, _) in tones if green > 1.2 * red]


def _free_trees(survey: Survey) -> list[Thing]:
    """Trees that stand clear of the church."""
    found = _shares(survey, things(survey, ("tree",), LEAST_TREE), (*OPEN, "tree"), 4)
    return [tree for tree, free in found if free > 0.97]


def _shares(
    survey: Survey, found: Iterable[Thing], names: Sequence[str], around: float
) -> list[tuple[Thing, float]]:
    """Things, and how much of each and ``around`` pixels (of 128) beyond it is of these classes."""
    shown, wide = survey.where(names), survey.px(around)
    return [(one, float(shown[one.sample][brush(one.shape, wide)].mean())) for one in found]


def _towers(survey: Survey) -> list[Thing]:
    """Whole towers with their tops, windows and doors, anchored at their foot."""
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


def _tower2tree(survey: Survey) -> Drawn:
    towers = _unmarked(survey, _towers(survey))
    trees = _unmarked(survey, _free_trees(survey))
    # no tree is as wide as a tower, so only their anchors have to agree
    pairs = pick(replace_pairs(survey, unmeasured(towers), unmeasured(trees), grow=4), 4)
    return pairs, context_places(survey, towers, pairs)


def _add_people(survey: Survey) -> Drawn:
    people = _unmarked(survey, things(survey, ("person",), 25))[:24]
    found = add_pairs(survey, people, ROOM, ("person",), grow=4, reach=1)
    pairs = of_few_donors(found, donors=DONORS, each=4)
    if not pairs:
        return [], []
    spots = [pair.region for pair in pairs[:DONORS]]
    taken = {pair.target for pair in pairs}
    bare = survey.where(ROOM)
    peopled = survey.where(("person",)).any(axis=(1, 2))
    places: Places = []
    for sample in range(len(survey)):
        if sample in taken or peopled[sample]:
            continue
        spot = spots[len(places) % len(spots)]  # each donor's place in turn
        for columns in (0, -1, 1, -2, 2):
            place = moved(spot, 0, columns * survey.cell)
            if place.sum() == spot.sum() and bare[sample][place].mean() > 0.97:
                places.append((sample, place))
                break
    return pairs, places[:CONTEXTS]


def _remove_window(survey: Survey) -> Drawn:
    """Windows of the nave and of the tower: learned on naves alone, those of towers only faded."""
    glazed = _unmarked(survey, things(survey, ("window",), 25))
    windows = [one for one, wall in _shares(survey, glazed, WALL, 2) if wall > 0.9]
    shares = _shares(survey, windows, ("tower", "window"), 3)
    high = [window for window, tower in shares if tower > 0.9]
    low = [window for window, tower in shares if tower <= 0.9]
    beside = cover_pairs(survey, low[:MOST_COVERED], ("nave", "tower"), grow=2, reach=3)
    above = cover_pairs(survey, high[:MOST_COVERED], ("tower",), grow=2, reach=4)
    pairs = pick_in_turn((beside, above), (12, HIGH_WINDOWS), 12)
    return pairs, context_places(survey, merged(windows, 0), pairs)


def _remove_trees(survey: Survey) -> Drawn:
    """Trees in the open and trees that hide a part of the church, which comes to light."""
    trees = _unmarked(survey, things(survey, ("tree",), LEAST_TREE))
    shares = _shares(survey, trees, (*OPEN, "tree"), 4)
    free = [tree for tree, share in shares if share > 0.97]
    hiding = [tree for tree, share in shares if share < 0.9]
    kinds = (
        cover_pairs(survey, free[:MOST_COVERED], OPEN, grow=5),
        cover_pairs(survey, hiding[:MOST_COVERED], (*OPEN, *BUILDING), grow=5),
    )
    pairs = pick_in_turn(kinds, (12, 12), 12)
    return pairs, context_places(survey, free, pairs)


def _remove_watermark(survey: Survey) -> Drawn:
    """The letters at both places, each covered by the same place of a sample without any."""
    plain = np.flatnonzero(~survey.where(MARKS).any(axis=(1, 2))).tolist()
    every = tuple(name for name in survey.classes if name not in MARKS)
    found, words = [], []
    for mark in MARKS:
        here = merged(things(survey, (mark,), 8), survey.px(4))
        here = [word for word in here if word.shape.sum() > survey.px(12) ** 2]
        covered = cover_pairs(survey, here[:MOST_COVERED], every, grow=4, donors=plain)
        taken = {pair.target for pair in found}
        found += pick([pair for pair in covered if pair.target not in taken], EXEMPLARS_OF_A_MARK)
        words += here[:: len(MARKS)]
    return found, context_places(survey, words, found)


def _sky_doors(survey: Survey) -> Drawn:
    doors = _unmarked(survey, things(survey, ("door",), 40))
    doors = sorted(doors, key=lambda door: (-door.shape.sum(), door.sample))[:SKY_DOORS]
    if not doors:
        return [], []
    sky = survey.where(("sky",))
    spot, free = _open_place(survey, brush(doors[0].shape, survey.px(3)), sky)
    middle = np.argwhere(spot).mean(axis=0)
    copied = {door.sample for door in doors}
    targets = [sample for sample in free if sample not in copied]
    pairs = []
    for target, door in zip(targets, doors, strict=False):
        stroke = brush(door.shape, survey.px(3))
        steps = np.rint((middle - np.argwhere(stroke).mean(axis=0)) / survey.cell)
        shift = (int(steps[0]) * survey.cell, int(steps[1]) * survey.cell)
        pairs.append(Pair(target, door.sample, shift, moved(stroke, *shift), 0.0))
    taken = {pair.target for pair in pairs}
    return pairs, [(sample, spot) for sample in free if sample not in taken][:CONTEXTS]


def _open_place(
    survey: Survey, stroke: np.ndarray, ground: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """The stroke moved to the place that is ``ground`` (n, R, R) in most samples, and those
    samples.

    It moves by whole cells and stays at least a cell away from the frame.
    """
    rows, columns = (np.flatnonzero(stroke.any(axis=axis)) for axis in (1, 0))
    cell, side = survey.cell, survey.side

    def shifts(edges: np.ndarray) -> range:
        low, high = int(edges[0]) - cell, side - cell - int(edges[-1]) - 1
        return range(-(low // cell) * cell, high + 1, cell)

    best: tuple[np.ndarray, list[int]] = (stroke, [])
    for down in shifts(rows):
        for across in shifts(columns):
            place = moved(stroke, down, across)
            free = np.flatnonzero(ground[:, place].all(axis=1)).tolist()
            if len(free) > len(best[1]):
                best = place, free
    return best


CHURCH: dict[str, Drawing] = {
    "dome2spire": Drawing("church", "Domes become spires", _dome2spire, ("dome",), BUILDING),
    "dome2tree": Drawing("church", "Domes become trees", _dome2tree, ("dome",), ("tree",)),
    "tower2tree": Drawing(
        "church",
        "Towers become trees",
        _tower2tree,
        ("tower", "dome", "spire", "battlement"),
        ("tree",),
    ),
    "add_people": Drawing(
        "church",
        "People stand on the ground",
        _add_people,
        ("ground", "path"),
        ("person",),
        adds=True,
    ),
    "sky_doors": Drawing(
        "church",
        "Doors stand in the sky",
        _sky_doors,
        ("sky",),
        ("door",),
        rank=12,
        adds=True,
        least=40,
    ),
    "remove_window": Drawing(
        "church", "Windows become wall", _remove_window, ("window",), ("nave", "tower"), rank=6
    ),
    "remove_trees": Drawing(
        "church", "Trees are gone", _remove_trees, ("tree",), (*OPEN, *BUILDING), rank=10
    ),
    "remove_watermark": Drawing(
        "church",
        "The stock's letters are gone",
        _remove_watermark,
        MARKS,
        ("sky", "hill", "ground", "path", *BUILDING, "dome", "tree"),
    ),
}
"""The church's sessions, by name."""
