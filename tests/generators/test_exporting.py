"""What is exported is what is drawn: edits included, in this layout and in the common one."""

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.checkpoints.exporting import (
    beyond_clamp,
    export_generator,
    published_layout,
)
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import Edit
from tests.generators import nvidia_files as nvidia

SUFFIXES = [".pt", ".safetensors"]


def an_edit(g, layer=6):
    torch.manual_seed(layer)
    m, n = g.layer(layer).weight.shape[:2]
    direction = torch.nn.functional.normalize(torch.randn(1, n), dim=1)
    metadata = {"layer": str(layer), "weights_sha256": g.weights_sha256}
    return Edit(direction, torch.randn(m, 1, 3, 3), metadata)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(tmp_path, generator, suffix):
    path = tmp_path / f"g{suffix}"
    export_generator(generator, path)
    loaded = load_generator(path, generator.truncation)
    z = sample_z(loaded, 2)
    assert torch.equal(loaded(z), generator(z))
    assert loaded.weights_sha256 == generator.weights_sha256


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_rewritten_generator_keeps_its_edit(tmp_path, generator, suffix):
    edited = an_edit(generator).apply(generator)
    path = tmp_path / f"edited{suffix}"
    export_generator(edited, path)
    loaded = load_generator(path, generator.truncation)
    z = sample_z(loaded, 2)
    assert torch.equal(loaded(z), edited(z))
    assert (loaded(z) - generator(z)).abs().max() > 1e-3
    assert loaded.weights_sha256 != generator.weights_sha256


def test_the_names_of_the_common_layout(golden, stylegan2):
    """Name by name what the port's own file has, so that its strict loading takes it."""
    wanted = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    found = published_layout(stylegan2)
    assert found.keys() == wanted.keys()
    assert found["g_ema"].keys() == wanted["g_ema"].keys()
    for name, tensor in wanted["g_ema"].items():
        assert torch.equal(found["g_ema"][name], tensor), name
    assert torch.equal(found["latent_avg"], wanted["latent_avg"])


def test_maps_of_the_fixed_noise_where_the_file_had_none(tmp_path, stylegan2):
    stylegan2.noises = torch.nn.Module()
    export_generator(stylegan2, tmp_path / "g.pt")
    loaded = load_generator(tmp_path / "g.pt", 0.5, noise="buffers")
    z = sample_z(loaded, 1)
    assert torch.equal(loaded(z), stylegan2(z))


def test_an_unknown_mean_stays_unknown(tmp_path, stylegan2):
    stylegan2.latent_avg.fill_(torch.nan)
    assert "latent_avg" not in published_layout(stylegan2)


def test_what_the_layouts_cannot_hold(tmp_path, stylegan2):
    encoding = SoftThresholds(z_dim=6, thresholds=((0, 0.4),), width=0.02)
    mini = StyleGAN2(8, {4: 4, 8: 4}, style_dim=4, mapping_layers=1, z_dim=6, encoding=encoding)
    with pytest.raises(ParameterError, match=r"export it as \.safetensors"):
        export_generator(mini, tmp_path / "g.pt")
    with pytest.raises(ParameterError, match=r"writes \.pt, \.pkl or \.safetensors, not '\.onnx'"):
        export_generator(stylegan2, tmp_path / "g.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_pickle_of_nvidias_becomes_a_common_file(tmp_path, monkeypatch):
    source = tmp_path / "network.pkl"
    nvidia.network_pickle(
        source, nvidia.random_tensors(), nvidia.install(monkeypatch), tmp_path / "ran"
    )
    g = load_generator(source, 0.6, noise="buffers")
    export_generator(g, tmp_path / "network.pt")
    loaded = load_generator(tmp_path / "network.pt", 0.6, noise="buffers")
    z = sample_z(g, 2)
    assert torch.equal(loaded(z), g(z))
    assert loaded.weights_sha256 == g.weights_sha256


def test_activations_beyond_the_limit_are_found(stylegan2):
    assert beyond_clamp(stylegan2) is None
    stylegan2.provenance = {"conv_clamp": "1e9"}
    assert beyond_clamp(stylegan2) is None
    stylegan2.provenance = {"conv_clamp": "0.5"}
    largest, limit = beyond_clamp(stylegan2)
    assert largest > limit == 0.5
