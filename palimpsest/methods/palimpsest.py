"""`palimpsest`: this project's method, which searches for the best exemplars and smoothness.

Candidates are judged on held-out samples, not on those that are measured; the search is in
`palimpsest.methods.choosing.choose`, at several layers in `palimpsest.methods.choosing.layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def among_layers(
    g: Generator,
    session: Session,
    statistics: Sequence[KeyStatistics],
    segmenter: Segmenter | None,
    settings: PalimpsestSettings,
) -> Edit:
    """The best edit of all layers; see `choosing.layers.choose_among_layers_with`."""
    from palimpsest.methods.choosing.layers import choose_among_layers_with

    return choose_among_layers_with(g, session, statistics, segmenter, settings)


METHOD = Method(
    name="palimpsest",
    about="several exemplars, chosen on tuning samples",
    makes="edit",
    run=palimpsest,
    run_layers=among_layers,
    settings=PalimpsestSettings,
    parameters=PalimpsestParameters,
    uses_segmenter=True,
    figure_label="palimpsest\n(ours)",
    order=2,
    subject="palimpsest (this project’s)",
)
