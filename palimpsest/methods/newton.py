"""`newton`: this project's solver, on the same keys and goals as the paper's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from palimpsest.methods.method import Method
from palimpsest.settings import Count, Rank, Settings, Smoothness

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.instruments import Segmenter
    from palimpsest.memory import Edit, KeyStatistics
    from palimpsest.sessions import Session


class NewtonParameters(Settings):
    """Damped Gauss-Newton, reweighted for the L1 loss: its steps."""

    iterations: Count = 30


class NewtonSettings(NewtonParameters):
    """``mu``: weight of the change on other keys (Eq. 5). ``exemplars``: number of the session's
    exemplars that are solved for together. ``rank``: number of directions; the session's own if
    None."""

    mu: Smoothness = 0.3
    exemplars: Count = 1
    rank: Rank | None = None


def newton(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    settings: NewtonSettings,
) -> Edit:
    """The edit of the first exemplars; see `palimpsest.memory.solvers.newton`."""
    from palimpsest.sessions.rewriting import rewrite_first

    return rewrite_first(g, session, stats, "newton", **settings.model_dump())


METHOD = Method(
    name="newton",
    about="Gauss-Newton on the coefficients, with a penalty on other keys",
    makes="edit",
    run=newton,
    settings=NewtonSettings,
    parameters=NewtonParameters,
    figure_label="newton (ours),\nsame session",
    order=1,
)
