"""One rule at every layer: the same drawing on each layer's grid, solved as the sweep solves it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from palimpsest.drawing.draw import draw
from palimpsest.drawing.survey import Survey
from palimpsest.errors import ParameterError, SessionError, StatisticsError
from palimpsest.experiments.layers.tables import read_trials
from palimpsest.experiments.layers.trials import drawing_for, sessions_at, trials_at
from palimpsest.files.measurements import measured_facts
from palimpsest.generators import save_generator
from palimpsest.generators.base import Generator
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import KeyStatistics
from palimpsest.sessions import Session, rewrite
from palimpsest.worlds import get_world
from stages import try_layers
from tests.doubles.golden_session import surveyed
from tests.doubles.report_sources import call
from tests.doubles.small_networks import untrained_segmenter

LAYERS = (5, 6, 7)


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
    trials = list(trials_at(g, sessions, stats, exemplars=2, mus=(1.0, 10.0), iterations=4))
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
        list(trials_at(g, sessions, wrong, exemplars=2, mus=(1.0,), iterations=1))


def test_a_session_with_fewer_exemplars_uses_all_it_has(
    g: Generator, sessions: dict[int, Session], stats: dict[int, KeyStatistics]
) -> None:
    have = len(sessions[6].exemplars)
    few = trials_at(g, {6: sessions[6]}, stats, exemplars=99, mus=(1.0,), iterations=1)
    assert [trial.record()["exemplars"] for trial in few] == [have]


def test_what_knows_no_world_draws_nothing() -> None:
    with pytest.raises(ParameterError, match="knows no world to draw dome2spire from"):
        drawing_for("dome2spire", object())


@pytest.fixture
def files(g: Generator, tmp_path: Path) -> dict:
    save_generator(g, tmp_path / "weights.safetensors")
    untrained_segmenter(get_world("church")).save(tmp_path / "segmenter.safetensors")
    return {
        "model": "church",
        "weights": tmp_path / "weights.safetensors",
        "segmenter": tmp_path / "segmenter.safetensors",
        "session": "dome2spire",
        "layer": [5, 6],
        "settings": json.dumps(SETTINGS),
        "scale": "smoke",
        "perceptual": "encoder",
        "out": tmp_path / "deep" / "church.parquet",
    }


SETTINGS = {
    "exemplars": 2,
    "mus": [10],
    "iterations": 2,
    "statistics_samples": 20,
    "surveyed": 8,
    "survey_seed": 1,
    "samples": 4,
    "seed": 3,
}


def test_the_stage_measures_every_layer(
    files: dict, sessions: dict[int, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    # an untrained segmenter sees no dome; what it would draw stands here
    there = {layer: sessions[layer] for layer in (6,)}
    monkeypatch.setattr(try_layers, "sessions_at", lambda *_, **__: there)
    assert not call(try_layers, **files)
    rows = read_trials(files["out"])
    assert len(rows) == 4 and set(rows["layer"]) == {6} and set(rows["sample"]) == set(range(4))
    assert set(rows["generator"]) == {"church"} and set(rows["session"]) == {"dome2spire"}
    assert measured_facts(files["out"])["left_out"] == "5"


def test_a_session_that_others_drew_is_made_at_every_layer_as_it_is(
    files: dict, sessions: dict[int, Session], tmp_path: Path
) -> None:
    sessions[6].save(tmp_path / "my_idea.json")
    asked = {"session": "my_idea", "drawn": tmp_path / "my_idea.json"}
    classes = {"source_classes": "dome,sky", "target_classes": "tree"}
    assert not call(try_layers, **(files | asked | classes))
    rows = read_trials(files["out"])
    assert set(rows["layer"]) == {5, 6} and set(rows["session"]) == {"my_idea"}
    assert set(rows["sample"]) == set(range(4)) and measured_facts(files["out"])["left_out"] == ""


@pytest.mark.parametrize(
    "change, message",
    [
        ({"session": "hat"}, "hat is none of dome2spire"),
        ({"layer": [6, 99]}, "has no layer 99; it has 2 to 12"),
        ({"settings": json.dumps(SETTINGS | {"seed": 1})}, "seed 1 is that of the sessions"),
        ({"settings": json.dumps({"seed": 1})}, "--settings"),
        ({"drawn": "nowhere.json", "source_classes": "dome"}, "nowhere.json"),
        ({}, "session dome2spire"),
    ],
)
def test_input_that_cannot_be_used(
    files: dict, capsys: pytest.CaptureFixture, change: dict, message: str
) -> None:
    assert call(try_layers, **(files | change)) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not files["out"].exists()
