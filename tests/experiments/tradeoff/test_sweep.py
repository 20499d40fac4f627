"""A sweep: every setting solved as `rewrite` would, and what smoothness and rank must do."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from palimpsest.errors import StatisticsError
from palimpsest.experiments.tradeoff import sweep as sweeping
from palimpsest.experiments.tradeoff.settings import SweepSettings
from palimpsest.experiments.tradeoff.sweep import Setting, Trial, sweep
from palimpsest.generators.base import Generator
from palimpsest.memory import KeyStatistics
from palimpsest.sessions import Session, rewrite
from tests.doubles.golden_session import golden_session

GRID = SweepSettings(ranks=(1, 2, 3), exemplars=(1, 2, 3), mus=(0.1, 1.0, 10.0), iterations=12)


@pytest.fixture(scope="module")
def session() -> Session:
    return golden_session()


@pytest.fixture(scope="module")
def trials(g: Generator, session: Session, stats: KeyStatistics) -> list[Trial]:
    return list(sweep(g, session, stats, GRID))


def test_the_two_series_share_the_setting_that_they_meet_in(trials: list[Trial]) -> None:
    sets = [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]
    assert list(GRID.sets) == sets and GRID.edits == len(trials) == 15
    assert [trial.setting for trial in trials] == [
        Setting(rank, count, mu) for rank, count in sets for mu in GRID.mus
    ]
    assert len({trial.setting.name for trial in trials}) == 15


def test_where_they_meet_it_is_the_edit_that_newton_makes(
    g: Generator, session: Session, stats: KeyStatistics, trials: list[Trial]
) -> None:
    for trial in trials[:3]:
        mu = trial.setting.mu
        edit = rewrite(g, session, stats, solver="newton", rank=1, mu=mu, iterations=12)
        assert trial.edit.directions.equal(edit.directions)
        assert trial.edit.coefficients.equal(edit.coefficients)
        told = {name: edit.metadata[name] for name in ("loss_after", "mu", "session", "layer")}
        assert told.items() <= trial.edit.metadata.items()


def test_the_first_exemplars_are_solved_together(
    g: Generator, session: Session, stats: KeyStatistics, trials: list[Trial]
) -> None:
    edit = rewrite(g, session, stats, exemplars=(0, 1), rank=1, mu=1.0, iterations=12)
    two = next(trial for trial in trials if trial.setting == Setting(1, 2, 1.0))
    assert two.edit.coefficients.equal(edit.coefficients)
    assert two.edit.metadata["exemplars"] == "0,1"


def test_of_a_grid_some_settings_alone_can_be_solved(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    trials: list[Trial],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solved = []
    pose = sweeping.pose
    monkeypatch.setattr(sweeping, "pose", lambda *a, **k: solved.append(1) or pose(*a, **k))
    alone = list(sweep(g, session, stats, GRID, sets=[(1, 2)]))
    same = [trial for trial in trials if trial.setting in [one.setting for one in alone]]
    assert len(solved) == 1 and len(same) == len(alone) == len(GRID.mus)
    for one, other in zip(alone, same, strict=True):
        assert one.edit.coefficients.equal(other.edit.coefficients)
        assert one.record() == other.record()


def test_an_edit_changes_no_more_directions_than_its_rank(
    g: Generator, trials: list[Trial]
) -> None:
    before = g.layer(6).weight
    for trial in trials:
        change = trial.edit.apply(g).layer(6).weight - before
        rows = change.permute(0, 2, 3, 1).flatten(0, 2).double()
        strengths = torch.linalg.svdvals(rows)
        rank = trial.setting.rank
        assert trial.edit.rank == rank
        assert strengths[rank:].max() < 1e-5 * strengths[0] < strengths[rank - 1]


def test_more_smoothness_never_changes_more_elsewhere(trials: list[Trial]) -> None:
    for first in range(0, len(trials), 3):
        told = [trial.record() for trial in trials[first : first + 3]]
        change = [one["change_elsewhere"] for one in told]
        assert change[0] > change[1] > change[2] > 0
        losses = [one["loss_after"] for one in told]
        assert losses[0] < losses[1] < losses[2] < told[0]["loss_before"]
        assert len({one["loss_before"] for one in told}) == 1


def test_what_mu_does_not_touch_is_computed_once(
    g: Generator, session: Session, stats: KeyStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Counted(sweeping.Descent):
        def __post_init__(self) -> None:
            made.append(self.problem.rank)
            super().__post_init__()

    monkeypatch.setattr(sweeping, "Descent", Counted)
    few = SweepSettings(ranks=(2,), exemplars=(2,), mus=(0.1, 0.3, 1.0), iterations=1)
    assert len(list(sweep(g, session, stats, few))) == 9
    assert made == [1, 2, 1]


def test_settings_that_the_session_is_too_small_for_are_left_out(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    grid = SweepSettings(ranks=(1, stats.units + 1), exemplars=(3, 4), mus=(1.0,), iterations=1)
    solved = [(t.setting.rank, t.setting.exemplars) for t in sweep(g, session, stats, grid)]
    assert solved == [(1, 1), (1, 3)]
    small = SweepSettings(ranks=(stats.units + 1,), exemplars=(4,), mus=(1.0,), iterations=1)
    assert [t.setting for t in sweep(g, session, stats, small)] == [Setting(1, 1, 1.0)]


def test_other_statistics_are_refused_before_anything_is_solved(
    g: Generator, session: Session
) -> None:
    other = KeyStatistics.collect(g, layer=7, n=40, seed=1)
    with pytest.raises(StatisticsError, match="layer = 7"):
        sweep(g, session, other, GRID)


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"ranks": ()}, "ranks\n.*at least 1 item"),
        ({"ranks": (0,)}, "ranks.0\n.*greater than or equal to 1"),
        ({"exemplars": (1, 1)}, r"exemplars \[1, 1\]: give each number once"),
        ({"mus": (-1.0,)}, "mus.0\n.*greater than or equal to 0"),
        ({"iterations": 0}, "iterations\n.*greater than or equal to 1"),
    ],
)
def test_a_grid_is_checked(wrong: dict, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SweepSettings(**({"ranks": (1,), "exemplars": (1,), "mus": (1.0,)} | wrong))
