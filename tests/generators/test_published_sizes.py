"""Files with the names and shapes of the published weights, with random numbers in them, load."""

import ast
from pathlib import Path

import pytest
import torch

from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.stylegan2_parts import blur_kernel

KEY_LISTS = Path(__file__).parents[1] / "checkpoint-keys"


def random_state(name):
    """A state dict to the key list ``name``, half precision to keep the file small."""
    generator = torch.Generator().manual_seed(5)
    state = {}
    for line in (KEY_LISTS / f"{name}.txt").read_text().splitlines():
        key, shape, _ = line.split("\t")
        tensor = torch.randn(ast.literal_eval(shape), generator=generator)
        if key.endswith(".kernel"):
            tensor = blur_kernel()
        elif key.startswith("style.") and key.endswith(".weight"):
            tensor *= 100  # the mapping network is stored divided by its learning rate of 0.01
        elif key.endswith("modulation.bias"):
            tensor = 1 + 0.1 * tensor
        elif key.endswith(("noise.weight", ".bias", "wscale.b")):
            tensor *= 0.1
        state[key] = tensor.half()
    return state


@pytest.mark.parametrize(
    ("name", "resolution", "layers", "widths"),
    [
        (
            "stylegan2_church_horse_kitchen_bedroom_cat_places_256.g_ema",
            256,
            14,
            {4: 512, 64: 512, 128: 256, 256: 128},
        ),
        ("stylegan2_faces_1024.g_ema", 1024, 18, {4: 512, 64: 512, 128: 256, 1024: 32}),
    ],
)
def test_stylegan2(tmp_path, name, resolution, layers, widths):
    state = random_state(name)
    torch.save({"g_ema": state, "latent_avg": torch.randn(512).half()}, tmp_path / "g.pt")
    g = load_generator(tmp_path / "g.pt", truncation=0.5, noise="buffers")
    assert (g.kind, g.resolution, g.z_dim) == ("stylegan2", resolution, 512)
    assert g.layers == tuple(range(2, layers + 1))
    assert {size: g.channels[size] for size in widths} == widths
    held = dict(g.state_dict()) | {f"noises.{n}": t for n, t in g.noises.named_buffers()}
    del held["latent_avg"]
    assert held.keys() == {key for key in state if not key.endswith(".kernel")}
    for key, tensor in held.items():
        given = state[key][0] if tensor.ndim == 4 and state[key].ndim == 5 else state[key]
        assert torch.equal(tensor, given.float()), key
    check_image(g, resolution)


def test_progressive(tmp_path):
    state = random_state("proggan_lsun_256")
    torch.save(state, tmp_path / "g.pth")
    g = load_generator(tmp_path / "g.pth")
    assert (g.kind, g.resolution, g.z_dim) == ("progressive", 256, 512)
    assert g.layers == tuple(range(2, 15))
    held = g.state_dict()
    assert held.keys() == state.keys()
    assert all(torch.equal(held[key], state[key].float()) for key in state)
    check_image(g, 256)


def check_image(g, resolution):
    image = g(sample_z(g, 1))
    assert image.shape == (1, 3, resolution, resolution)
    assert image.isfinite().all()
    assert image.std() > 0.05


@pytest.mark.parametrize(
    ("name", "resolution"), [("stylegan2_car_512.g_ema", 512), ("proggan_celebhq_1024", 1024)]
)
def test_sizes_of_the_other_published_files(tmp_path, name, resolution):
    """Their names and shapes, at a stride-free cost: every tensor is one number, expanded."""
    state = {}
    for line in (KEY_LISTS / f"{name}.txt").read_text().splitlines():
        key, shape, _ = line.split("\t")
        state[key] = torch.full((1,), 0.5).expand(ast.literal_eval(shape))
        if key.endswith(".kernel"):
            state[key] = blur_kernel()
    mean = {"latent_avg": torch.zeros(512)}
    content = {"g_ema": state} | mean if "g_ema" in name else {"state_dict": state}
    torch.save(content, tmp_path / "g.pt")
    g = load_generator(tmp_path / "g.pt")
    assert g.resolution == resolution
    assert (tmp_path / "g.pt").stat().st_size < 1 << 20
