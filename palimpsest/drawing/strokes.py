"""The class of all drawings, and the strokes of their context: shared by all drawings.

    FACE = {"smile": Drawing("face", "Closed mouths smile", _smile, ("lips",), ("teeth",))}

The drawings of each group, a world or the photographs of one thing, are in a module of that name
(`drawing.church`, `drawing.photo_faces`, ...); `drawing.draw.DRAWINGS` holds them all by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from palimpsest.drawing.matching import Pair
from palimpsest.drawing.survey import Survey, Thing, brush

CONTEXTS = 12
"""Places painted as context; twelve generalise better than four (docs/sessions.md)."""

Places = list[tuple[int, np.ndarray]]
"""Sample numbers, and the pixels painted in each, (R, R) bool."""

Drawn = tuple[list[Pair], Places]
"""The pairs to copy and paste, best first, and the context."""


@dataclass(frozen=True)
class Drawing:
    """The classes of a session, and the function that draws its exemplars and context.

    ``group``: the world, or photographs, whose classes it names, and whose generators it is for.
    ``source``, ``targets``, ``adds`` and ``least`` are those of the `Session` that is drawn.
    """

    group: str
    title: str
    draw: Callable[[Survey], Drawn]
    source: tuple[str, ...]
    targets: tuple[str, ...]
    rank: int = 1
    adds: bool = False
    least: float | None = None


def context_places(
    survey: Survey, found: Iterable[Thing], pairs: Sequence[Pair], grow: float = 1
) -> Places:
    """Strokes over the things `chosen_for_context`."""
    chosen = chosen_for_context(found, pairs)
    return [(thing.sample, brush(thing.shape, survey.px(grow))) for thing in chosen]


def chosen_for_context(found: Iterable[Thing], pairs: Sequence[Pair]) -> list[Thing]:
    """One thing in each of `CONTEXTS` samples in which no pair is pasted.

    If there are too few such samples, those of the pairs are used as well, the best pairs last.
    """
    by_sample: dict[int, Thing] = {}
    for thing in found:
        by_sample.setdefault(thing.sample, thing)
    pasted = [pair.target for pair in pairs]
    free = [sample for sample in by_sample if sample not in pasted]
    spare = [sample for sample in reversed(pasted) if sample in by_sample]
    return [by_sample[sample] for sample in (free + spare)[:CONTEXTS]]
