"""Pairs of samples, best first: a thing in one sample that fits a place in another.

A layer copies whole cells, so a thing moves by whole cells only. A pair fits if, after such a
move, the thing stands where the old one stood (to a pixel), and if their surroundings look alike.
The pasted goal then differs from the old values only by the thing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from scipy import ndimage

from palimpsest.drawing.survey import Survey, Thing, brush, moved

COLOUR_WEIGHT = 2.0
"""How much a colour difference (mean over RGB, in [0, 1]) counts beside a share of labels."""


@dataclass(frozen=True)
class Pair:
    """A copy from sample ``donor`` to sample ``target``.

    ``region`` (R, R) bool: where the copy is pasted in the target's picture; ``shift`` (rows,
    columns) in pixels, a multiple of the cell: how far the copy moves; ``cost``: lower fits better.
    """

    target: int
    donor: int
    shift: tuple[int, int]
    region: np.ndarray
    cost: float

    @property
    def source(self) -> np.ndarray:
        """The region in the donor's picture."""
        return moved(self.region, -self.shift[0], -self.shift[1])


def replace_pairs(
    survey: Survey,
    targets: Sequence[Thing],
    donors: Sequence[Thing],
    grow: float,
    below: float | None = None,
    shortlist: int = 700,
    alike: float = 0.0,
    sparing: Sequence[str] = (),
) -> list[Pair]:
    """Pairs that put a donor's thing in place of a target's, anchor on anchor, best first.

    ``grow``: brush radius around both shapes, in pixels of a 128-pixel picture. ``below``: the
    stroke leaves out what is more than so many of these pixels below the anchor. The cost is the
    `difference` of the surroundings, plus the distance between the anchors that remains after the
    move and the difference of the widths (both in cells), plus ``alike`` times the difference of
    the two things' mean colours. ``sparing``: classes beside the donor's thing that the stroke
    leaves out.
    """
    beside = survey.where(sparing) if sparing else None
    ranked = []
    for target in targets:
        for donor in donors:
            if donor.sample == target.sample:
                continue
            gap = np.subtract(target.anchor, donor.anchor)
            steps = np.rint(gap / survey.cell)
            rest = np.abs(gap - steps * survey.cell) / survey.cell
            if rest.max() > 0.26:
                continue
            loose = rest.sum() + abs(target.width - donor.width) / survey.cell
            shift = tuple(int(s) * survey.cell for s in steps)
            ranked.append((float(loose), target, donor, shift))
    ranked.sort(key=lambda row: (row[0], row[1].sample, row[2].sample))
    pairs = []
    for loose, target, donor, shift in ranked[:shortlist]:
        silhouettes = target.shape | moved(donor.shape, *shift)
        region = brush(silhouettes, survey.px(grow))
        if below is not None:
            region[int(target.anchor[0] + survey.px(below)) :] = False
        region &= moved(np.ones_like(region), *shift)  # pixels inside both pictures
        if beside is not None:
            region &= ~moved(beside[donor.sample] & ~donor.shape, *shift)
        if not region[target.shape].mean() > 0.98:
            continue
        around = brush(region, survey.px(5)) & ~silhouettes
        if below is not None:
            around[int(target.anchor[0]) :] = False
        misfit = difference(survey, target.sample, donor.sample, shift, around)
        if alike:
            tones = [survey.tone(thing) for thing in (target, donor)]
            misfit += alike * float(np.abs(tones[0] - tones[1]).mean())
        pairs.append(Pair(target.sample, donor.sample, shift, region, misfit + 0.25 * loose))
    return sorted(pairs, key=lambda pair: (pair.cost, pair.target, pair.donor))


def cover_pairs(
    survey: Survey,
    targets: Iterable[Thing],
    ground: Sequence[str],
    grow: float,
    reach: int = 0,
    donors: Iterable[int] | None = None,
) -> list[Pair]:
    """Pairs that cover a target's thing with a place of another sample that shows only ``ground``.

    The place may lie up to ``reach`` cells away; 0 takes the same place. Best first.
    """
    chosen = list(range(len(survey))) if donors is None else list(donors)
    plain = survey.where(ground)[chosen].reshape(len(chosen), survey.labels[0].size)
    pairs = []
    for target in targets:
        region = brush(target.shape, survey.px(grow))
        around = brush(region, survey.px(4)) & ~target.shape
        for shift in _shifts(reach, survey.cell):
            if not _stays(region, shift):
                continue
            needed = plain[:, np.flatnonzero(moved(region, -shift[0], -shift[1]))].mean(axis=1)
            for donor, share in zip(chosen, needed, strict=True):
                if share < 0.97 or (donor == target.sample and shift == (0, 0)):
                    continue
                misfit = difference(survey, target.sample, donor, shift, around)
                pairs.append(Pair(target.sample, donor, shift, region, misfit))
    return sorted(pairs, key=lambda pair: (pair.cost, pair.target, pair.donor))


def add_pairs(
    survey: Survey,
    donors: Iterable[Thing],
    ground: Sequence[str],
    without: Sequence[str],
    grow: float,
    reach: int,
) -> list[Pair]:
    """Pairs that put a donor's thing on a place that shows only ``ground``, best first.

    The target is a sample with none of the classes ``without``; the place lies up to ``reach``
    cells away from the thing's own.
    """
    free = [i for i, found in enumerate(survey.where(without).any(axis=(1, 2))) if not found]
    plain = survey.where(ground)[free].reshape(len(free), survey.labels[0].size)
    pairs = []
    for thing in donors:
        origin = brush(thing.shape, survey.px(grow))
        for shift in _shifts(reach, survey.cell):
            region = moved(origin, *shift)
            if region.sum() != origin.sum():
                continue
            around = brush(region, survey.px(4)) & ~moved(thing.shape, *shift)
            bare = plain[:, np.flatnonzero(region)].mean(axis=1)
            for target, share in zip(free, bare, strict=True):
                if share < 0.97 or target == thing.sample:
                    continue
                misfit = difference(survey, target, thing.sample, shift, around)
                pairs.append(Pair(target, thing.sample, shift, region, misfit))
    return sorted(pairs, key=lambda pair: (pair.cost, pair.target, pair.donor))


def difference(
    survey: Survey, target: int, donor: int, shift: tuple[int, int], around: np.ndarray
) -> float:
    """The difference of two samples on the pixels ``around`` of the target's picture.

    The share of labels that differ plus `COLOUR_WEIGHT` times the mean colour difference; pixels
    whose counterpart lies outside the donor's picture are left out.
    """
    here = around & moved(np.ones_like(around), *shift)
    rows, columns = np.nonzero(here)
    if not len(rows):
        return np.inf
    there = rows - shift[0], columns - shift[1]
    labels = survey.labels[target][rows, columns] != survey.labels[donor][there]
    colours = np.abs(survey.colours[target][rows, columns] - survey.colours[donor][there])
    return float(labels.mean() + COLOUR_WEIGHT * colours.mean())


def pick(pairs: Iterable[Pair], count: int, donors_once: bool = True) -> list[Pair]:
    """The first ``count`` pairs such that no sample is the target of two, nor, with
    ``donors_once``, the donor."""
    chosen: list[Pair] = []
    targets: set[int] = set()
    donors: set[int] = set()
    for pair in pairs:
        if pair.target in targets or (donors_once and pair.donor in donors):
            continue
        chosen.append(pair)
        targets.add(pair.target)
        donors.add(pair.donor)
        if len(chosen) == count:
            break
    return chosen


def pick_evenly(pairs: Sequence[Pair], count: int, kind: Callable[[Pair], Hashable]) -> list[Pair]:
    """As `pick_in_turn`; kinds come in the order of their best pairs."""
    kinds: dict[Hashable, list[Pair]] = {}
    for pair in pairs:
        kinds.setdefault(kind(pair), []).append(pair)
    return pick_in_turn(list(kinds.values()), [count] * len(kinds), count)


def pick_in_turn(kinds: Sequence[Sequence[Pair]], most: Sequence[int], count: int) -> list[Pair]:
    """As `pick`, but the best pair of each kind in turn, so that an edit learns all kinds.

    ``most``: pairs of each kind. A kind that has as many, or no pairs left, is skipped.
    """
    waiting = [list(pairs) for pairs in kinds]
    left = list(most)
    chosen: list[Pair] = []
    while len(chosen) < count and any(waiting):
        for number, rest in enumerate(waiting):
            targets, donors = {p.target for p in chosen}, {p.donor for p in chosen}
            free = [p for p in rest if p.target not in targets and p.donor not in donors]
            rest[:] = free if left[number] else []
            if rest and len(chosen) < count:
                chosen.append(rest.pop(0))
                left[number] -= 1
    return chosen


def of_few_donors(pairs: Iterable[Pair], donors: int, each: int) -> list[Pair]:
    """``each`` pairs of the ``donors`` donors that fit so many targets best; the first of each
    donor first.

    One rule writes few looks: donors of several colours average to a smear. Each target is taken
    once. A donor that fits fewer targets is taken only if none fits ``each``: then the one that
    fits most.
    """
    by_donor: dict[int, dict[int, Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: pair.cost):
        by_donor.setdefault(pair.donor, {}).setdefault(pair.target, pair)
    taken: set[int] = set()
    chosen: list[list[Pair]] = []

    def fitting(donor: int) -> list[Pair]:
        found = by_donor[donor].values()
        return [pair for pair in found if pair.target not in taken][:each]

    def rank(donor: int) -> tuple[int, float, int]:
        found = fitting(donor)
        mean = sum(pair.cost for pair in found) / max(1, len(found))
        return (-len(found), mean, donor)

    while len(chosen) < donors and by_donor:
        best = min(by_donor, key=rank)
        chosen.append(fitting(best))
        taken.update(pair.target for pair in chosen[-1])
        del by_donor[best]
    return [pair for row in zip_longest(*chosen) for pair in row if pair is not None]


def half(pair: Pair) -> str:
    """The half of the picture in which a pair's thing is pasted: a kind for `pick_evenly`."""
    columns = np.nonzero(pair.region)[1]
    return "left" if columns.mean() + 0.5 < pair.region.shape[1] / 2 else "right"


def standing_on(survey: Survey, found: Iterable[Thing], support: Sequence[str]) -> list[Thing]:
    """Things that stand on the class ``support``, with its middle as anchor and its width.

    Middle and width are measured in the rows just below; things without support are left out.
    """
    below = survey.where(support)
    depth = max(2, round(survey.px(8)))
    kept = []
    for thing in found:
        foot = int(thing.anchor[0])
        top, left, bottom, right = thing.box
        margin = round(survey.px(4))
        columns = slice(max(0, left - margin), right + margin)
        strip = below[thing.sample, foot : foot + depth, columns]
        rows = [np.flatnonzero(row) for row in strip if row.any()]
        if len(rows) < depth // 2:
            continue
        middle = np.median([(r[0] + r[-1] + 1) / 2 for r in rows]) + columns.start
        width = float(np.median([r[-1] - r[0] + 1 for r in rows]))
        kept.append(Thing(thing.sample, thing.shape, (float(foot), float(middle)), width))
    return kept


def crowns(found: Iterable[Thing], share: float = 0.7) -> list[Thing]:
    """The upper ``share`` of things, anchored at the cut: a tree's crown without its trunk."""
    kept = []
    for thing in found:
        top, _, bottom, _ = thing.box
        cut = top + round(share * (bottom - top))
        shape = thing.shape.copy()
        shape[cut:] = False
        columns = np.flatnonzero(shape.any(axis=0))
        middle = float(columns.mean() + 0.5)
        kept.append(Thing(thing.sample, shape, (float(cut), middle), float(np.ptp(columns) + 1)))
    return kept


def _stays(region: np.ndarray, shift: tuple[int, int]) -> bool:
    """Whether a region is not empty and is inside the picture after it is moved back."""
    return bool(region.any()) and moved(region, -shift[0], -shift[1]).sum() == region.sum()


def _shifts(reach: int, cell: int) -> list[tuple[int, int]]:
    steps = sorted(range(-reach, reach + 1), key=lambda s: (abs(s), s))
    return [(rows * cell, columns * cell) for rows in steps for columns in steps]


def merged(found: Iterable[Thing], gap: float) -> list[Thing]:
    """The things of each sample joined into one, with gaps up to ``gap`` pixels closed: letters
    become one word."""
    by_sample: dict[int, np.ndarray] = {}
    for thing in found:
        known = by_sample.get(thing.sample)
        by_sample[thing.sample] = thing.shape if known is None else known | thing.shape
    whole = []
    for sample, shape in sorted(by_sample.items()):
        closed = ndimage.binary_closing(shape, iterations=max(1, round(gap / 2)))
        word = closed | shape
        rows, columns = np.nonzero(word)
        anchor = (float(rows.max() + 1), float(columns.mean() + 0.5))
        whole.append(Thing(sample, word, anchor, float(np.ptp(columns) + 1)))
    return whole


def clear_of(
    survey: Survey, found: Iterable[Thing], names: Sequence[str], near: float
) -> list[Thing]:
    """Things that have none of these classes on them or within ``near`` (of 128) pixels."""
    reach = survey.px(near)
    return [
        thing
        for thing in found
        if not survey.where_one(thing.sample, names)[brush(thing.shape, reach)].any()
    ]


def unmeasured(found: Iterable[Thing]) -> list[Thing]:
    """The things with width 0, for pairs whose widths need not agree."""
    return [replace(thing, width=0.0) for thing in found]


def held_by_top(found: Iterable[Thing], depth: float) -> list[Thing]:
    """Things anchored at their top: the highest row, and the middle of its first ``depth`` rows.

    For things that hang, such as a tail, or wear something, such as a head. Their width is that of
    these rows.
    """
    kept = []
    for thing in found:
        top = thing.box[0]
        columns = np.flatnonzero(thing.shape[top : top + max(1, round(depth))].any(axis=0))
        middle = float(columns.mean() + 0.5)
        kept.append(
            Thing(thing.sample, thing.shape, (float(top), middle), float(np.ptp(columns) + 1))
        )
    return kept


def held_by_middle(found: Iterable[Thing]) -> list[Thing]:
    """Things anchored at the middle of their box."""
    kept = []
    for thing in found:
        top, left, bottom, right = thing.box
        kept.append(replace(thing, anchor=((top + bottom) / 2, (left + right) / 2)))
    return kept
