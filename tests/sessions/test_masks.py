"""Masks: the data URL, what it covers on a grid, and the original's way of finding that."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from palimpsest.memory.goals import box_of
from palimpsest.sessions.masks import (
    compat_area,
    cover,
    decode_mask,
    encode_mask,
)

GOLDEN = Path(__file__).parents[1] / "golden"


def png_url(pixels: np.ndarray) -> str:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, format="PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


@pytest.mark.parametrize("kind, layers", [("sg2", (6, 7)), ("pg", (6,))])
def test_compat_areas_are_those_of_the_original(kind: str, layers: tuple[int, ...]) -> None:
    session = json.loads((GOLDEN / f"{kind}_session.json").read_text())
    masks = {"object": session["object"][1], "paste": session["paste"][1]}
    masks |= {f"key{i}": mask for i, (_, mask) in enumerate(session["key"])}
    compared = 0
    for number in layers:
        golden = load_file(GOLDEN / f"{kind}_algo_layer{number}.safetensors")
        for name, area in golden.items():
            if name.startswith(("area_k.", "area_v.")):
                url = masks[name.split(".", 1)[1]]
                ours = compat_area(url, tuple(area.shape))
                assert ours.equal(area), name
                compared += 1
    assert compared >= 6 * len(layers)


def test_a_mask_survives_its_data_url() -> None:
    mask = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.float32) / 255
    url = encode_mask(mask)
    assert url == encode_mask(mask)
    np.testing.assert_allclose(decode_mask(url), mask, atol=1e-6)


def test_alpha_is_composited_by_default_and_dropped_by_compat() -> None:
    pixels = np.full((16, 16, 4), 255, np.uint8)
    pixels[:, :, 3] = 51  # white at a fifth of opacity
    url = png_url(pixels)
    np.testing.assert_allclose(decode_mask(url), 0.2, atol=1e-6)
    np.testing.assert_allclose(compat_area(url, (4, 4)).numpy(), 1.0)


def test_white_on_black_without_alpha_is_a_mask() -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[2:4, 4:8] = 255
    assert decode_mask(png_url(pixels)).sum() == 8


def test_cover_is_the_exact_area_also_where_cells_cut_pixels() -> None:
    mask = np.random.default_rng(1).random((10, 15))
    fine = np.kron(mask, np.ones((4, 6)))  # 40 x 90 pixels
    expected = fine.reshape(4, 10, 9, 10).mean(axis=(1, 3))
    np.testing.assert_allclose(cover(mask, (4, 9)).numpy(), expected, rtol=1e-5)


def test_cover_keeps_rows_and_columns_apart_on_a_grid_that_is_not_square() -> None:
    mask = np.zeros((8, 16), np.float32)
    mask[0:2, 8:16] = 1
    area = cover(mask, (4, 2)).numpy()
    assert area.shape == (4, 2)
    np.testing.assert_array_equal(area, [[0, 1], [0, 0], [0, 0], [0, 0]])


def test_a_faint_rim_does_not_widen_the_box() -> None:
    mask = np.zeros((16, 16), np.float32)
    mask[4:8, 4:8] = 1
    mask[3, 3:9] = 0.01
    assert box_of(cover(mask, (4, 4))) == (1, 1, 2, 2)
    assert box_of(np.zeros((4, 4))) is None


@pytest.mark.parametrize(
    "url",
    [
        "hello",
        "data:image/png;base64,####",
        "data:image/png;base64," + base64.b64encode(b"no picture").decode(),
        encode_mask(np.ones((64, 64)))[:80],
        "data:image/jpeg;base64,AAAA",
    ],
)
def test_what_is_no_image_is_told_so(url: str) -> None:
    with pytest.raises(ValueError, match="is not an image"):
        decode_mask(url)


def test_a_mask_to_be_written_has_two_axes_and_values_up_to_one() -> None:
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        encode_mask(np.ones((4, 4, 3)))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        encode_mask(np.full((4, 4), 2.0))
