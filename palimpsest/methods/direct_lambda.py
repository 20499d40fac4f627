"""`direct_lambda`: Adam on the coefficients Λ themselves (Eq. 17), on the first exemplar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from palimpsest.methods.method import Method
from palimpsest.settings import Count, Rank, Rate, Settings

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.instruments import Segmenter
    from palimpsest.memory import Edit, KeyStatistics
    from palimpsest.sessions import Session


class DirectLambdaParameters(Settings):
    """Adam on the coefficients: step size and steps."""

    learning_rate: Rate = 0.05
    iterations: Count = 2001


class DirectLambdaSettings(DirectLambdaParameters):
    """``rank``: number of directions; the session's own if None."""

    rank: Rank | None = None


def direct_lambda(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    settings: DirectLambdaSettings,
) -> Edit:
    """The edit of the first exemplar; see `palimpsest.memory.solvers.direct`."""
    from palimpsest.sessions.rewriting import rewrite_first

    return rewrite_first(g, session, stats, "direct", **settings.model_dump())


METHOD = Method(
    name="direct_lambda",
    about="Adam on the coefficients (Eq. 17)",
    makes="edit",
    run=direct_lambda,
    settings=DirectLambdaSettings,
    parameters=DirectLambdaParameters,
    label="direct Λ",
    in_paper=True,
    order=2,
)
