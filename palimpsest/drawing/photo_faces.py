"""Sessions for a generator of photographed faces, which no world labels: a smile.

All are drawn by `drawing.draw`; `PHOTO_FACES` holds them by name. The labels are those of
`PhotographParts`: a fixed region of every image is its mouth, called "smile" where the classifier
sees the image smile and "mouth" elsewhere.
"""

from __future__ import annotations

from palimpsest.drawing.matching import pick, replace_pairs, unmeasured
from palimpsest.drawing.strokes import CONTEXTS, Drawing, Drawn, context_places
from palimpsest.drawing.survey import Survey, Thing, things

DONORS = 32
"""Donors that are tried: the samples that the classifier most surely sees smile."""

PAIRS = 64
"""Targets, each with the donor that fits it best."""


def _smile(survey: Survey) -> Drawn:
    smiles = _by_smile(survey, "smile")[:DONORS]
    closed = _by_smile(survey, "mouth")
    # of all that do not smile: those that surely do not smile have mouths unlike the others'
    targets = _spread(closed, PAIRS)
    # the regions are the same in all samples, so a pair fits if what is around them looks alike
    found = replace_pairs(
        survey,
        unmeasured(targets),
        unmeasured(smiles),
        grow=4,
        shortlist=len(targets) * len(smiles),
    )
    pairs = pick(found, PAIRS, donors_once=False)
    pasted = {pair.target for pair in pairs}
    others = _spread([mouth for mouth in closed if mouth.sample not in pasted], CONTEXTS)
    return pairs, context_places(survey, others, pairs)


def _spread(found: list[Thing], count: int) -> list[Thing]:
    """``count`` of the things, evenly spread over the list; all if there are fewer."""
    return [found[i * len(found) // count] for i in range(count)] if len(found) > count else found


def _by_smile(survey: Survey, label: str) -> list[Thing]:
    """The mouths of the samples with this label, those that smile most surely first."""
    probability = survey.probability("smile")
    found = things(survey, (label,), 60)
    return sorted(found, key=lambda mouth: (-float(probability[mouth.sample]), mouth.sample))


PHOTO_FACES: dict[str, Drawing] = {
    "photo_smile": Drawing(
        "photo_faces", "Photographed faces smile", _smile, ("mouth",), ("smile",)
    ),
}
"""The sessions of photographed faces, by name."""
