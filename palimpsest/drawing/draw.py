"""Sessions drawn from labels as a person would draw them by hand.

    survey = survey_samples(g, segmenter, layer=6, n=400, seed=1)
    session = draw("dome2spire", survey, model="church", layer=6, seed=1, n=1000)
    drawings_of("face")                        # what can be drawn on a generator of faces

A person searches the samples for a thing to copy, finds a place where it fits, and paints similar
places in a dozen other samples. The code does the same: `matching` finds pairs that fit, and the
strokes are the shapes of the labels, painted over with a round brush. The same survey gives the
same session. The first exemplar fits best; the method `palimpsest` also tries the others.
"""

from __future__ import annotations

import numpy as np

from palimpsest.drawing.church import CHURCH
from palimpsest.drawing.face import FACE
from palimpsest.drawing.horse import HORSE
from palimpsest.drawing.kitchen import KITCHEN
from palimpsest.drawing.photo_faces import PHOTO_FACES
from palimpsest.drawing.strokes import Drawing
from palimpsest.drawing.survey import Survey, soften
from palimpsest.errors import SessionError
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import Exemplar, Selection, Session

DRAWINGS: dict[str, Drawing] = CHURCH | FACE | HORSE | KITCHEN | PHOTO_FACES
"""The sessions that can be drawn, by name; a name belongs to one group only."""


def drawings_of(group: str) -> dict[str, Drawing]:
    """The drawings for generators of a world, or of photographs (``photo_faces``), in order; empty
    for an unknown group."""
    return {name: drawing for name, drawing in DRAWINGS.items() if drawing.group == group}


def draw(
    name: str, survey: Survey, *, model: str, layer: int, seed: int, n: int | None = None
) -> Session:
    """The session of one of `DRAWINGS`, drawn on the samples of a survey.

    Args:
        seed, n: the stream of samples that begins with those of the survey.

    Raises:
        SessionError: an unknown name, labels that lack a class that the session needs, or samples
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
        lacking = "no pair of samples fits together" if not pairs else "no context is visible"
        raise SessionError(
            f"session {name}: {lacking} in the {len(survey)} surveyed samples; survey more"
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
        source=drawing.source,
        targets=drawing.targets,
        adds=drawing.adds,
        least=drawing.least,
    )


def _stroke(sample: int, shape: np.ndarray) -> Selection:
    return Selection(sample=sample, mask=encode_mask(soften(shape)))
