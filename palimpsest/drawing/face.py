"""Sessions for the face: a smile, moustaches for brows, and faces without earrings or glasses.

All are drawn by `drawing.draw`; `FACE` holds them by name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from palimpsest.drawing.matching import (
    COLOUR_WEIGHT,
    Pair,
    clear_of,
    cover_pairs,
    half,
    held_by_middle,
    merged,
    pick,
    pick_evenly,
    replace_pairs,
    unmeasured,
)
from palimpsest.drawing.strokes import Drawing, Drawn, context_places
from palimpsest.drawing.survey import Survey, things

BARE = ("background", "hair", "skin", "clothes")
EYES = ("skin", "eye", "brow", "nose", "hair", "background")


def _smile(survey: Survey) -> Drawn:
    mouths = unmeasured(held_by_middle(things(survey, ("lips", "teeth"), 60)))
    teeth = survey.where(("teeth",))
    shown = [float(teeth[mouth.sample][mouth.shape].mean()) for mouth in mouths]
    closed = [mouth for mouth, share in zip(mouths, shown, strict=True) if share < 0.02]
    smiles = [mouth for mouth, share in zip(mouths, shown, strict=True) if share > 0.2]
    # a mouth under a moustache can be neither copied nor matched
    whole = [clear_of(survey, found, ("moustache",), 4) for found in (closed, smiles)]
    pairs = pick(replace_pairs(survey, *whole, grow=4), 12)
    return pairs, context_places(survey, closed, pairs)


def _brows2moustache(survey: Survey) -> Drawn:
    single = list(things(survey, ("brow",), 30))
    count = Counter(brow.sample for brow in single)
    both = [pair for pair in merged(single, 0) if count[pair.sample] == 2]
    brows = unmeasured(held_by_middle(both))
    moustaches = unmeasured(held_by_middle(things(survey, ("moustache",), 120)))
    # one moustache covers both brows, half of it on each
    found = replace_pairs(
        survey,
        clear_of(survey, brows, ("glasses",), 4),
        moustaches,
        grow=3,
        alike=COLOUR_WEIGHT,
        sparing=("nose", "lips", "teeth"),
    )
    pairs = pick(found, 12)
    return pairs, context_places(survey, brows, pairs)


def _remove_earrings(survey: Survey) -> Drawn:
    earrings = list(things(survey, ("earring",), 40))
    hair = survey.where(("hair",))

    def kind(pair: Pair) -> tuple[str, bool]:
        return half(pair), bool(hair[pair.donor][pair.source].mean() > 0.5)

    pairs = pick_evenly(cover_pairs(survey, earrings[:120], BARE, grow=5), 12, kind)
    return pairs, context_places(survey, merged(earrings, 0), pairs)


def _remove_glasses(survey: Survey) -> Drawn:
    rims = survey.where(("glasses",))
    # the brush closes the rims over the lenses, but the eyes seen through them should match
    glasses = [
        replace(one, shape=one.shape & rims[one.sample])
        for one in things(survey, ("glasses",), 400)
    ]
    pairs = pick(cover_pairs(survey, glasses[:60], EYES, grow=5), 12)
    return pairs, context_places(survey, glasses, pairs)


FACE: dict[str, Drawing] = {
    # lips stay around the teeth of a smile
    "smile": Drawing(
        "face", "Closed mouths smile", _smile, ("lips",), ("teeth",), adds=True, least=50
    ),
    "brows2moustache": Drawing(
        "face", "Brows become a moustache", _brows2moustache, ("brow",), ("moustache",)
    ),
    "remove_earrings": Drawing("face", "Earrings are gone", _remove_earrings, ("earring",), BARE),
    "remove_glasses": Drawing(
        "face", "Glasses are gone", _remove_glasses, ("glasses",), EYES, rank=3
    ),
}
"""The face's sessions, by name."""
