"""Images, keys and values equal those of the original code (tests/golden/README.md)."""

import pytest
import torch

from palimpsest.generators import load_generator, sample_z

IMAGE = 5e-5  # tolerances of the golden files
RELATIVE = 1e-5


def close(ours, theirs):
    return (ours - theirs).abs().max() <= RELATIVE * theirs.abs().max()


def test_standard_samples(stylegan2, progressive, forward):
    assert torch.equal(sample_z(stylegan2, 100), forward["sg2"]["z100"])
    assert torch.equal(sample_z(stylegan2, 7), forward["sg2"]["z100"][:7])
    assert torch.equal(sample_z(progressive, 100), forward["pg"]["z100"].flatten(1))
    assert not torch.equal(sample_z(stylegan2, 7, seed=2), forward["sg2"]["z100"][:7])


@pytest.mark.parametrize("name", ["sg2_checkpoint.pt", "sg2_checkpoint.safetensors"])
@pytest.mark.parametrize(
    ("truncation", "noise", "batch", "image"),
    [
        (0.5, "single", 1, "img_trunc0.5_single"),
        (0.5, "single", 4, "img_trunc0.5_single"),
        (0.5, "original", 1, "img_trunc0.5_single"),
        (0.5, "original", 4, "img_trunc0.5_batch4"),
        (0.5, "buffers", 4, "img_trunc0.5_rosinality_bufnoise"),
        (1.0, "single", 2, "img_trunc1_single"),
    ],
)
def test_stylegan2_images(golden, forward, name, truncation, noise, batch, image):
    g = load_generator(golden / name, truncation=truncation, noise=noise)
    images = torch.cat([g(z) for z in forward["sg2"]["z100"][:4].split(batch)])
    assert (g.kind, g.resolution, g.z_dim) == ("stylegan2", 64, 64)
    assert g.layers == tuple(range(2, 11))
    assert images.dtype == torch.float32
    assert not images.requires_grad
    assert (images - forward["sg2"][image]).abs().max() < IMAGE


def test_stylegan2_latents(stylegan2, forward):
    z, tensors = forward["sg2"]["z100"][:4], forward["sg2"]
    assert close(stylegan2.mapping(z), tensors["w_pre_truncation"])
    assert close(stylegan2.latents(z), tensors["wplus_trunc0.5"])


@pytest.mark.parametrize("number", [3, 4, 6, 7, 10])
def test_stylegan2_keys_and_values(stylegan2, forward, number):
    tensors, layer = forward["sg2"], stylegan2.layer(number)
    state = layer.keys(tensors["z100"][:2])
    assert close(state.k, tensors[f"layer{number}.key"])
    assert close(state.style, tensors[f"layer{number}.style"])
    assert close(layer.values(state).v, tensors[f"layer{number}.value"])


@pytest.mark.parametrize(
    "name", ["pg_checkpoint.pth", "pg_checkpoint_oldnames.pth", "pg_checkpoint.safetensors"]
)
def test_progressive_images(golden, forward, name):
    g = load_generator(golden / name)
    z = forward["pg"]["z100"][:4]  # (4, z_dim, 1, 1)
    assert (g.kind, g.resolution, g.z_dim) == ("progressive", 64, 32)
    assert g.layers == tuple(range(2, 11))
    assert (g(z) - forward["pg"]["img"]).abs().max() < IMAGE
    assert torch.equal(g(z.flatten(1)), g(z))


@pytest.mark.parametrize("number", [2, 3, 6, 7])
def test_progressive_keys_and_values(progressive, forward, number):
    tensors, layer = forward["pg"], progressive.layer(number)
    state = layer.keys(tensors["z100"][:2])
    assert close(state.k, tensors[f"layer{number}.key"])
    assert close(layer.values(state).v, tensors[f"layer{number}.value"])


def test_the_same_weights_have_one_hash_in_every_layout(golden):
    def hashes(*names):
        return {load_generator(golden / name).weights_sha256 for name in names}

    stylegan2 = hashes("sg2_checkpoint.pt", "sg2_checkpoint.safetensors")
    progressive = hashes(
        "pg_checkpoint.pth", "pg_checkpoint_oldnames.pth", "pg_checkpoint.safetensors"
    )
    assert len(stylegan2) == len(progressive) == 1
    assert stylegan2 != progressive
