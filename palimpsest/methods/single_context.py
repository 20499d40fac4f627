"""`single_context`: `projected_gradient` with one place of the session's context only (Table 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from palimpsest.methods.method import Method
from palimpsest.methods.projected_gradient import ProjectedGradientParameters
from palimpsest.settings import Rank

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.instruments import Segmenter
    from palimpsest.memory import Edit, KeyStatistics
    from palimpsest.sessions import Session


class SingleContextParameters(ProjectedGradientParameters):
    """As `projected_gradient`; ``context``: number of the place of context, from 0."""

    context: Annotated[int, Field(ge=0)] = 0


class SingleContextSettings(SingleContextParameters):
    """``rank``: number of directions; the session's own if None."""

    rank: Rank | None = None


def single_context(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    settings: SingleContextSettings,
) -> Edit:
    """The edit of the first exemplar along the direction of one context image."""
    from palimpsest.sessions.rewriting import rewrite_first

    asked = settings.model_dump() | {"context": (settings.context,)}
    return rewrite_first(g, session, stats, "projected_gradient", **asked)


METHOD = Method(
    name="single_context",
    about="projected gradient, one place of context",
    makes="edit",
    run=single_context,
    settings=SingleContextSettings,
    parameters=SingleContextParameters,
    label="single-image context",
    figure_label="single-image\ncontext",
    in_paper=True,
    order=3,
)
