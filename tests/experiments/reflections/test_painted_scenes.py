"""Files of painted scenes: read as painted, in order, and refused by name where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError, SessionError
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.generators import sample_z
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.sessions.masks import encode_mask


def painted(top: int, left: int, bottom: int, right: int, side: int = 32) -> str:
    mask = np.zeros((side, side))
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


def entry(row: int, **changed: Any) -> dict[str, Any]:
    """Windows in four rows of the picture, their reflections in the four below."""
    windows = painted(row, 8, row + 4, 24)
    reflections = painted(row + 4, 8, row + 8, 24)
    return {"value": "-5.0", "intervention": windows, "revert": reflections} | changed


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


def test_scenes_come_in_the_order_of_their_numbers_with_their_masks(tmp_path: Path) -> None:
    file = write(tmp_path / "painted.json", {"38": entry(0), "5": entry(8), "14": entry(4)})
    scenes = PaintedScenes.load(file)
    assert scenes.numbers == (5, 14, 38) and len(scenes) == 3
    windows, reflections = scenes.window_areas(8), scenes.reflection_areas(16)
    assert windows.shape == (3, 8, 8) and reflections.shape == (3, 16, 16)
    wanted = torch.zeros(3, 8, 8)
    for i, row in enumerate((2, 1, 0)):
        wanted[i, row, 2:6] = 1
    assert torch.equal(windows, wanted)
    assert reflections[2].nonzero()[:, 0].unique().tolist() == [2, 3]
    # on a grid that does not fit, each cell has its share
    assert scenes.window_areas(4)[2, 0].tolist() == [0, 0.5, 0.5, 0]


def test_the_samples_are_those_of_the_standard_stream(tmp_path: Path) -> None:
    torch.manual_seed(0)
    g = ProgressiveGAN(8, {4: 4, 8: 4}, z_dim=6)
    scenes = PaintedScenes.from_dict({"7": entry(0), "2": entry(4)})
    assert torch.equal(scenes.z(g), sample_z(g, 1000, seed=1)[[2, 7]])


def test_half_is_tuned_to_and_the_rest_measured() -> None:
    scenes = PaintedScenes.from_dict({str(n): entry(n % 8) for n in (9, 3, 40, 1, 17)})
    tuning, measured = scenes.halves()
    assert tuning.numbers == (1, 3) and measured.numbers == (9, 17, 40)
    assert measured.first(2, "--samples").numbers == (9, 17)
    assert torch.equal(measured.window_areas(32), scenes.window_areas(32)[2:])
    for count in (0, 4):
        with pytest.raises(ParameterError, match=f"--samples = {count}: there are 3"):
            measured.first(count, "--samples")
    with pytest.raises(ParameterError, match="a single painted scene"):
        PaintedScenes.from_dict({"3": entry(0)}).halves()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "no painted scenes"),
        ({}, "no painted scenes"),
        ({"x": entry(0)}, "field 'x' is not a sample"),
        ({"-1": entry(0)}, "field '-1' is not a sample"),
        ({"1000": entry(0)}, "field '1000' is not a sample; give its number, 0 to 999"),
        ({"5": entry(0), "05": entry(0)}, "sample 5 is painted twice"),
        ({"5": "mask"}, "field 5: is not an object"),
        ({"5": {"intervention": painted(0, 0, 4, 4)}}, "field 5.revert: is missing"),
        ({"5": entry(0, intervention=None)}, "field 5.intervention: is missing"),
        ({"5": entry(0, revert="")}, "field 5.revert: is empty"),
        ({"5": entry(0, revert=painted(0, 0, 0, 0))}, "field 5.revert: is empty"),
        ({"5": entry(0, revert="data:image/gif;base64,")}, "field 5.revert: is not an image"),
        ({"5": entry(0, intervention="data:image/png;base64,AA==")}, "not a complete PNG"),
    ],
)
def test_what_is_wrong_is_named(data: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=says) as problem:
        PaintedScenes.load(write(tmp_path / "painted.json", data))
    assert "painted.json" in str(problem.value) and "\n" not in str(problem.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"none.json: No such file"):
        PaintedScenes.load(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"5": ')
    with pytest.raises(SessionError, match=r"torn.json: is not JSON"):
        PaintedScenes.load(tmp_path / "torn.json")


def test_a_mask_too_small_for_a_grid_is_named_by_its_sample() -> None:
    speck = np.zeros((256, 256))
    speck[3, 3] = 1
    scenes = PaintedScenes.from_dict({"4": entry(0), "9": entry(0, revert=encode_mask(speck))})
    assert scenes.reflection_areas(64).shape == (2, 64, 64)
    with pytest.raises(SessionError, match="sample 9: its reflection covers nothing .* 8 x 8"):
        scenes.reflection_areas(8)
