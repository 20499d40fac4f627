"""The reflections where people painted the windows: from a file of masks to table and figure."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from palimpsest.dissection.painted_switches import find_painted_switch, painted_pairs
from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import EditError, ParameterError
from palimpsest.experiments.reflections.painted_rule import measure_painted_rule
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.files.panels import load_panel
from palimpsest.generators import sample_z, save_generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.memory import Edit
from palimpsest.report.claims import reflections as claims
from palimpsest.report.figures import reflections
from palimpsest.report.figures.sheet import Style
from palimpsest.report.table_view import read_rows, view_table
from palimpsest.sessions.masks import encode_mask
from palimpsest.worlds import get_world
from stages import (
    invert_reflections,
    measure_reflections,
    render_reflections,
    tabulate_reflections,
)
from tests.doubles.report_sources import call
from tests.doubles.small_networks import Brightness, untrained_segmenter

NUMBERS = (2, 5, 11, 12, 30, 31)
SETTINGS = {
    "switched_layer": 4,
    "units": 3,
    "goal_layer": 6,
    "pairs": 2,
    "pairs_a_step": 2,
    "seed": 11,
    "iterations": 12,
    "rate": 0.02,
    "rank": 1,
    "rank_iterations": 12,
    "rank_rate": 0.01,
    "dissected": 12,
    "on_level": 10,
    "off_level": -5,
}


@pytest.fixture(scope="module")
def g():
    """A random Progressive GAN of 64 pixels, with biases."""
    torch.manual_seed(3)
    g = ProgressiveGAN(64, {4: 8, 8: 8, 16: 8, 32: 6, 64: 6}, z_dim=12)
    for number in (1, *g.layers):
        torch.nn.init.normal_(g.block(number).wscale.b, std=0.2)
    return g.eval().requires_grad_(False)


def rectangle(top, left, bottom, right):
    mask = np.zeros((64, 64))
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


@pytest.fixture
def painted(tmp_path):
    """Windows above, reflections below, further right from scene to scene."""
    path = tmp_path / "painted.json"
    content = {
        str(number): {
            "value": "-5.0",
            "intervention": rectangle(8, 4 + 4 * i, 24, 20 + 4 * i),
            "revert": rectangle(26, 4 + 4 * i, 38, 20 + 4 * i),
        }
        for i, number in enumerate(NUMBERS)
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def scenes(painted):
    return PaintedScenes.load(painted)


SWITCH = Switch(4, (5, 1), torch.tensor([10.0, 10.0]), torch.tensor([-5.0, -5.0]))


def test_features_lead_back_to_values(g):
    layer = g.layer(4)
    values = layer.values(layer.keys(sample_z(g, 2, 1)))
    assert torch.allclose(g.values_of(g.features(values), 4), values.v, atol=1e-4)


def test_features_of_the_units_are_set_as_far_as_it_is_painted(g):
    z = sample_z(g, 2, 3)
    windows = torch.zeros(2, 8, 8)
    windows[0, 1:3, 2:5], windows[1, 4, 4] = 1, 0.25
    layer = g.layer(4)
    natural = layer.values(layer.keys(z))
    was = g.features(natural)
    for values, level in zip(painted_pairs(SWITCH, g, z, windows), (10, -5), strict=True):
        now = g.features(values)
        assert torch.allclose(now[0, [1, 5], 1:3, 2:5], torch.tensor(float(level)), atol=1e-4)
        mixed = 0.75 * was[1, [1, 5], 4, 4] + 0.25 * level
        assert torch.allclose(now[1, [1, 5], 4, 4], mixed, atol=1e-4)
        changed = (values.v != natural.v).any(1)
        assert torch.equal(changed, windows > 0)
        assert torch.equal(values.v[:, [0, 2, 3, 4, 6, 7]], natural.v[:, [0, 2, 3, 4, 6, 7]])
    with pytest.raises(ParameterError, match=r"windows of shape \(2, 4, 4\)"):
        painted_pairs(SWITCH, g, z, torch.zeros(2, 4, 4))


def test_units_are_those_that_fit_best(g):
    switch = find_painted_switch(g, 4, Brightness(), "bright", 3, seed=2, dissected=12)
    assert switch.layer == 4 and len(switch.units) == 3
    assert switch.on.tolist() == [10] * 3 and switch.off.tolist() == [-5] * 3

    class Blind(Brightness):
        def labels(self, images):
            return torch.zeros_like(super().labels(images))

    with pytest.raises(ParameterError, match="sees no 'bright'"):
        find_painted_switch(g, 4, Blind(), "bright", 3, dissected=4)
    with pytest.raises(ParameterError, match="door"):
        find_painted_switch(g, 4, Brightness(), "door", 3, dissected=4)


def test_a_rule_is_measured_within_the_paint(g, scenes):
    told = {"layer": "6", "weights_sha256": g.weights_sha256, "painted_samples": "2,5"}
    told |= {"loss_before": "4", "loss_after": "1"}
    torch.manual_seed(4)
    edit = Edit(torch.eye(8)[:1], torch.randn(8, 1, 3, 3), told)
    measured = scenes.halves()[1]
    table = measure_painted_rule(g, [edit], SWITCH, measured, Brightness(), "bright", batch=2)
    assert list(table["rule"]) == ["original"] * 2 + ["rewritten"] * 2 + ["original", "rewritten"]
    assert sorted(table["sample"]) == sorted([*measured.numbers] * 2) and set(table["seed"]) == {1}
    assert table[["scene_with_window", "scene_without_window"]].isna().all(axis=None)
    areas = measured.window_areas(8)
    on, _ = painted_pairs(SWITCH, g, measured.z(g), areas)
    images = g.layer(4).render(on).numpy()
    for i, number in enumerate(measured.numbers):
        row = table[(table["sample"] == number) & (table["rule"] == "original")].iloc[0]
        left = 4 + 4 * NUMBERS.index(number)
        box = (images[i, :, 26:38, left : left + 16] + 1) / 2
        assert row["with_window"] == pytest.approx(box.mean(), abs=1e-5)
        window = images[i, :, 8:24, left : left + 16].mean(0)
        assert row["window_seen"] == pytest.approx((window > 0.2).mean(), abs=0.01)
        assert row["change_elsewhere"] == 0
    assert (table[table["rule"] == "rewritten"]["change_elsewhere"] > 0).all()
    with pytest.raises(EditError, match="sample 2: the edits were tuned to it"):
        measure_painted_rule(g, [edit], SWITCH, scenes, Brightness(), "bright")
    other = Edit(edit.directions, edit.coefficients, told | {"painted_samples": ""})
    with pytest.raises(EditError, match="not tuned to painted scenes"):
        measure_painted_rule(g, [other], SWITCH, measured, Brightness(), "bright")


def test_from_paint_to_table_and_figure(g, painted, tmp_path, capsys):
    segmenter = untrained_segmenter(get_world("kitchen"))
    segmenter.save(tmp_path / "segmenter.safetensors")
    save_generator(g, tmp_path / "weights.safetensors")
    with torch.no_grad():
        labels = segmenter.labels(g(sample_z(g, 12, 12)))
    # what an untrained network sees most of
    thing = segmenter.classes[int(labels.flatten().bincount().argmax())]
    weights, common = {"weights": tmp_path / "weights.safetensors"}, {"painted": painted}
    seeing = {**weights, "segmenter": tmp_path / "segmenter.safetensors"}
    full = {number: tmp_path / f"full{number}.safetensors" for number in (5, 6)}
    narrow = tmp_path / "low_rank.safetensors"
    inverting = {
        **seeing,
        **common,
        "out_full": [f"{number}={file}" for number, file in full.items()],
        "out_losses": tmp_path / "losses.csv",
        "out": narrow,
    }
    settings = SETTINGS | {"units_of": thing}
    assert not call(invert_reflections, **inverting, settings=json.dumps(settings))
    edit = Edit.load(narrow)
    assert edit.rank == 1 and edit.metadata["pairs"] == "2"
    assert edit.metadata["painted_samples"] == "2,5"
    found = pd.read_csv(tmp_path / "losses.csv")
    assert found.groupby(["layer", "rank"])["loss"].agg(lambda x: min(x) < x.iloc[0]).any()

    parquet, table = tmp_path / "reflections.parquet", tmp_path / "reflection.csv"
    measuring = {**seeing, **common, "edit": [*full.values(), narrow], "out": parquet}
    measuring |= {"units_of": thing, "seed": 4, "scale": "stand_ins"}
    assert not call(measure_reflections, **measuring, samples=3)
    assert sorted(set(pd.read_parquet(parquet)["sample"])) == [12, 30, 31]
    intervals = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})
    assert not call(tabulate_reflections, measurements=parquet, settings=intervals, out=table)
    rules = pd.read_csv(table)
    assert len(rules) == 5 and rules["reflection_rule"].notna().all()
    assert rules.filter(like="scene_").isna().all(axis=None)
    assert "Not measured: the rule, windows by z" in view_table("reflection", read_rows(table)).note
    assert len(claims(read_rows(table))) == 1

    panel = tmp_path / "fig06_reflections.npz"
    shown = {**weights, **common, "edit": narrow, "world": "none", "seed": 4, "out": panel}
    assert not call(render_reflections, **shown, pairs=2)
    loaded = load_panel(panel)
    assert loaded.facts["painted"] == [12, 30] and loaded.facts["tuned_pairs"] == 2
    left = (4 + 4 * 3) / 64
    assert loaded.arrays["echoes"].shape == (2, 1, 4)
    assert loaded.arrays["echoes"][0, 0].tolist() == [left, 26 / 64, left + 16 / 64, 38 / 64]
    sheet, caption = reflections.draw(loaded, Style(dpi=60))
    assert "People painted the windows" in caption
    sheet.save(tmp_path / "f.png", caption, loaded.facts)

    capsys.readouterr()
    assert call(render_reflections, **shown, pairs=4) == 2
    assert "--pairs = 4: there are 3 painted scenes" in capsys.readouterr().err
    settings |= {"pairs": 9}
    assert call(invert_reflections, **inverting, settings=json.dumps(settings)) == 2
    assert "pairs = 9: there are 3 painted scenes" in capsys.readouterr().err
    del settings["on_level"]
    assert call(invert_reflections, **inverting, settings=json.dumps(settings)) == 2
    assert "on_level is missing" in capsys.readouterr().err
