"""StyleGAN3 against what NVIDIA's code draws, and what its layers keep to."""

import math

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator, sample_z
from tests.doubles.alias_free import TRUNCATION, golden_stylegan3, small_stylegan3
from tests.doubles.bounds import EXACT


@pytest.fixture(params=["t", "r"])
def held(request):
    return golden_stylegan3(request.param)


@pytest.fixture
def g(held, tmp_path):
    torch.save(held.state, tmp_path / "network.pt")
    return load_generator(tmp_path / "network.pt", truncation=TRUNCATION)


def test_images_are_those_of_nvidias_code(g, held):
    assert torch.allclose(g.latents(held.z), held.ws, atol=1e-5)
    assert (g(held.z) - held.images).abs().max() < 1e-5
    # in float64 what is left is the rounding of the images that are compared with
    assert (g.double()(held.z.double()) - held.images).abs().max() < 1e-5


def test_facts(g, held):
    assert (g.kind, g.resolution, g.z_dim, g.classes) == ("stylegan3", 32, 24, 0)
    assert g.layers == (1, 2, 3, 4, 5, 6) and g.latent_rows == held.ws.shape[1]
    kernel = held.state["synthesis.L0_36_16.weight"].shape[-1]
    rim = (kernel - 1) // 2
    assert [g.layer(n).key_size - 2 * rim for n in g.layers] == [36, 36, 36, 52, 52, 52]
    # sixteen, then 32 cells cross the picture, and the others lie around it
    assert [g.layer(n).margin - rim for n in g.layers] == [10] * 6


def test_render_of_values_equals_the_generator(g, held):
    g = g.double()
    z = held.z.double()
    images = g(z)
    for number in g.layers:
        layer = g.layer(number)
        state = layer.keys(z)
        values = layer.values(state)
        m, n = layer.weight.shape[:2]
        assert state.k.shape == (2, n, layer.key_size, layer.key_size)
        assert values.v.shape == (2, m, layer.value_size, layer.value_size)
        assert (layer.render(values) - images).abs().max() < EXACT
        assert (layer.render(values[1]) - images[1:]).abs().max() < EXACT


def test_values_are_a_convolution_with_the_modulated_weight(g, held):
    """The layer as NVIDIA states it: a modulated and normalised weight, applied to features."""
    g = g.double()
    z = held.z.double()
    for number in g.layers:
        layer = g.layer(number)
        state = layer.keys(z)
        module = layer.module
        gain = module.magnitude_ema.rsqrt()
        features = state.k / (state.style * gain)[:, :, None, None]
        rim = module.rim
        for row in range(2):
            weight = layer.weight * state.style[row, None, :, None, None]
            weight = weight / weight.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
            pre = torch.conv2d(features[row : row + 1], weight * gain, padding=rim)
            wanted = pre + module.bias[:, None, None]
            assert (layer.values(state).v[row] - wanted[0]).abs().max() < EXACT


def test_a_part_of_the_keys_has_the_values_of_its_place(g, held):
    layer = g.double().layer(4)
    state = layer.keys(held.z.double())
    part = layer.values(state.crop(12, 20, 22, 30))
    whole = layer.values(state).v[:, :, 12:22, 20:30]
    assert part.window == (12, 20, 22, 30)
    assert (part.v - whole)[:, :, 1:-1, 1:-1].abs().max() < EXACT
    with pytest.raises(ParameterError, match="draws whole maps only"):
        layer.render(part)


def test_the_rim_of_a_key_map_is_zero():
    layer = small_stylegan3().layer(2)
    k = layer.keys(sample_z(layer.generator, 1)).k
    assert layer.module.rim == 1 and k[:, :, 1:-1, 1:-1].abs().min() > 0
    inside = torch.zeros_like(k)
    inside[:, :, 1:-1, 1:-1] = k[:, :, 1:-1, 1:-1]
    assert torch.equal(k, inside)


@pytest.mark.parametrize("radial", [False, True])
def test_a_sample_does_not_depend_on_its_batch(radial):
    g = small_stylegan3(radial).double()
    z = sample_z(g, 4).double()
    assert (g(z) - torch.cat([g(row) for row in z.split(1)])).abs().max() < EXACT


def test_magnitudes_divide_the_features():
    g = small_stylegan3()
    z = sample_z(g, 2)
    before = g.layer(3).keys(z).k
    g.convolution(3).magnitude_ema.mul_(4)
    assert torch.allclose(g.layer(3).keys(z).k, before / 2, atol=1e-6)


def test_the_transform_moves_the_picture():
    """A shift by whole cells of the sines' map shifts the keys of the first layer."""
    g = small_stylegan3(radial=True).double()
    g.synthesis.input.affine.weight.zero_()
    g.synthesis.input.affine.bias.copy_(torch.tensor([1.0, 0, 0, 0]))
    z = sample_z(g, 1).double()
    before = g.layer(1).keys(z).k
    g.synthesis.input.transform[0, 2] = 3 / g.plan.rates[0]
    after = g.layer(1).keys(z).k
    assert torch.allclose(after[:, :, :, :-3], before[:, :, :, 3:], atol=1e-9)
    assert (after - before).abs().max() > 0.1


def test_the_latent_turns_and_shifts_the_sines():
    g = small_stylegan3(radial=True).double()
    sines = g.synthesis.input
    sines.affine.weight.zero_()
    z = sample_z(g, 1).double()
    images = []
    for turn in ([1.0, 0, 0, 0], [0.0, 2, 0, 0]):  # of any length: a quarter turn
        sines.affine.bias.copy_(torch.tensor(turn))
        images.append(sines(g.latents(z)[:, 0]))
    assert torch.allclose(images[1], images[0].rot90(1, (2, 3)), atol=1e-9) or torch.allclose(
        images[1], images[0].rot90(-1, (2, 3)), atol=1e-9
    )


def test_frequencies_beyond_the_band_fade_out():
    g = small_stylegan3().double()
    sines = g.synthesis.input
    z = sample_z(g, 1).double()
    sines.transform[:2, :2] = 100 * torch.eye(2)
    assert sines(g.latents(z)[:, 0]).abs().max() < EXACT


def test_activations_are_limited():
    g = small_stylegan3()
    z = sample_z(g, 1)
    loud = g.with_weight(4, g.layer(4).weight)
    loud.convolution(4).bias.fill_(1e6)
    values = loud.layer(4).values(loud.layer(4).keys(z))
    features = loud.convolution(4).features(values.v, loud.plan.clamp)
    assert 250 < features.max() < 300
    assert loud(z).abs().max() <= 256 * loud.plan.output_scale


def test_a_conditional_network_reads_the_class_after_z():
    g = small_stylegan3(classes=3).double()
    z = torch.randn(2, 12, dtype=torch.float64)
    a, b = (torch.nn.functional.one_hot(torch.tensor([c, c]), 3).double() for c in (0, 2))
    first, second = g(torch.cat([z, a], dim=1)), g(torch.cat([z, b], dim=1))
    assert (first - second).abs().max() > 1e-3
    embed = g.mapping.embed
    x = z / z.square().mean(dim=1, keepdim=True).sqrt()
    y = b @ embed.weight.T / math.sqrt(3) + embed.bias
    y = y / y.square().mean(dim=1, keepdim=True).sqrt()
    x = torch.cat([x, y], dim=1)
    for fc in (g.mapping.fc0, g.mapping.fc1):
        x = x @ fc.weight.T * 0.01 / math.sqrt(x.shape[1]) + 0.01 * fc.bias
        x = torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)
    assert torch.allclose(g.latents(torch.cat([z, b], dim=1))[:, 0], x, atol=1e-6)
    with pytest.raises(ParameterError, match="class"):
        g(z)


def test_no_other_layers(g):
    for number in (0, 7):
        with pytest.raises(ValueError, match="it has 1 to 6"):
            g.layer(number)
