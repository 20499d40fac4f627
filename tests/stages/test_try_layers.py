"""The stage that edits every layer by one rule: its rows, and what bad input gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from palimpsest.drawing.survey import Survey
from palimpsest.experiments.layers.tables import read_trials
from palimpsest.experiments.layers.trials import sessions_at
from palimpsest.files.measurements import measured_facts
from palimpsest.generators import save_generator
from palimpsest.generators.base import Generator
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.sessions import Session
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
    classes = {"change": '{"source": ["dome", "sky"], "targets": ["tree"]}'}
    assert not call(try_layers, **(files | asked | classes))
    rows = read_trials(files["out"])
    assert set(rows["layer"]) == {5, 6} and set(rows["session"]) == {"my_idea"}
    assert set(rows["sample"]) == set(range(4)) and measured_facts(files["out"])["left_out"] == ""


@pytest.mark.parametrize(
    "change, message",
    [
        ({"session": "hat"}, "hat is none of dome2spire"),
        ({"layer": [6, 99]}, "has no layer 99; it has 2 to 12"),
        ({"settings": json.dumps(SETTINGS | {"seed": 1})}, "seed 1 is the one that sessions"),
        ({"settings": json.dumps({"seed": 1})}, "--settings"),
        ({"drawn": "nowhere.json", "change": '{"source": ["dome"]}'}, "nowhere.json"),
        ({}, "session dome2spire"),
    ],
)
def test_input_that_cannot_be_used(
    files: dict, capsys: pytest.CaptureFixture, change: dict, message: str
) -> None:
    assert call(try_layers, **(files | change)) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not files["out"].exists()
