"""The stages of the reflections, windows set by units: from pairs to table and figure."""

import json

import pandas as pd
import pytest
import torch

from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import ParameterError
from palimpsest.experiments.reflections import world_swap
from palimpsest.experiments.reflections.settings import InversionSettings
from palimpsest.files.panels import load_panel
from palimpsest.generators import save_generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.memory import Edit
from palimpsest.settings import settings_from_json
from palimpsest.worlds import get_world
from stages import (
    invert_reflections,
    measure_reflections,
    render_reflections,
    tabulate_reflections,
)
from tests.doubles.report_sources import call
from tests.doubles.small_networks import untrained_segmenter

SETTINGS = {
    "units_of": "window",
    "switched_layer": 4,
    "units": 3,
    "goal_layer": 6,
    "pairs": 3,
    "pairs_a_step": 2,
    "seed": 11,
    "iterations": 12,
    "rate": 0.02,
    "rank": 1,
    "rank_iterations": 12,
    "rank_rate": 0.01,
}


@pytest.fixture(scope="module")
def kitchen():
    return get_world("kitchen")


@pytest.fixture(scope="module")
def g(kitchen):
    """A random Progressive GAN of 64 pixels that takes the kitchen's z."""
    torch.manual_seed(3)
    widths = {4: 8, 8: 8, 16: 8, 32: 6, 64: 6}
    return ProgressiveGAN(64, widths, z_dim=kitchen.z_dim).eval().requires_grad_(False)


@pytest.fixture
def switch():
    return Switch(4, (1, 6, 2), torch.tensor([30.0, -20.0, 9.0]), torch.tensor([-30.0, 20.0, 0.0]))


@pytest.fixture
def files(g, kitchen, tmp_path):
    save_generator(g, tmp_path / "weights.safetensors")
    untrained_segmenter(kitchen).save(tmp_path / "segmenter.safetensors")
    return {"weights": tmp_path / "weights.safetensors"}, tmp_path / "segmenter.safetensors"


def test_from_pairs_to_figure(files, switch, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(world_swap, "find_switch", lambda *_: switch)
    weights, segmenter = files
    full = {number: tmp_path / f"full{number}.safetensors" for number in (5, 6)}
    narrow, losses = tmp_path / "invert_reflections.safetensors", tmp_path / "losses.csv"
    options = {
        **weights,
        "segmenter": segmenter,
        "out_full": [f"{number}={file}" for number, file in full.items()],
        "out_losses": losses,
        "out": narrow,
    }
    assert not call(invert_reflections, **options, settings=json.dumps(SETTINGS))
    found = pd.read_csv(losses)
    assert list(found.columns) == ["layer", "rank", "step", "loss"]
    assert list(found["step"]) == [0, 10, 12] * 3
    after = found[found["rank"] == 8].groupby("layer")["loss"].min()
    edit = Edit.load(narrow)
    assert edit.rank == 1 and edit.layer == after.idxmin()
    assert edit.metadata["session"] == "invert_reflections"
    assert Edit.load(full[5]).rank == Edit.load(full[6]).rank == 8
    assert (after < found["loss"].max()).all()

    parquet, table = tmp_path / "reflections.parquet", tmp_path / "reflection.csv"
    edits = [*full.values(), narrow]
    measuring = {**weights, "segmenter": segmenter, "edit": edits, "samples": 3, "out": parquet}
    assert not call(measure_reflections, **measuring, seed=4, scale="smoke")
    intervals = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})
    assert not call(tabulate_reflections, measurements=parquet, intervals=intervals, out=table)
    rules = pd.read_csv(table)
    assert sorted(rules["rank"]) == [0, 0, 1, 8, 8] and set(rules["scale"]) == {"smoke"}
    lowest = rules[rules["rank"] == 8].set_index("layer")["loss"]
    assert lowest.to_dict() == pytest.approx(after.to_dict())

    panel = tmp_path / "fig06_reflections.npz"
    assert not call(render_reflections, **weights, edit=narrow, pairs=2, seed=4, out=panel)
    assert load_panel(panel).facts["tuned_pairs"] == 3

    capsys.readouterr()
    parquet.unlink()
    assert call(measure_reflections, **measuring, seed=11) == 2
    assert "--seed 11: the edits were tuned on samples of this seed" in capsys.readouterr().err
    assert not parquet.exists()


@pytest.mark.parametrize(
    "change, full, message",
    [
        ({}, ["4=a"], "layer 4 cannot see a switch"),
        ({}, ["7=a"], "layer 7 comes after the goal"),
        ({}, ["six=a"], "'six' is not the number of a layer"),
        ({"rank": "x"}, ["6=a"], "--settings"),
        ({"speed": 1}, ["6=a"], "speed: there is no such parameter"),
        ({"seed": None}, ["6=a"], "--settings"),
    ],
)
def test_input_that_cannot_be_used(
    files, switch, tmp_path, monkeypatch, capsys, change, full, message
):
    monkeypatch.setattr(world_swap, "find_switch", lambda *_: switch)
    weights, segmenter = files
    before = sorted(tmp_path.iterdir())
    status = call(
        invert_reflections,
        **weights,
        segmenter=segmenter,
        out_full=[text.replace("=a", f"={tmp_path / 'a.safetensors'}") for text in full],
        out_losses=tmp_path / "losses.csv",
        out=tmp_path / "out.safetensors",
        settings=json.dumps(SETTINGS | change),
    )
    told = capsys.readouterr().err.strip().splitlines()
    assert status == 2 and message in told[-1]
    assert sorted(tmp_path.iterdir()) == before


def test_settings_must_be_complete():
    for name in SETTINGS:
        less = {other: value for other, value in SETTINGS.items() if other != name}
        with pytest.raises(ParameterError, match=f"--settings: {name}: Field required"):
            settings_from_json("--settings", json.dumps(less), InversionSettings)
    for text in ("", "3", "[1]"):
        with pytest.raises(ParameterError, match="--settings"):
            settings_from_json("--settings", text, InversionSettings)
