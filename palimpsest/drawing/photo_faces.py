"""Sessions for a generator of photographed faces, which no world labels: a smile.

All are drawn by `drawing.draw`; `PHOTO_FACES` holds them by name. The labels are those of
`PhotographParts`: a fixed region of every image is its mouth, called "smile" where the classifier
sees the image smile and "mouth" elsewhere.
"""

from __future__ import annotations

from palimpsest.drawing.matching import pick, replace_pairs, unmeasured
from palimpsest.drawing.strokes import Drawing, Drawn, context_places
from palimpsest.drawing.survey import Survey, Thing, things

SUREST = 64
"""Donors, and targets, that are tried: the samples of which the classifier is surest."""


def _smile(survey: Survey) -> Drawn:
    smiles = _by_smile(survey, "smile")
    closed = _by_smile(survey, "mouth")[::-1]
    # the regions are the same in all samples, so a pair fits if what is around them looks alike
    found = replace_pairs(
        survey,
        unmeasured(closed[:SUREST]),
        unmeasured(smiles[:SUREST]),
        grow=4,
        shortlist=SUREST**2,
    )
    pairs = pick(found, SUREST)
    return pairs, context_places(survey, closed, pairs)


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
