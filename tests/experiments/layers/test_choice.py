"""The knee of a curve, the layers named with it, and the reason."""

import numpy as np
import pandas as pd
import pytest

from palimpsest.errors import PalimpsestError
from palimpsest.experiments.layers.choice import NoKneeError, choose_layers, depth_below_line

KEYS = {3: 4, 4: 8, 5: 8, 6: 16, 7: 16, 8: 32, 9: 32, 10: 64}
"""Keys along the side of a 128-pixel image, by layer of a StyleGAN2."""

CURVE = {3: 0.5, 4: 0.3, 5: 0.16, 6: 0.07, 7: 0.04, 8: 0.02, 9: 0.01, 10: 0.005}


def probe(curve, sizes=(16, 32, 64)):
    """Distances that are the same share at every size that is a whole number of cells, but for a
    size of 16, which all layers have not and which says something else."""
    rows = []
    for layer, share in curve.items():
        for size in sizes:
            if cells := size * KEYS[layer] // 128:
                told = share if size > 16 else 1 - share
                rows.append((layer, size, cells, told))
    table = pd.DataFrame(rows, columns=["layer", "crop_pixels", "crop_cells", "relative"])
    # the order of rows shall not matter
    return table.sample(frac=1, random_state=0)


def test_depth_below_the_line_by_hand():
    found = depth_below_line(np.array([9.0, 3.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [0, 2 / 3 - 2 / 8, 1 / 3 - 0, 0], atol=1e-12)
    np.testing.assert_allclose(depth_below_line(np.array([3.0, 2.0, 1.0])), 0, atol=1e-12)
    # a unit of the distance changes nothing
    np.testing.assert_allclose(found, depth_below_line(10 * np.array([9.0, 3.0, 1.0, 1.0]) + 5))


def test_the_knee_and_what_has_cells_as_wide_after_it():
    choice = choose_layers(probe(CURVE))
    assert choice.layer == 6 and choice.layers == (6, 7)
    assert choice.curve == pytest.approx(CURVE), "of the sizes that all layers have"
    assert max(choice.below, key=choice.below.get) == 6


@pytest.mark.parametrize(
    "curve, layers",
    [
        # layer 6 has cells as wide as 7, but comes before the knee
        ({3: 0.9, 4: 0.8, 5: 0.7, 6: 0.6, 7: 0.04, 8: 0.03, 9: 0.02, 10: 0.01}, (7,)),
        ({3: 0.9, 4: 0.1, 5: 0.09, 6: 0.08, 7: 0.07, 8: 0.06, 9: 0.05, 10: 0.04}, (4, 5)),
        ({5: 0.9, 7: 0.1, 8: 0.05, 9: 0.02}, (7,)),
    ],
)
def test_other_curves_have_other_knees(curve, layers):
    choice = choose_layers(probe(curve))
    assert choice.layers == layers and choice.layer == layers[0]


def test_the_reason_tells_the_numbers():
    why = choose_layers(probe(CURVE)).why
    for words in (
        "pieces of 32 and 64 px",
        "layer 6 alone are 7 %",
        "(50 % at layer 3)",
        "next to it: layer 5",
        "layer 7 has cells as wide, 8 px, and is at 4 %",
    ):
        assert words in why, words
    far = choose_layers(probe({layer: 3 * share for layer, share in CURVE.items()})).why
    assert "(150 % at layer 3)" in far and "layer 6 alone are 21 %" in far


@pytest.mark.parametrize(
    "table, said",
    [
        (probe({5: 0.5, 6: 0.1}), r"layers \[5, 6\]: a knee needs at least 3"),
        (
            probe(CURVE).query("layer < 10 or crop_pixels == 16"),
            "no size was probed at all of them",
        ),
        (probe({5: 0.1, 6: 0.2, 7: 0.3}), "no closer"),
        (probe({5: 0.1, 6: 0.2, 7: 0.1}), "no closer"),
    ],
)
def test_a_probe_without_a_knee_is_refused(table, said):
    with pytest.raises(PalimpsestError, match=said) as refused:
        choose_layers(table)
    # more layers or sizes can be asked for; a curve that does not fall is an outcome
    assert isinstance(refused.value, NoKneeError) == (said == "no closer")
