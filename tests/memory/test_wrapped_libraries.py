"""Networks of libraries that people use, wrapped: exact edits, removed bit for bit, reloaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from palimpsest.generators import sample_z
from palimpsest.generators.base import Generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.generators.wrapped import WrappedGenerator, WrappedLayer, wrap
from palimpsest.memory import Edit, KeyStatistics, context_directions, insert, removal
from palimpsest.memory.subspace import probe_weights
from tests.generators.networks import AsModules

IMAGE = (3, 32, 32)


def unet() -> WrappedGenerator:
    smp = pytest.importorskip("segmentation_models_pytorch")
    return wrap(smp.Unet("resnet18", encoder_weights=None, classes=3), z_shape=IMAGE)


def autoencoder() -> WrappedGenerator:
    smp = pytest.importorskip("segmentation_models_pytorch")
    network = smp.Linknet("mobilenet_v2", encoder_weights=None, classes=1)
    return wrap(network, z_shape=IMAGE)


def segmenter(name: str) -> WrappedGenerator:
    models = pytest.importorskip("torchvision").models.segmentation
    network = getattr(models, name)(weights=None, weights_backbone=None, num_classes=3)
    return wrap(network, z_shape=IMAGE)


def vae_decoder() -> WrappedGenerator:
    vae = vae_of_diffusers()
    return wrap(vae.decoder, z_shape=(4, 8, 8))


def vae_whole() -> WrappedGenerator:
    """Called by a method of its own; its encoder does not run."""
    draw = lambda vae, z: vae.decode(z).sample  # noqa: E731
    return wrap(vae_of_diffusers(), z_shape=(4, 8, 8), draw=draw)


def vae_of_diffusers() -> nn.Module:
    diffusers = pytest.importorskip("diffusers", reason="it is no requirement of the project")
    return diffusers.AutoencoderKL(
        block_out_channels=(16, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
        latent_channels=4,
    )


NETWORKS: dict[str, Callable[[], WrappedGenerator]] = {
    "smp Unet": unet,
    "smp Linknet": autoencoder,
    "torchvision fcn_resnet50": lambda: segmenter("fcn_resnet50"),
    "torchvision deeplabv3": lambda: segmenter("deeplabv3_mobilenet_v3_large"),
    "torchvision lraspp": lambda: segmenter("lraspp_mobilenet_v3_large"),
    "diffusers decoder": vae_decoder,
    "diffusers VAE": vae_whole,
}


def made(name: str) -> WrappedGenerator:
    """The network with random weights, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NETWORKS[name]()


def some_layers(g: WrappedGenerator) -> list[int]:
    """Five layers: the first, the last, and evenly between."""
    last = len(g.layers) - 1
    return sorted({g.layers[round(last * share / 4)] for share in range(5)})


@contextlib.contextmanager
def heard(g: WrappedGenerator, number: int):
    """The output of a layer's convolution in the passes of the whole network."""
    seen: list[Tensor] = []
    hook = g.layer(number).module.register_forward_hook(lambda *a: seen.append(a[2].clone()))
    yield seen
    hook.remove()


@pytest.mark.parametrize("name", NETWORKS)
def test_edits_of_networks_of_libraries_are_exact(name: str, tmp_path: Path) -> None:
    g = made(name)
    fresh = made(name)
    z = sample_z(g, 1)
    images = g(z)
    original = {key: one.clone() for key, one in g.state_dict().items()}
    draw = torch.Generator().manual_seed(0)
    for number in some_layers(g):
        layer = g.layer(number)
        state = layer.keys(z)
        values = layer.values(state).v
        assert torch.allclose(layer.render(layer.values(state)), images, atol=1e-5)
        units = layer.weight.shape[1]
        directions = torch.linalg.qr(torch.randn(units, min(2, units), generator=draw))[0].T
        weights = reached(layer, state.k, directions)
        step = values.std() * torch.randn(values.shape[1], generator=draw)
        target = values + step[:, None, None] * weights[:, None]
        solved = insert(layer, state, target, directions, "closed_form", weights=weights)
        solved.save(tmp_path / "edit.safetensors")
        edit = Edit.load(tmp_path / "edit.safetensors")
        g2 = edit.apply(fresh)
        with heard(g2, number) as seen:
            g2(z)
        apart = ((seen[0] - target).abs() * weights[:, None]).max()
        assert apart <= 1e-5 * max(1.0, float(target.abs().max())), layer.name
        back = edit.remove(g2).state_dict()
        assert all(torch.equal(one, original[key]) for key, one in back.items())
        edit.merge_into(fresh.network)
        assert torch.equal(fresh.network.state_dict()[f"{layer.name}.weight"], layer_of(g2, number))
        edit.remove(fresh.network)
        now = fresh.network.state_dict()
        assert all(torch.equal(one, original[key]) for key, one in now.items())


def reached(layer: WrappedLayer, k: Tensor, directions: Tensor) -> Tensor:
    """Weights (1, H', W') of the cells: 1 for the one that the directions reach best. (After a
    rectifier all keys of a cell may be zero; no edit changes its value.)"""
    probes = probe_weights(directions, tuple(layer.weight.shape[2:]))
    strength = layer.linear(k, probes).square().sum(dim=1)
    return (strength == strength.max()).float()


def layer_of(g: WrappedGenerator, number: int) -> Tensor:
    return g.layer(number).module.weight


def native(kind: str) -> Generator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        widths = {4: 16, 8: 16, 16: 8}
        if kind == "progressive":
            made = ProgressiveGAN(16, widths, z_dim=16)
        else:
            made = StyleGAN2(16, widths, style_dim=16, mapping_layers=2)
            for one in made.modules():
                if isinstance(getattr(one, "bias", None), nn.Parameter):
                    nn.init.normal_(one.bias, std=0.1)
        return made.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["stylegan2", "progressive"])
def test_a_generator_of_this_project_is_the_same_when_it_is_wrapped(kind: str) -> None:
    """Keys, statistics and directions; images under edits; and edits that are linear algebra."""
    ours = native(kind)
    g = wrap(AsModules(ours), z_dim=ours.z_dim)
    z = sample_z(ours, 2)
    assert list(g.names.values()) == [f"convolutions.layer{number}" for number in ours.layers]
    assert torch.allclose(g(z), ours(z), atol=1e-5)
    for number, own in zip(g.layers, ours.layers, strict=True):
        layer, native_layer = g.layer(number), ours.layer(own)
        state, native_state = layer.keys(z), native_layer.keys(z)
        assert torch.allclose(state.k, native_state.k, atol=1e-4)
        stats = KeyStatistics.collect(g, number, n=64)
        native_stats = KeyStatistics.collect(ours, own, n=64)
        assert torch.allclose(stats.second_moment, native_stats.second_moment, rtol=1e-3, atol=1e-4)
        cells = torch.zeros(2, *state.k.shape[2:])
        cells[0, 1:3, 1:3] = 1
        directions = context_directions(state.k, cells, native_stats)
        assert torch.allclose(context_directions(state.k, cells, stats), directions, atol=1e-2)
        for native_edit, edit in (
            (removal(native_layer, directions), removal(layer, directions)),
            *([_closed(native_layer, layer, z, directions)] if kind == "progressive" else []),
        ):
            assert torch.allclose(edit.coefficients, native_edit.coefficients, atol=1e-4)
            assert torch.allclose(edit.apply(g)(z), native_edit.apply(ours)(z), atol=1e-3)


def _closed(native_layer, layer, z: Tensor, directions: Tensor) -> tuple[Edit, Edit]:
    """The closed form of one goal in a layer of ours and in the same layer wrapped."""
    target = layer.values(layer.keys(z[:1])).v
    weights = torch.zeros(1, *target.shape[2:])
    weights[0, 2, 2] = 1
    target = target + target.std() * weights[:, None]
    found = [
        insert(one, one.keys(z[:1]), target, directions, "closed_form", weights=weights)
        for one in (native_layer, layer)
    ]
    return found[0], found[1]
