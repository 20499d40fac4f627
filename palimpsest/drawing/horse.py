"""Sessions for the horse: a rider's hat on the horse's head, and a long tail for every horse.

All are drawn by `drawing.draw`; `HORSE` holds them by name.
"""

from __future__ import annotations

from collections.abc import Iterable

from palimpsest.drawing.matching import (
    COLOUR_WEIGHT,
    Pair,
    half,
    held_by_top,
    of_few_donors,
    pick_evenly,
    replace_pairs,
    unmeasured,
)
from palimpsest.drawing.strokes import Drawing, Drawn, Places, chosen_for_context, context_places
from palimpsest.drawing.survey import Survey, Thing, things

EARS = 8
"""Height of the ears above the head, in pixels of a 128-pixel picture."""

MOST_HATS = 4000
"""Pairs of heads and hats that are compared, so that a few hats fit a dozen heads."""

SHORT, LONG = 30, 38
"""A tail below the first height is short, from the second on long (pixels of 128)."""

TIP = 6
"""Height of the end of a short tail that belongs to the context, in pixels of 128."""


def _tops(survey: Survey) -> list[Thing]:
    """The ears of every horse with the space between them, anchored on the head."""
    height = round(survey.px(EARS))
    tops = []
    for head in held_by_top(things(survey, ("horse_head",), 120), survey.px(4)):
        top, middle = head.anchor
        shape = head.shape.copy()
        shape[int(top) + height :] = False
        tops.append(Thing(head.sample, shape, (top + height, middle), 0.0))
    return tops


def _warm(survey: Survey, found: Iterable[Thing]) -> list[Thing]:
    """Things of a red or yellow: a blue hat is hardly seen before the sky."""
    tones = ((thing, survey.tone(thing)) for thing in found)
    return [thing for thing, (red, _, blue) in tones if red > 1.25 * blue]


def _hat(survey: Survey) -> Drawn:
    tops = _tops(survey)
    body = survey.where(("horse_body",)).any(axis=2)
    # an upright hat fits only a head that is held above the back
    upright = [top for top in tops if not body[top.sample, : int(top.anchor[0])].any()]
    hats = _warm(survey, unmeasured(things(survey, ("hat",), 60)))
    found = replace_pairs(
        survey,
        upright,
        hats,
        grow=3,
        below=0,  # or the rider's face would come along
        sparing=("rider",),
        shortlist=MOST_HATS,
    )
    # several, since the sky of the donor colours the hat
    pairs = of_few_donors(found, donors=4, each=3)
    return pairs, context_places(survey, tops, pairs)


def _long_tail(survey: Survey) -> Drawn:
    tails = held_by_top(things(survey, ("tail",), 50), survey.px(4))
    heights = [(tail, tail.box[2] - tail.box[0]) for tail in tails]
    short = [tail for tail, height in heights if height < survey.px(SHORT)]
    long = [tail for tail, height in heights if height >= survey.px(LONG)]
    fitting = replace_pairs(survey, short, long, grow=3, alike=COLOUR_WEIGHT)
    # from the other end of a picture comes the tail of a horse that faces the other way
    found = [pair for pair in fitting if abs(pair.shift[1]) < survey.side / 2]
    pairs = pick_evenly(found, 12, half)
    return pairs, _below_tips(survey, short, found, pairs)


def _below_tips(survey: Survey, short: list[Thing], found: list[Pair], pairs: list[Pair]) -> Places:
    """The ends of short tails, with the places below where the best fitting long one would hang.

    A whole short tail looks like the upper part of a long one, which needs no change.
    """
    fitting: dict[int, Pair] = {}
    for pair in found:
        fitting.setdefault(pair.target, pair)
    places = []
    for tail in chosen_for_context((tail for tail in short if tail.sample in fitting), pairs):
        shape = fitting[tail.sample].region.copy()
        shape[: int(tail.box[2] - survey.px(TIP))] = False
        places.append((tail.sample, shape))
    return places


HORSE: dict[str, Drawing] = {
    "hat": Drawing(
        "horse", "Horses wear a hat", _hat, ("horse_head",), ("hat",), rank=4, adds=True
    ),
    "long_tail": Drawing(
        "horse",
        "Short tails grow long",
        _long_tail,
        ("sky", "hill", "ground", "tree", "fence", "horse_legs"),
        ("tail",),
        rank=3,
        adds=True,
        least=60,
    ),
}
"""The horse's sessions, by name."""
