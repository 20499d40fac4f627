"""`palimpsest`: this project's method, which searches for the best exemplars and smoothness.

Candidates are judged on held-out samples, not on those that are measured; the search is in
`palimpsest.methods.choosing.choose`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from palimpsest.methods.choosing.settings import PalimpsestParameters, PalimpsestSettings
from palimpsest.methods.method import Method

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.instruments import Segmenter
    from palimpsest.memory import Edit, KeyStatistics
    from palimpsest.sessions import Session


def palimpsest(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    settings: PalimpsestSettings,
) -> Edit:
    """The best edit that the tuning samples find; see `choosing.choose.choose_with`."""
    from palimpsest.methods.choosing.choose import choose_with

    return choose_with(g, session, stats, segmenter, settings)


METHOD = Method(
    name="palimpsest",
    about="several exemplars, chosen on tuning samples",
    makes="edit",
    run=palimpsest,
    settings=PalimpsestSettings,
    parameters=PalimpsestParameters,
    uses_segmenter=True,
    figure_label="palimpsest\n(ours)",
    order=2,
    subject="palimpsest (this project’s)",
)
