"""StyleGAN2 of the common layout with a constant of another shape, other channels, and classes."""

import pytest
import torch

from palimpsest.errors import CheckpointError
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.checkpoints.exporting import export_generator, published_layout
from palimpsest.generators.pictures import as_picture, contact_sheet
from palimpsest.generators.stylegan2 import StyleGAN2

CHANNELS = {4: 6, 8: 5, 16: 4}


def small(seed=3, **variant):
    torch.manual_seed(seed)
    g = StyleGAN2(16, CHANNELS, style_dim=8, mapping_layers=2, **variant)
    for conv in (g.conv1, *g.convs):
        conv.noise.weight.data.fill_(0.1)
        conv.activate.bias.data.normal_(0, 0.1)
    g.latent_avg.zero_()
    return g.eval().requires_grad_(False)


@pytest.mark.parametrize("shape", [(4, 8), (4, 2), (3, 5)])
def test_images_that_are_not_square(tmp_path, shape):
    export_generator(small(first_shape=shape), tmp_path / "g.pt")
    g = load_generator(tmp_path / "g.pt", noise="buffers")
    size = (4 * shape[0], 4 * shape[1])
    z = sample_z(g, 2)
    images = g(z)
    assert g.image_size == size == tuple(images.shape[2:])
    assert torch.equal(images, small(first_shape=shape)(z))  # its maps are of the fixed noise
    for number in g.layers:
        layer = g.layer(number)
        state = layer.keys(z)
        values = layer.values(state)
        assert tuple(state.k.shape[2:]) == layer.key_shape == state.window[2:]
        assert tuple(values.v.shape[2:]) == layer.value_shape == values.window[2:]
        assert (layer.render(values) - images).abs().max() < 1e-5
    assert contact_sheet(images, columns=2).size == (2 * size[1], size[0])


def test_a_wide_network_is_a_tall_one_on_its_side():
    wide, tall = small(first_shape=(4, 8)), small(first_shape=(8, 4))
    for name, tensor in wide.named_parameters():
        turned = tensor.transpose(-1, -2).contiguous() if tensor.ndim == 4 else tensor
        tall.get_parameter(name).data = turned
    wide.noise = tall.noise = "none"
    z = sample_z(wide, 2)
    assert wide(z).shape == (2, 3, 16, 32)
    assert (wide(z) - tall(z).transpose(-1, -2)).abs().max() < 1e-4


def test_pictures_of_grey_images_and_of_opacity():
    grey = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3)
    assert (as_picture(grey)[0, 0] == [[0] * 3, [128] * 3, [255] * 3]).all()
    red = torch.tensor([1.0, -1.0, -1.0]).reshape(1, 3, 1, 1)
    for opacity, wanted in ((1.0, [255, 0, 0]), (-1.0, [255] * 3), (0.0, [255, 128, 128])):
        image = torch.cat([red, torch.full((1, 1, 1, 1), opacity)], dim=1)
        assert as_picture(image)[0, 0, 0].tolist() == wanted
    with pytest.raises(ValueError, match="images of 2 channels"):
        as_picture(torch.zeros(1, 2, 1, 1))


def message_of(content, path):
    torch.save(content, path)
    with pytest.raises(CheckpointError) as caught:
        load_generator(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_classes_in_the_common_layout(tmp_path):
    content = published_layout(small(classes=5))
    torch.save(content, tmp_path / "g.pt")
    g = load_generator(tmp_path / "g.pt")
    assert (g.classes, g.z_dim) == (5, 8)
    z = sample_z(g, 1, classes=2)
    assert torch.equal(g(z), small(classes=5)(z))
    assert (g(z) - g(sample_z(g, 1, classes=3))).abs().max() > 1e-3
    lacking = {n: t for n, t in content["g_ema"].items() if not n.startswith("embed.")}
    told = message_of({"g_ema": lacking}, tmp_path / "lacking.pt")
    assert "g_ema.style.1.weight reads 16 numbers, twice the 8" in told
    assert "embedding of the classes is missing (g_ema.embed.weight, g_ema.embed.bias)" in told
    large = content["g_ema"] | {"embed.weight": torch.zeros(16, 5), "embed.bias": torch.zeros(16)}
    assert "embeds a class in 16 numbers" in message_of({"g_ema": large}, tmp_path / "large.pt")


def test_images_of_unknown_channels(tmp_path):
    told = message_of(published_layout(small(image_channels=12)), tmp_path / "g.pt")
    assert "images of 12 channels" in told


def test_the_usual_network_is_described_as_before(stylegan2):
    assert stylegan2.variant == {} and stylegan2.image_size == (64, 64)
