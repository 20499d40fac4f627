"""Copy, paste, context → edit (paper, section 4.1).

    edit = rewrite(g, session, stats, solver="newton", mu=0.1)
    g2 = edit.apply(g)

`opening` makes the goals and context keys; ``compat=True`` makes them as the original code does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from palimpsest.generators.base import Generator
from palimpsest.memory import Edit, Goal, KeyStatistics, context_directions, insert
from palimpsest.memory.goals import goal_arguments
from palimpsest.sessions.opening import OpenSession, open_with_statistics
from palimpsest.sessions.schema import Session


def rewrite(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    solver: str = "newton",
    *,
    exemplars: Sequence[int] | None = (0,),
    context: Sequence[int] | None = None,
    rank: int | None = None,
    compat: bool = False,
    **settings: Any,
) -> Edit:
    """The edit that makes every image follow what the session shows.

    Args:
        stats: second moment of the keys of the session's layer.
        solver: see `palimpsest.memory.insert`, which also takes ``settings``.
        exemplars: numbers of the exemplars to use, by default the first; all if None. Several
            share the edit's directions.
        context: numbers of the context's places to use; all if None.
        rank: number of directions; the session's own if None.
        compat: make masks and cuts as the original code does.

    Raises:
        SessionError: a session that does not fit the generator.
        StatisticsError: statistics of other weights or of another layer.
    """
    if rank is not None:
        session = session.model_copy(update={"rank": rank})
    opened = open_with_statistics(
        g, session, stats, exemplars=exemplars, context=context, compat=compat
    )
    directions = context_directions(
        opened.context_keys, opened.context_weights, stats, session.rank
    )
    return solve(opened, opened.goals, directions, stats, solver, **settings)


def rewrite_first(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    solver: str,
    *,
    exemplars: int = 1,
    **settings: Any,
) -> Edit:
    """`rewrite` with the session's first exemplars, solved for together; the metadata names them.

    ``settings``: context, rank and compat as in `rewrite`, and the solver's own.
    """
    used = range(exemplars)
    edit = rewrite(g, session, stats, solver, exemplars=used, **settings)
    return replace(edit, metadata={**edit.metadata, "exemplars": ",".join(map(str, used))})


def solve(
    opened: OpenSession,
    goals: Sequence[Goal],
    directions: Tensor,
    stats: KeyStatistics,
    solver: str,
    **settings: Any,
) -> Edit:
    """The edit for goals of an open session along given directions; see `rewrite`.

    Its metadata names the units that are silent in the goals, if there are any.
    """
    edit = insert(
        opened.layer,
        **goal_arguments(goals),
        directions=directions,
        solver=solver,
        stats=stats,
        session=opened.session.name,
        **settings,
    )
    if not opened.silent:
        return edit
    return replace(edit, metadata={**edit.metadata, "silent": ",".join(map(str, opened.silent))})
