"""Pieces rendered alone: where they lie, what they are, and what their distance says."""

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from palimpsest.errors import ParameterError
from palimpsest.experiments.layers.probe import (
    COLUMNS,
    NONE_LEFT_OUT,
    SHARING,
    PieceFeatures,
    alone,
    cells_of,
    cut,
    distances,
    jackknife,
    opened,
    piece_features,
    places,
    probe_layers,
)
from palimpsest.experiments.layers.settings import ProbeSettings
from palimpsest.generators import sample_z
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.instruments.distances.frechet import frechet_distance

PLAN = ProbeSettings(layers=(3, 5, 7), sizes=(8, 16), samples=20, seeds=(11, 12, 13))


class Colours:
    """Looks at a piece's mean and contrast by channel."""

    name = "colours"
    layer = None

    def __call__(self, pieces):
        flat = pieces.flatten(2)
        return torch.cat([flat.mean(2), flat.std(2)], dim=1).numpy()


@pytest.fixture(scope="module")
def progressive():
    torch.manual_seed(5)
    g = ProgressiveGAN(32, {4: 12, 8: 12, 16: 12, 32: 8}, z_dim=6)
    return g.eval().requires_grad_(False)


def test_places_are_multiples_of_the_size_and_a_sample_keeps_its_own():
    found = places(100, 8, 32, seed=3)
    assert found.shape == (100, 2) and (found % 8 == 0).all()
    assert found.min() == 0 and found.max() == 24
    np.testing.assert_array_equal(found[:37], places(37, 8, 32, seed=3))
    assert not np.array_equal(found, places(100, 8, 32, seed=4))
    groups = found[:96].reshape(-1, SHARING, 2)
    assert (groups == groups[:, :1]).all() and len(np.unique(groups[:, 0], axis=0)) > 4
    assert (places(9, 32, 32, seed=3) == 0).all(), "a piece as large as the image"


@pytest.mark.parametrize("kind", ["small_generator", "progressive"])
def test_a_piece_as_large_as_the_image_is_the_image(kind, request):
    g = request.getfixturevalue(kind)
    z = sample_z(g, 3, 1)
    keys, values = opened(g, z, g.layers)
    images = g.finish(values)
    torch.testing.assert_close(images, g(z), atol=1e-5, rtol=1e-5)
    assert tuple(keys) == g.layers
    for number, state in keys.items():
        torch.testing.assert_close(alone(g.layer(number), state, 0, 0, 32), images)


@pytest.mark.parametrize("kind", ["small_generator", "progressive"])
def test_a_piece_has_the_same_pixels_as_its_crop_and_differs_by_its_surroundings(kind, request):
    g = request.getfixturevalue(kind)
    keys, values = opened(g, sample_z(g, 2, 1), g.layers)
    images = g.finish(values)
    whole = cut(images, 16, 8, 8)
    torch.testing.assert_close(whole, images[:, :, 16:24, 8:16])
    for number, state in keys.items():
        layer = g.layer(number)
        if cells_of(layer, 8):
            piece = alone(layer, state, 16, 8, 8)
            assert piece.shape == whole.shape and not torch.allclose(piece, whole, atol=1e-3)
    # of the last layer only the rim misses its neighbours
    number = g.last_layer
    piece = alone(g.layer(number), keys[number], 16, 8, 8)
    torch.testing.assert_close(piece[..., 2:-2, 2:-2], whole[..., 2:-2, 2:-2])


def test_only_whole_cells_make_a_piece(small_generator):
    sides = {number: small_generator.layer(number).key_size for number in (3, 4, 6, 8)}
    assert sides == {3: 4, 4: 8, 6: 16, 8: 32}
    assert [cells_of(small_generator.layer(n), 8) for n in sides] == [1, 2, 4, 8]
    assert [cells_of(small_generator.layer(n), 4) for n in sides] == [0, 1, 2, 4]


def test_distances_are_those_of_the_pieces(small_generator):
    table = probe_layers(small_generator, Colours(), PLAN)
    assert tuple(table) == COLUMNS
    rows = len(PLAN.layers) * len(PLAN.sizes)
    assert len(table) == rows * (1 + len(PLAN.seeds))
    every = table[table["without_seed"] == NONE_LEFT_OUT]
    assert set(every["n"]) == {60} and set(table["n"]) == {60, 40}
    sets = {seed: piece_features(small_generator, Colours(), PLAN, seed) for seed in PLAN.seeds}
    for without in (NONE_LEFT_OUT, "12"):
        kept = [found for seed, found in sets.items() if str(seed) != without]
        rendered, whole = (np.concatenate([f[8, layer] for f in kept]) for layer in (5, None))
        row = table.query("layer == 5 and crop_pixels == 8 and without_seed == @without").iloc[0]
        assert row["fid"] == pytest.approx(frechet_distance(rendered, whole))
        assert row["spread"] == pytest.approx(np.cov(whole, rowvar=False).trace(), rel=1e-5)
        assert (row["crop_cells"], row["features"]) == (2, "colours")
    assert every["fid"].min() > 1e-6, "no piece alone is quite its crop"


def test_a_generator_whose_places_ignore_each_other_has_no_distance(progressive):
    """With 3x3 kernels that read only their middle, a piece alone is what it is in the image."""
    local = progressive
    for number in local.layers:
        weight = local.layer(number).weight.clone()
        middle = torch.zeros_like(weight)
        middle[:, :, 1, 1] = weight[:, :, 1, 1]
        local = local.with_weight(number, middle)
    plan = ProbeSettings(layers=(3, 6), sizes=(8, 16), samples=16, seeds=(1, 2))
    found = probe_layers(local, Colours(), plan)
    assert found["fid"].max() < 1e-6
    assert probe_layers(progressive, Colours(), plan)["fid"].min() > 1e-4


def test_rows_depend_on_the_settings_alone(small_generator, random_segmenter):
    features = PieceFeatures(random_segmenter)
    seen = []
    first = probe_layers(small_generator, features, PLAN, progress=seen.append)
    assert sum(seen) == PLAN.images == 60
    pd.testing.assert_frame_equal(first, probe_layers(small_generator, features, PLAN))
    other = probe_layers(small_generator, features, PLAN, batch=7)
    pd.testing.assert_frame_equal(first, other, rtol=1e-3)


def test_features_are_those_of_the_middle_stages(random_segmenter):
    features = PieceFeatures(random_segmenter)
    pieces = torch.rand(5, 3, 64, 64) * 2 - 1
    found = features(pieces)
    stages = random_segmenter.features(pieces)[1:4]
    assert found.shape == (5, sum(random_segmenter.feature_channels[1:4]))
    assert found.dtype == np.float32
    assert np.allclose(found[:, : stages[0].shape[1]], stages[0].mean((2, 3)), atol=1e-5)
    assert features.name == "church-segmenter-stages-2-to-4"
    # pieces too small to be read are enlarged: a plain one stays plain
    plain = torch.full((1, 3, 8, 8), 0.3)
    assert np.allclose(features(plain), features(torch.full((1, 3, 32, 32), 0.3)), atol=1e-5)


def test_the_interval_over_groups_by_hand():
    found = jackknife(2.0, np.array([1.9, 2.0, 2.1]))
    deviation = np.sqrt(2 / 3 * 0.02)
    assert found.estimate == 2.0
    assert found.high - 2.0 == pytest.approx(4.302653 * deviation)
    assert found.low == pytest.approx(2.0 - 4.302653 * deviation)
    assert jackknife(0.01, np.array([0.0, 0.1])).low == 0


def test_one_row_for_each_layer_and_size(small_generator):
    table = probe_layers(small_generator, Colours(), PLAN)
    found = distances(table, level=0.9)
    assert list(found[["layer", "crop_pixels"]].itertuples(index=False, name=None)) == [
        (layer, size) for layer in PLAN.layers for size in PLAN.sizes
    ]
    assert (found["fid_low"] <= found["fid"]).all() and (found["fid"] < found["fid_high"]).all()
    wider = distances(table, level=0.99)
    assert (wider["fid_high"] > found["fid_high"]).all()
    assert set(found["n"]) == {60} and set(found["seeds"]) == {3}


PROBE = {"layers": (3, 5), "sizes": (8,), "samples": 4, "seeds": (1, 2)}


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"layers": ()}, "layers\n.*at least 1 item"),
        ({"layers": (5, 5)}, r"layers \[5, 5\]: give each number once"),
        ({"layers": (5, 99)}, "layers.1\n.*less than or equal to 18"),
        ({"sizes": (0,)}, "sizes.0\n.*greater than or equal to 1"),
        ({"samples": 1}, "samples\n.*greater than or equal to 2"),
        ({"seeds": (1,)}, "seeds\n.*at least 2 items"),
    ],
)
def test_settings_of_a_probe_are_checked(changed, said):
    with pytest.raises(ValidationError, match=said):
        ProbeSettings(**(PROBE | changed))


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"layers": (5, 9)}, "no layer 9; it has 2 to 8"),
        ({"sizes": (12,)}, "pieces of 12 pixels do not tile an image of 32"),
        ({"sizes": (64,)}, "do not tile"),
        ({"sizes": (2, 4)}, "layer 3's cells, which are 8 pixels wide; add 8"),
    ],
)
def test_a_probe_that_does_not_fit_the_generator(changed, said, small_generator):
    with pytest.raises(ParameterError, match=said):
        probe_layers(small_generator, Colours(), ProbeSettings(**(PROBE | changed)))
