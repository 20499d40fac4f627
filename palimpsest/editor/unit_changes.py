"""Changes of the units that are switched in single pictures: pure functions from a work to a work.

work = place_painted(work, sample, selection)       # a place in the draft's layer
work = switched(work, sample, units=[3, 8], to="off")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from palimpsest.editor.work import UnitPlace, Work
from palimpsest.errors import SessionError
from palimpsest.sessions import Selection

To = Literal["off", "on", "drawn"]


def unit_place(work: Work, layer: int, sample: int) -> UnitPlace | None:
    """The place of a sample in a layer; None if none is painted."""
    return next((one for one in work.unit_places if one.is_at(layer, sample)), None)


def place_painted(
    work: Work, sample: int, selection: Selection | None, layer: int | None = None
) -> Work:
    """The work with the place of a sample repainted, in ``layer`` or that of the draft.

    Its units stay switched.

    None removes the place with what is switched there.
    """
    layer = layer or work.draft.layer
    if selection is None:
        return _with(work, layer, sample, None)
    old = unit_place(work, layer, sample)
    place = UnitPlace(layer=layer, place=selection)
    return _with(
        work,
        layer,
        sample,
        place if old is None else old.model_copy(update={"place": selection}),
    )


def switched(work: Work, sample: int, units: Sequence[int], to: To) -> Work:
    """The work with units of the draft's layer switched at the place of a sample.

    Raises `SessionError` where no place is painted.
    """
    layer = work.draft.layer
    old = unit_place(work, layer, sample)
    if old is None:
        raise SessionError(f"paint a place on sample {sample} first: units are switched there")
    groups = {
        name: [unit for unit in getattr(old, name) if unit not in units] for name in ("off", "on")
    }
    if to != "drawn":
        groups[to] += dict.fromkeys(units)
    changed = {name: tuple(sorted(found)) for name, found in groups.items()}
    return _with(work, layer, sample, old.model_copy(update=changed))


def _with(work: Work, layer: int, sample: int, place: UnitPlace | None) -> Work:
    places = list(work.unit_places)
    at = next((i for i, one in enumerate(places) if one.is_at(layer, sample)), len(places))
    places[at : at + 1] = [] if place is None else [place]
    return work.model_copy(update={"unit_places": tuple(places)})
