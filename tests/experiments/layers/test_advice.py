"""Advice without labels: the layer from the generator's own values, the rank from the context."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from palimpsest.errors import ParameterError
from palimpsest.experiments.layers.advice import SEEDS, advise_rank, probe_for
from palimpsest.experiments.layers.choice import choose_layers
from palimpsest.experiments.layers.probe import OwnValues, distances, probe_layers
from palimpsest.experiments.layers.settings import ProbeSettings
from palimpsest.generators import Generator, wrap
from palimpsest.generators.pieces import picture_cells
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import KeyStatistics
from palimpsest.sessions.places import Places
from tests.doubles.alias_free import small_stylegan3
from tests.doubles.local_network import local_from

UNITS = 16


def test_the_probe_tells_layers_apart_by_the_generators_own_values() -> None:
    g = local_from(4)
    settings = probe_for(g, samples=24)
    assert settings.layers == (3, 4, 5, 6) and settings.sizes == (4, 8) and settings.seeds == SEEDS
    table = probe_layers(g, OwnValues(g), settings)
    assert set(table["features"]) == {"own-values-of-layer-8"}
    found = distances(table).set_index("layer")["fid"]
    assert found.loc[[4, 5, 6]].max() < 1e-9 < 1e-3 < found.loc[3].min()
    choice = choose_layers(distances(table))
    assert (choice.layer, choice.layers) == (4, (4,))


def test_own_values_are_means_of_what_the_pixels_are_drawn_from(small_generator) -> None:
    features = OwnValues(small_generator)
    maps = torch.randn(3, 8, 4, 4)
    assert features(maps).shape == (3, 8)
    torch.testing.assert_close(torch.from_numpy(features(maps)), maps.mean((2, 3)))
    settings = probe_for(small_generator, samples=16)
    table = distances(probe_layers(small_generator, features, settings))
    assert (table["fid"] > 0).all() and set(table["n"]) == {32}


def test_grey_images_need_no_other_network() -> None:
    torch.manual_seed(4)
    g = StyleGAN2(32, {4: 8, 8: 8, 16: 8, 32: 6}, style_dim=12, mapping_layers=2, image_channels=1)
    g = g.eval().requires_grad_(False)
    table = probe_layers(g, OwnValues(g), probe_for(g, samples=8))
    assert set(table["layer"]) == {3, 4, 5, 6} and (table["fid"] > 0).all()


def test_a_generator_with_too_few_layers_is_refused_in_one_line() -> None:
    g = StyleGAN2(8, {4: 8, 8: 8}, style_dim=12, mapping_layers=2)
    with pytest.raises(ParameterError, match="8 pixels has 0 layers to compare; at least 3"):
        probe_for(g, samples=8)


def test_images_that_are_not_square_are_refused_in_one_line() -> None:
    g = StyleGAN2(
        32, {4: 8, 8: 8, 16: 8, 32: 6}, style_dim=12, mapping_layers=2, first_shape=(4, 8)
    )
    with pytest.raises(ParameterError, match="images of 32 x 64 pixels"):
        probe_layers(g, OwnValues(g), probe_for(g, samples=8))


def dcgan(local: bool) -> Generator:
    """A wrapped network of 64 pixels; if ``local``, its convolutions mix no cells from layer 4."""
    torch.manual_seed(6)
    steps: list[nn.Module] = [nn.ConvTranspose2d(8, 16, 4)]
    for number, size in enumerate((8, 16, 32, 64), start=2):
        steps += [nn.LeakyReLU(0.2), nn.Upsample(size=size)]
        kernel = 1 if local and number >= 4 else 3
        steps += [nn.Conv2d(16, 16, kernel, padding=kernel // 2)]
    return wrap(nn.Sequential(*steps, nn.LeakyReLU(0.2), nn.Conv2d(16, 3, 1), nn.Tanh()), z_dim=8)


def test_a_wrapped_network_is_probed_among_keys_of_zero() -> None:
    g = dcgan(local=True)
    features = OwnValues(g)
    assert features.layer == 5  # 6 gives the picture itself
    settings = probe_for(g, samples=16)
    assert settings.layers == (2, 3, 4) and settings.sizes == (8, 16)
    table = distances(probe_layers(g, features, settings))
    found = table.set_index("layer")["relative"]
    assert found.loc[4].max() < 1e-4 < 1e-2 < found.loc[[2, 3]].min()
    mixing = distances(probe_layers(dcgan(local=False), features, settings))
    assert mixing["relative"].min() > 1e-3


@pytest.mark.parametrize("radial", [False, True])
def test_a_stylegan3_is_probed_within_its_picture(radial) -> None:
    g = (
        small_stylegan3(radial=radial, resolution=64, count=8, channel_base=512)
        .eval()
        .requires_grad_(False)
    )
    settings = probe_for(g, samples=8)
    assert len(settings.layers) >= 3 and all(size < 64 for size in settings.sizes)
    table = distances(probe_layers(g, OwnValues(g), settings))
    assert (table["fid"] > 0).all() and set(table["layer"]) == set(settings.layers)
    cells = [picture_cells(g.layer(number))[0] for number in settings.layers]
    assert (table.groupby("layer")["crop_cells"].first() * 64).tolist() == [
        settings.sizes[0] * count for count in cells
    ]


def test_layers_after_the_compared_values_are_refused() -> None:
    g = dcgan(local=False)
    settings = ProbeSettings(layers=(5, 6), sizes=(8,), samples=8, seeds=SEEDS)
    with pytest.raises(ParameterError, match="values of layer 5, which layer 6 comes after"):
        probe_layers(g, OwnValues(g), settings)


@pytest.fixture(scope="module")
def statistics(small_generator) -> KeyStatistics:
    return KeyStatistics(torch.eye(UNITS, dtype=torch.float64), 1000)


def places_of(small_generator, keys: list[torch.Tensor]) -> Places:
    """Places that are the whole maps of 2 x 4 cells, of keys (8, UNITS) for each sample."""
    maps = torch.stack([one.T.reshape(UNITS, 2, 4) for one in keys])
    return Places(small_generator.layer(6), "context", maps, torch.ones(len(keys), 2, 4))


def painted(samples: int, common: int, own: float) -> list[torch.Tensor]:
    """Keys that share ``common`` directions, and ``own`` times one that each sample has alone."""
    torch.manual_seed(common)
    basis = torch.linalg.qr(torch.randn(UNITS, UNITS))[0].T
    return [
        torch.randn(8, common) @ basis[:common]
        + own * torch.randn(8, 1) * basis[common + i]
        + 0.05 * torch.randn(8, UNITS)
        for i in range(samples)
    ]


@pytest.mark.parametrize("common", [1, 2, 4])
def test_the_rank_is_that_of_what_the_samples_have_in_common(
    small_generator, statistics, common
) -> None:
    keys = painted(6, common, own=1.5)
    advice = advise_rank(places_of(small_generator, keys), statistics)
    assert advice.rank == common and advice.held_out
    covered = list(advice.covered.values())
    assert len(covered) == 10 and covered == sorted(covered) and covered[-1] <= 1 + 1e-9
    assert f"{common} of 10 directions cover" in advice.why and "not found in" in advice.why


def test_one_painted_sample_has_nothing_to_leave_out(small_generator, statistics) -> None:
    [keys] = painted(1, 2, own=0)
    advice = advise_rank(places_of(small_generator, [keys]), statistics)
    assert advice.rank == 2 and not advice.held_out
    assert len(advice.covered) == 8 and "paint the context in more samples" in advice.why
    single = advise_rank(places_of(small_generator, [keys]), statistics, most=1)
    assert single.rank == 1 and list(single.covered) == [1]
