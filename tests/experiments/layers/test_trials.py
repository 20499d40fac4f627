"""One rule at every layer: drawn on the grid of each layer, solved as the sweep solves it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from palimpsest.drawing.draw import draw
from palimpsest.drawing.survey import Survey
from palimpsest.errors import ParameterError, SessionError, StatisticsError
from palimpsest.experiments.layers.settings import TrialSettings
from palimpsest.experiments.layers.trials import drawing_for, sessions_at, trials_at
from palimpsest.generators.base import Generator
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import KeyStatistics
from palimpsest.sessions import Session, rewrite
from palimpsest.worlds import get_world
from tests.doubles.golden_session import surveyed
from tests.doubles.plain_segmenter import PlainSegmenter

LAYERS = (5, 6, 7)


def solving(exemplars: int, mus: tuple[float, ...], iterations: int) -> TrialSettings:
    return TrialSettings(
        exemplars=exemplars,
        mus=mus,
        iterations=iterations,
        statistics_samples=60,
        surveyed=100,
        survey_seed=1,
        samples=4,
        seed=3,
    )


@pytest.fixture(scope="module")
def g() -> Generator:
    """A random StyleGAN2 of the church's z whose layers have the grids of a trained one's."""
    torch.manual_seed(0)
    network = StyleGAN2(
        128,
        {4: 8, 8: 8, 16: 8, 32: 8, 64: 4, 128: 4},
        style_dim=16,
        mapping_layers=2,
        encoding=SoftThresholds(get_world("church").z_dim, ((0, 0.4),)),
    )
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def survey() -> Survey:
    return surveyed("church", 120)


@pytest.fixture(scope="module")
def sessions(g: Generator, survey: Survey) -> dict[int, Session]:
    return sessions_at("dome2spire", survey, g, LAYERS, model="church", seed=1)


@pytest.fixture(scope="module")
def stats(g: Generator) -> dict[int, KeyStatistics]:
    return KeyStatistics.collect(g, layers=LAYERS, n=20, seed=1)


def test_each_layer_gets_the_drawing_of_its_grid(
    g: Generator, survey: Survey, sessions: dict[int, Session]
) -> None:
    assert tuple(sessions) == LAYERS
    for layer, session in sessions.items():
        seen = replace(survey, cells=g.layer(layer).value_size)
        assert session == draw("dome2spire", seen, model="church", layer=layer, seed=1)


def test_layers_on_which_nothing_fits_are_left_out(g: Generator, survey: Survey) -> None:
    no_dome = replace(survey, labels=survey.labels * 0)
    with pytest.raises(SessionError, match="dome2spire: no pair"):
        sessions_at("dome2spire", no_dome, g, LAYERS, model="church", seed=1)
    with pytest.raises(SessionError, match="no layer"):
        sessions_at("dome2spire", survey, g, (), model="church", seed=1)


def test_trials_are_the_edits_that_newton_makes(
    g: Generator, sessions: dict[int, Session], stats: dict[int, KeyStatistics]
) -> None:
    trials = list(trials_at(g, sessions, stats, solving(2, (1.0, 10.0), 4)))
    assert [(t.layer, t.mu) for t in trials] == [(n, mu) for n in LAYERS for mu in (1.0, 10.0)]
    assert len({trial.name for trial in trials}) == len(trials)
    for trial in trials[::3]:
        edit = rewrite(
            g,
            sessions[trial.layer],
            stats[trial.layer],
            exemplars=(0, 1),
            rank=1,
            mu=trial.mu,
            iterations=4,
        )
        assert trial.edit.coefficients.equal(edit.coefficients)
        assert trial.edit.layer == trial.layer
        told = trial.record()
        assert (told["method"], told["layer"], told["exemplars"]) == (trial.name, trial.layer, 2)
    with pytest.raises(StatisticsError, match="layer"):
        wrong = {layer: stats[5] for layer in LAYERS}
        list(trials_at(g, sessions, wrong, solving(2, (1.0,), 1)))


def test_a_session_with_fewer_exemplars_uses_all_it_has(
    g: Generator, sessions: dict[int, Session], stats: dict[int, KeyStatistics]
) -> None:
    have = len(sessions[6].exemplars)
    few = trials_at(g, {6: sessions[6]}, stats, solving(99, (1.0,), 1))
    assert [trial.record()["exemplars"] for trial in few] == [have]


def test_what_knows_no_world_draws_nothing() -> None:
    with pytest.raises(ParameterError, match="has no world to draw dome2spire from"):
        drawing_for("dome2spire", PlainSegmenter())
