"""Effect against locality: one session solved over smoothness, rank and number of exemplars.

    grid = SweepSettings(ranks=(1, 2, 10), exemplars=(1, 4, 12), mus=(0.3, 3.0, 30.0))
    for trial in sweep(g, session, stats, grid):
        trial.setting.name, trial.edit         # "rank 1, exemplars 4, mu 3", an `Edit`

Two series in one: the first exemplar alone at every rank, and rank one with the first k exemplars.
They share rank one with one exemplar, which is what `rewrite` solves with `newton`. μ is the
smoothness λ of Eq. 5 in the solver's unit-free form (`memory.solvers.newton`): it trades effect
against locality. Everything that does not depend on μ is computed once for all its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from palimpsest.experiments.tradeoff.settings import SweepSettings
from palimpsest.generators.base import Generator
from palimpsest.memory import Edit, KeyStatistics, context_directions, edit_of, pose
from palimpsest.memory.goals import goal_arguments
from palimpsest.memory.solvers.newton import Descent
from palimpsest.sessions.opening import OpenSession, open_with_statistics
from palimpsest.sessions.schema import Session


@dataclass(frozen=True)
class Setting:
    """Settings of one edit: number of directions, number of (first) exemplars, and μ."""

    rank: int
    exemplars: int
    mu: float

    @property
    def name(self) -> str:
        """The setting as a unique name."""
        return f"rank {self.rank}, exemplars {self.exemplars}, mu {self.mu:.12g}"


@dataclass(frozen=True)
class Trial:
    """A setting and the edit it gives."""

    setting: Setting
    edit: Edit

    def record(self) -> dict[str, float | str]:
        """Columns of the trial: ``method`` (the setting's name), rank, exemplars, mu;
        ``loss_before`` and ``loss_after``: L1 goal loss, mean over the cells of all exemplars;
        ``change_elsewhere``: √(E‖ΔW k‖² / E‖W k‖²) over all keys."""
        facts = self.edit.metadata
        return {
            "method": self.setting.name,
            "rank": self.setting.rank,
            "exemplars": self.setting.exemplars,
            "mu": self.setting.mu,
            "loss_before": float(facts["loss_before"]),
            "loss_after": float(facts["loss_after"]),
            "change_elsewhere": float(facts["relative_change"]),
        }


def sweep(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    grid: SweepSettings,
    sets: Sequence[tuple[int, int]] | None = None,
) -> Iterator[Trial]:
    """Edits of a session at every setting of a grid, in the order of ``grid.sets``.

    Settings with more exemplars than the session has, or more directions than its context has
    keys, are skipped: a session drawn by hand may be smaller than the grid.

    Args:
        stats: second moment over all keys of the session's layer.
        sets: those of ``grid.sets``, (rank, exemplars), that are solved; all if None.

    Raises (at once, before anything is solved):
        SessionError: a session that does not fit the generator.
        StatisticsError: statistics of other weights or of another layer.
    """
    have = len(session.exemplars)
    tried = range(min(have, max(grid.exemplars)))
    opened = open_with_statistics(g, session, stats, exemplars=tried)
    most = min(int((opened.context_weights > 0).sum()), stats.units)
    asked = grid.sets if sets is None else sets
    fitting = [(rank, count) for rank, count in asked if rank <= most and count <= have]
    return _solve(opened, stats, grid, fitting)


def _solve(
    opened: OpenSession, stats: KeyStatistics, grid: SweepSettings, sets: Sequence[tuple[int, int]]
) -> Iterator[Trial]:
    for rank, count in sets:
        directions = context_directions(opened.context_keys, opened.context_weights, stats, rank)
        problem = pose(
            opened.layer,
            **goal_arguments(opened.goals[:count]),
            directions=directions,
            stats=stats,
        )
        descent = Descent(problem)
        for mu in grid.mus:
            edit = edit_of(
                problem,
                descent.solve(mu, grid.iterations).coefficients,
                "newton",
                mu=mu,
                iterations=grid.iterations,
                session=opened.session.name,
                exemplars=",".join(map(str, range(count))),
            )
            yield Trial(Setting(rank, count, mu), edit)
