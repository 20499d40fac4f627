"""This project's generator files: what is saved is what is loaded."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from palimpsest.files.arrays import peek
from palimpsest.generators import CheckpointError, load_generator, sample_z, save_generator
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.identity import content_sha256
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import StyleGAN2

ENCODING = SoftThresholds(z_dim=6, thresholds=((0, 0.4), (3, 0.25), (0, 0.7)), width=0.02)
CHANNELS = {4: 8, 8: 6, 16: 4}


def small(kind, encoding=ENCODING):
    torch.manual_seed(3)
    if kind == "stylegan2":
        g = StyleGAN2(16, CHANNELS, style_dim=12, mapping_layers=3, z_dim=6, encoding=encoding)
        g.latent_avg.normal_()
    else:
        g = ProgressiveGAN(16, CHANNELS, z_dim=6, encoding=encoding)
    return g.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["stylegan2", "progressive"])
@pytest.mark.parametrize("encoding", [ENCODING, None])
def test_round_trip(tmp_path, kind, encoding):
    g = small(kind, encoding)
    save_generator(g, tmp_path / "g.safetensors", {"world": "church", "steps": [1, 2]})
    loaded = load_generator(tmp_path / "g.safetensors")
    z = sample_z(loaded, 3)
    assert type(loaded) is type(g)
    assert loaded.z_dim == 6
    assert loaded.encoding == encoding
    assert loaded.channels == CHANNELS
    assert loaded.provenance == {"world": "church", "steps": [1, 2]}
    assert loaded.weights_sha256 == g.weights_sha256
    assert torch.equal(loaded(z), g(z))
    assert not any(p.requires_grad for p in loaded.parameters())
    assert not loaded.training


def test_round_trip_of_published_weights(tmp_path, generator):
    """Noise maps and the mean latent are kept, and so is the hash that edits refer to."""
    generator.noise = "buffers"
    save_generator(generator, tmp_path / "g.safetensors")
    loaded = load_generator(tmp_path / "g.safetensors", generator.truncation, noise="buffers")
    assert loaded.weights_sha256 == generator.weights_sha256
    assert torch.equal(loaded(sample_z(loaded, 2)), generator(sample_z(generator, 2)))


@pytest.mark.parametrize("kind", ["stylegan2", "progressive"])
def test_half_precision_storage_loads_as_float32(tmp_path, kind):
    g = small(kind)
    save_generator(g, tmp_path / "full.safetensors")
    save_generator(g, tmp_path / "half.safetensors", dtype=torch.float16)
    loaded = load_generator(tmp_path / "half.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.75 * sizes[1]
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert (loaded(sample_z(g, 2)) - g(sample_z(g, 2))).abs().max() < 0.05
    save_generator(loaded, tmp_path / "again.safetensors", dtype=torch.float16)
    assert load_generator(tmp_path / "again.safetensors").weights_sha256 == loaded.weights_sha256


def test_the_same_generator_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_generator(small("stylegan2"), tmp_path / name, {"y": 1, "x": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_edit_is_saved_with_the_weights(tmp_path):
    g = small("stylegan2")
    edited = g.with_weight(4, g.layer(4).weight * 2 + 1)
    save_generator(edited, tmp_path / "edited.safetensors")
    loaded = load_generator(tmp_path / "edited.safetensors")
    z = sample_z(g, 2)
    assert torch.equal(loaded(z), edited(z))
    assert loaded.weights_sha256 != g.weights_sha256  # other weights as loaded: another model


def test_nothing_is_written_that_cannot_be_held(tmp_path):
    g = small("stylegan2")
    g.layer(4).weight[0, 0, 0, 0] = 1e6
    with pytest.raises(ValueError, match="convs.1.conv.weight .*float16"):
        save_generator(g, tmp_path / "g.safetensors", dtype=torch.float16)
    with pytest.raises(TypeError):
        save_generator(g, tmp_path / "g.safetensors", {"weight": torch.zeros(2)})
    assert list(tmp_path.iterdir()) == []


def test_a_description_that_does_not_fit(tmp_path):
    path = tmp_path / "g.safetensors"
    save_generator(small("stylegan2"), path)
    described = json.loads(peek(path)[1]["palimpsest"])
    tensors = load_file(path)

    def refused(text):
        save_file(tensors, path, {"palimpsest": text})
        with pytest.raises(CheckpointError, match=r"g\.safetensors: ") as caught:
            load_generator(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "describes no generator" in refused("{")
    assert "describes no generator" in refused("[1]")
    assert "version 2" in refused(json.dumps(described | {"format": 2}))
    assert "kind 'biggan'" in refused(json.dumps(described | {"kind": "biggan"}))
    assert "resolution 24" in refused(json.dumps(described | {"resolution": 24}))
    assert "resolution 32" in refused(json.dumps(described | {"resolution": 32}))
    assert "damaged" in refused(json.dumps(described | {"resolution": 0}))
    assert "damaged" in refused(json.dumps(described | {"channels": [8, 6, 4]}))
    assert "a size of -4" in refused(
        json.dumps(described | {"channels": {"4": 8, "8": 6, "16": -4}})
    )
    assert "damaged" in refused(json.dumps(described | {"encoding": {"z_dim": 6}}))
    assert "threshold (6, 0.5)" in refused(
        json.dumps(described | {"encoding": {"z_dim": 6, "thresholds": [[6, 0.5]], "width": 0.1}})
    )
    assert "style.4.weight is missing" in refused(json.dumps(described | {"mapping_layers": 4}))
    assert "style.3.bias has no place" in refused(json.dumps(described | {"mapping_layers": 2}))
    shape = "has shape (8, 12); the rest of the network needs (8, 10)"
    assert shape in refused(json.dumps(described | {"style_dim": 10, "mapping_layers": 3}))
    wide = json.dumps(described | {"channels": {"4": 10**9, "8": 6, "16": 4}})
    assert "a size of 1000000000" in refused(wide)


def test_loading_leaves_the_random_state_alone(tmp_path):
    save_generator(small("stylegan2"), tmp_path / "g.safetensors")
    torch.manual_seed(7)
    wanted = torch.randn(3)
    torch.manual_seed(7)
    load_generator(tmp_path / "g.safetensors")
    assert torch.equal(torch.randn(3), wanted)


def test_a_changed_weight_is_noticed(tmp_path):
    path = tmp_path / "g.safetensors"
    save_generator(small("stylegan2"), path)
    content = bytearray(path.read_bytes())
    content[-2] ^= 0x01  # a small change of the last number
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"g\.safetensors: damaged: another checksum"):
        load_generator(path)


def test_a_changed_weight_of_version_1_is_noticed(tmp_path):
    """Its description holds a hash of the tensors, which the file's checksum replaced."""
    path = tmp_path / "g.safetensors"
    g = small("stylegan2")
    save_generator(g, path)
    described = json.loads(peek(path)[1]["palimpsest"])
    tensors = load_file(path)
    described["sha256"] = content_sha256(tensors)
    save_file(tensors, path, {"palimpsest": json.dumps(described)})
    assert load_generator(path).weights_sha256 == g.weights_sha256
    tensors["latent_avg"][0] += 1
    save_file(tensors, path, {"palimpsest": json.dumps(described)})
    with pytest.raises(CheckpointError, match=r"g\.safetensors: its weights are not those"):
        load_generator(path)
