import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.instruments.detectors.reflections import (
    echo_brightness,
    grade_meter,
    reflection_change,
    window_gain,
)
from palimpsest.worlds import get_world
from palimpsest.worlds.scene import Slot

SLOTS = {
    "left": Slot(("l", "light"), (0.0, 0.0, 0.25, 0.25), (0.0, 0.5, 0.25, 0.75)),
    "right": Slot(("r", "light"), (0.5, 0.0, 1.0, 0.25), (0.5, 0.5, 1.0, 0.75)),
}


@pytest.fixture(scope="module")
def kitchen():
    return get_world("kitchen")


def test_a_constant_image_is_as_bright_everywhere():
    levels = torch.tensor([-1.0, 0.0, 0.2, 1.0, 1.7])  # the last is shown as white
    images = levels[:, None, None, None].expand(-1, 3, 64, 64)
    wanted = torch.tensor([0.0, 0.5, 0.6, 1.0, 1.0])[:, None].expand(-1, 2)
    assert torch.allclose(echo_brightness(images, SLOTS), wanted, atol=1e-6)


def test_only_what_lies_in_the_echo_counts():
    images = torch.full((1, 3, 64, 64), -1.0)
    images[:, :, 32:48, 0:16] = 1.0  # the whole echo of the left
    assert echo_brightness(images, SLOTS).tolist() == [[1.0, 0.0]]
    images[:, :, 32:40] = -1.0  # its upper half goes dark: rows 33 to 46 are measured
    assert echo_brightness(images, SLOTS)[0, 0].item() == pytest.approx(7 / 14)
    images[:] = -1.0
    images[:, 0, 32:48, 32:64] = 1.0  # one channel of three
    assert echo_brightness(images, SLOTS)[0, 1].item() == pytest.approx(1 / 3)
    around = torch.full((1, 3, 64, 64), 1.0)
    around[:, :, 33:47, 1:15] = around[:, :, 33:47, 33:63] = -1.0
    assert echo_brightness(around, SLOTS).tolist() == [[0.0, 0.0]]


def test_a_change_is_that_of_each_pair():
    before = torch.zeros(2, 3, 64, 64)
    after = before.clone()
    after[1, :, 32:48, :16] = 0.4
    change = reflection_change(before, after, SLOTS)
    assert torch.allclose(change, torch.tensor([[0.0, 0.0], [0.2, 0.0]]), atol=1e-6)
    assert torch.equal(reflection_change(after, before, SLOTS), -change)
    with pytest.raises(ValueError, match="before"):
        reflection_change(before, after[:1], SLOTS)


def test_what_cannot_be_measured():
    with pytest.raises(ParameterError, match="no slots"):
        echo_brightness(torch.zeros(1, 3, 64, 64), {})
    with pytest.raises(ParameterError, match="no slots"):
        grade_meter(get_world("church"), "mirror", n=1)
    with pytest.raises(ValueError, match="too small to measure left"):
        echo_brightness(torch.zeros(1, 3, 8, 8), SLOTS)


@pytest.mark.parametrize("resolution", [32, 128])
def test_a_window_lights_its_own_part_of_the_table_and_no_other(kitchen, resolution):
    scene = kitchen.scene(np.random.RandomState(3).standard_normal((6, kitchen.z_dim)))
    left = window_gain(kitchen, scene, "window_left", resolution)
    assert left.shape == (6, 2)
    assert (left[:, 0] > 0.1).all() and (left[:, 1] == 0).all()
    matt = window_gain(kitchen, scene.with_(reflective=False), "window_right", resolution)
    assert (matt == 0).all()


def test_a_brighter_window_has_a_brighter_reflection(kitchen):
    scene = kitchen.scene(np.random.RandomState(4).standard_normal((5, kitchen.z_dim)))
    gains = [
        window_gain(kitchen, scene.with_(window_left_brightness=light), "window_left", 64)[:, 0]
        for light in (0.25, 0.6, 1.0)
    ]
    assert (gains[0] < gains[1]).all() and (gains[1] < gains[2]).all()


def test_the_grade_on_renders(kitchen):
    for blurred in (0.0, 0.7):
        grade = grade_meter(kitchen, "reflective", n=12, blurred=blurred)
        assert grade["false_positives"] == grade["false_negatives"] == 0
        assert grade["positives"] == grade["negatives"] == 24
        assert grade["least_gain"] > 0.1 and grade["gain_low"] < grade["gain"] < grade["gain_high"]
        assert grade["gain_without_rule"] < 0.005 and grade["elsewhere"] < 0.001
        assert grade["brightness_correlation"] > 0.85
