"""`projected_gradient`: the paper's own method (section 3.4), on the session's first exemplar.

Adam on the whole weight of the layer, projected onto the edit's directions every ``project_every``
steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from palimpsest.methods.method import Method
from palimpsest.settings import Count, Rank, Rate, Settings

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.instruments import Segmenter
    from palimpsest.memory import Edit, KeyStatistics
    from palimpsest.sessions import Session


class ProjectedGradientParameters(Settings):
    """Adam on the weight: step size, steps, and steps between two projections (Eq. 16)."""

    learning_rate: Rate = 0.05
    iterations: Count = 2001
    project_every: Count = 10


class ProjectedGradientSettings(ProjectedGradientParameters):
    """``rank``: number of directions; the session's own if None."""

    rank: Rank | None = None


def projected_gradient(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    settings: ProjectedGradientSettings,
) -> Edit:
    """The edit of the first exemplar; see `palimpsest.memory.solvers.projected_gradient`."""
    from palimpsest.sessions.rewriting import rewrite_first

    return rewrite_first(g, session, stats, "projected_gradient", **settings.model_dump())


METHOD = Method(
    name="projected_gradient",
    about="Adam on the weight, projected onto the directions (section 3.4)",
    makes="edit",
    run=projected_gradient,
    settings=ProjectedGradientSettings,
    parameters=ProjectedGradientParameters,
    label="projected gradient",
    figure_label="projected gradient\n(the paper's method)",
    in_paper=True,
    order=1,
    subject="the paper’s method",
)
