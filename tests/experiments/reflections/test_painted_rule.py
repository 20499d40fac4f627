"""The rule of the reflections where people painted the windows: features, units, brightness."""

import json

import numpy as np
import pytest
import torch

from palimpsest.dissection.painted_switches import find_painted_switch, painted_pairs
from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import EditError, ParameterError
from palimpsest.experiments.reflections.painted_rule import measure_painted_rule
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.generators import sample_z
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.memory import Edit
from palimpsest.sessions.masks import encode_mask
from tests.doubles.small_networks import Brightness

NUMBERS = (2, 5, 11, 12, 30, 31)


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
