"""Sessions for the kitchen: tiles in place of windows.

All are drawn by `drawing.draw`; `KITCHEN` holds them by name. The kitchen's reflections are not a
copy-paste session: their rule is inverted from pairs of scenes.
"""

from __future__ import annotations

from palimpsest.drawing.matching import cover_pairs, half, merged, pick_evenly
from palimpsest.drawing.strokes import Drawing, Drawn, context_places
from palimpsest.drawing.survey import Survey, things


def _remove_panes(survey: Survey) -> Drawn:
    panes = list(things(survey, ("window",), 400))
    # the table may show at the lower edge of the stroke, but not its reflections
    found = cover_pairs(survey, panes[:80], ("tiles", "wall", "table"), grow=1)
    pairs = pick_evenly(found, 12, half)
    return pairs, context_places(survey, merged(panes, 0), pairs, grow=0)


KITCHEN: dict[str, Drawing] = {
    "remove_panes": Drawing(
        "kitchen", "Windows become tiles", _remove_panes, ("window",), ("tiles", "wall")
    ),
}
"""The kitchen's sessions, by name."""
