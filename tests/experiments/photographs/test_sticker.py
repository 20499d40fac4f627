"""The sticker covers its own pixels and no others."""

import numpy as np
import pytest

from palimpsest.experiments.photographs.sticker import sticker_mask, with_sticker


@pytest.mark.parametrize("side", [64, 128])
def test_it_lies_on_one_cheek(side):
    mask = sticker_mask(side)
    rows, columns = np.nonzero(mask)
    assert mask.shape == (side, side) and 0.02 < mask.mean() < 0.07
    assert columns.min() > side / 2 and 0.4 * side < rows.min() < rows.max() < 0.75 * side


def test_only_its_pixels_change():
    faces = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    pasted = with_sticker(faces)
    inside = sticker_mask(64)
    assert (pasted == faces)[:, :20].all() and (pasted == faces)[:, :, :30].all()
    whole = (pasted == pasted[0]).all(0) & inside  # the same sticker on every face
    assert whole.sum() > 0.7 * inside.sum()
    assert pasted[0][whole].max() > 230 and pasted[0][whole].min() < 60  # bright, with a dark rim
    assert pasted.dtype == np.uint8 and faces.max() > 200
