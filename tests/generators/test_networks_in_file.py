"""A network is found under any key, the averaged one first, and what was taken is noted."""

import pickle
import re
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.checkpoints.networks_in_file import AS_TRAINED, AVERAGED, PREFERRED
from palimpsest.generators.stylegan2 import StyleGAN2
from tests.generators import nvidia_files as nvidia
from tests.generators.nvidia_files import refused

KEYS = Path(__file__).parents[1] / "checkpoint-keys"


@pytest.fixture
def stylegan2_file(golden):
    return torch.load(golden / "sg2_checkpoint.pt", weights_only=True)


@pytest.fixture
def bare(stylegan2_file):
    """The golden StyleGAN2's state dict."""
    return stylegan2_file["g_ema"]


@pytest.fixture
def progressive_file(golden):
    return torch.load(golden / "pg_checkpoint.pth", weights_only=True)


@pytest.fixture
def wanted(tmp_path, bare):
    """Hash of the network without its mean latent."""
    torch.save({"g_ema": bare}, tmp_path / "wanted.pt")
    return load_generator(tmp_path / "wanted.pt").weights_sha256


def named(prefix, tensors):
    return OrderedDict((f"{prefix}{name}", tensor) for name, tensor in tensors.items())


def other(tensors):
    """As a network of other weights in the same file."""
    return {name: tensor + 1 if "bias" in name else tensor for name, tensor in tensors.items()}


def loaded(path, content):
    torch.save(content, path)
    return load_generator(path)


@pytest.mark.parametrize("key", PREFERRED)
def test_known_keys(tmp_path, bare, progressive_file, golden, wanted, key):
    g = loaded(tmp_path / "g.pt", {key: bare, "discriminator": {"final_linear.0.weight": 1}})
    assert g.weights_sha256 == wanted
    assert dict(g.provenance) == ({} if key == "g_ema" else {"taken from": told(key)})
    p = loaded(tmp_path / "p.pt", {key: progressive_file, "epoch": 3})
    assert p.weights_sha256 == load_generator(golden / "pg_checkpoint.pth").weights_sha256


def told(key):
    return f"entry {key}" if key.isdigit() else key


@pytest.mark.parametrize(
    "prefix", ["module.", "state_dict.decoder.", "a.b.c.", "generator.module.", "state_dict.G_ema."]
)
def test_keys_within_names(tmp_path, bare, progressive_file, golden, wanted, prefix):
    """As parallel training, Lightning and encoders write them; also in .safetensors."""
    assert loaded(tmp_path / "g.pt", named(prefix, bare)).weights_sha256 == wanted
    p = loaded(tmp_path / "p.pt", named(prefix, progressive_file))
    assert p.weights_sha256 == load_generator(golden / "pg_checkpoint.pth").weights_sha256
    whole = {name: tensor.contiguous().clone() for name, tensor in named(prefix, bare).items()}
    save_file(whole, tmp_path / "g.safetensors")
    assert load_generator(tmp_path / "g.safetensors").weights_sha256 == wanted


@pytest.mark.parametrize("averaged", AVERAGED)
def test_the_averaged_network_is_preferred(tmp_path, bare, wanted, averaged):
    content = {"g": other(bare), "module": other(bare), averaged: bare, "odd": other(bare)}
    g = loaded(tmp_path / "g.pt", content)
    assert g.weights_sha256 == wanted
    assert g.provenance["taken from"] == f"{averaged}, not g, module, odd"


def test_an_averaged_network_deeper_than_the_other(tmp_path, bare, wanted):
    content = {"state_dict": {**named("generator.", other(bare)), **named("generator_ema.", bare)}}
    g = loaded(tmp_path / "g.pt", content)
    assert g.weights_sha256 == wanted
    assert g.provenance["taken from"] == "state_dict.generator_ema, not state_dict.generator"


def test_of_two_unknown_keys_none_is_guessed(tmp_path, bare, wanted):
    assert loaded(tmp_path / "g.pt", {"left": bare}).weights_sha256 == wanted
    torch.save({"left": bare, "right": other(bare)}, tmp_path / "g.pt")
    message = refused(tmp_path / "g.pt")
    assert "2 networks (left, right)" in message and "save the state dict of one" in message


def test_the_mean_latent_beside_the_decoder_of_an_encoder(tmp_path, stylegan2_file, golden):
    content = {
        "state_dict": {
            **named("decoder.", stylegan2_file["g_ema"]),
            "encoder.input_layer.0.weight": torch.zeros(4, 3, 3, 3),
        },
        "latent_avg": stylegan2_file["latent_avg"][None].repeat(10, 1),
    }
    g = loaded(tmp_path / "psp.pt", content)
    whole = load_generator(golden / "sg2_checkpoint.pt")
    assert g.weights_sha256 == whole.weights_sha256


def test_messages_give_the_names_of_the_file(tmp_path, bare, progressive_file):
    del bare["convs.3.activate.bias"]
    torch.save({"state_dict": named("decoder.", bare)}, tmp_path / "g.pt")
    assert "state_dict.decoder.convs.3.activate.bias is missing" in refused(tmp_path / "g.pt")
    del progressive_file["layer5.wscale.b"]
    torch.save({"module": progressive_file}, tmp_path / "g.pt")
    assert "module.layer5.wscale.b is missing" in refused(tmp_path / "g.pt")


def test_weights_without_a_leading_axis(tmp_path, bare, wanted):
    flat = {n: t[0] if t.ndim == 5 else t for n, t in bare.items()}
    assert loaded(tmp_path / "g.pt", flat).weights_sha256 == wanted


class Whole(torch.nn.Module):
    """A module whose state dict has the given tensors."""

    def __init__(self, tensors):
        super().__init__()
        for name, tensor in tensors.items():
            *path, last = name.split(".")
            where = self
            for part in path:
                if part not in where._modules:
                    where.add_module(part, torch.nn.Module())
                where = where._modules[part]
            where.register_buffer(last, tensor)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_module_that_was_saved_whole(tmp_path, bare, wanted, zipped):
    whole = Whole(bare)
    assert list(whole.state_dict()) and set(whole.state_dict()) == set(bare)
    torch.save(whole, tmp_path / "g.pt", _use_new_zipfile_serialization=zipped)
    assert load_generator(tmp_path / "g.pt").weights_sha256 == wanted


def test_arrays_of_numpy_are_tensors(tmp_path, bare, wanted):
    arrays = {name: tensor.numpy() for name, tensor in bare.items()}
    assert loaded(tmp_path / "g.pt", {"g_ema": arrays}).weights_sha256 == wanted


@pytest.mark.parametrize("key", ["", "g_ema.", "G_ema.", "state_dict.generator.", "module."])
def test_nvidias_names(tmp_path, monkeypatch, key):
    """A state dict by NVIDIA's names is the model of the pickle with the same tensors."""
    tensors = nvidia.random_tensors()
    pickled = tmp_path / "network.pkl"
    nvidia.network_pickle(pickled, tensors, nvidia.install(monkeypatch), tmp_path / "ran")
    wanted = load_generator(pickled, truncation=0.5, noise="buffers")
    whole = {key + name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    torch.save({"d": {"b4.out.weight": torch.zeros(1, 4)}, **whole}, tmp_path / "g.pt")
    save_file(whole, tmp_path / "g.safetensors")
    for name in ("g.pt", "g.safetensors") if key else ("g.safetensors",):
        g = load_generator(tmp_path / name, truncation=0.5, noise="buffers")
        assert g.weights_sha256 == wanted.weights_sha256
        assert torch.equal(g(sample_z(g, 2)), wanted(sample_z(g, 2)))


def test_a_pickle_of_nvidias_network_alone(tmp_path, monkeypatch):
    """Not within a dictionary: as people pickle what they took out of one."""
    nvidia.install(monkeypatch)
    tensors = nvidia.random_tensors()
    whole = nvidia.module(tensors, "", {"": {"c_dim": 0, "img_channels": 3}})
    (tmp_path / "g.pkl").write_bytes(pickle.dumps(whole))
    torch.save(tensors, tmp_path / "g.pt")
    wanted = load_generator(tmp_path / "g.pt")
    assert load_generator(tmp_path / "g.pkl").weights_sha256 == wanted.weights_sha256


# --- the paper's own code ------------------------------------------------------------------------


def in_sequence(tensors):
    """A common state dict by the names of the paper's sequence of layers."""
    found = {}
    for name, tensor in tensors.items():
        name = re.sub(r"^conv1\.conv\.weight", "layer2.conv.mconv.dconv.weight", name)
        name = re.sub(r"^conv1\.conv\.", "layer2.conv.mconv.", name)
        name = re.sub(r"^conv1\.", "layer2.conv.", name)
        if match := re.match(r"convs\.(\d+)\.(conv\.)?(.*)", name):
            rest = "dconv.weight" if match[3] == "weight" and match[2] else match[3]
            inner = "mconv." if match[2] else ""
            name = f"layer{int(match[1]) + 3}.sconv.{inner}{rest}"
        name = re.sub(r"^to_rgb1\.", "to_rgb1.rgb.", name)
        if match := re.match(r"to_rgbs\.(\d+)\.(.*)", name):
            number = int(match[1])
            upsamples = match[2] == "upsample.kernel"
            name = (
                f"up_rgb{number + 1}.kernel" if upsamples else f"to_rgb{number + 2}.rgb.{match[2]}"
            )
        found[name] = tensor
    return found


def test_the_papers_own_state_dict(tmp_path, stylegan2_file, golden, wanted):
    sequence = in_sequence(stylegan2_file["g_ema"])
    assert {"layer3.sconv.mconv.dconv.weight", "layer3.sconv.mconv.blur.kernel"} <= sequence.keys()
    lost = sequence | {"latents.latent_avg": torch.tensor(0.1)}
    assert loaded(tmp_path / "g.pt", lost).weights_sha256 == wanted
    kept = sequence | {"latents.latent_avg": stylegan2_file["latent_avg"]}
    g = loaded(tmp_path / "g.pt", {"state_dict": kept})
    assert g.weights_sha256 == load_generator(golden / "sg2_checkpoint.pt").weights_sha256
    del sequence["layer6.sconv.activate.bias"]
    torch.save(sequence, tmp_path / "g.pt")
    message = refused(tmp_path / "g.pt")
    assert "tensor convs.3.activate.bias (by the common port's name) is missing" in message


def test_names_of_the_papers_own_state_dict(tmp_path):
    """All names of its 256-pixel network are known, with the shapes that they have there."""
    listed = KEYS / "stylegan2_256.seq_naming.txt"
    tensors = {}
    for line in listed.read_text().splitlines():
        name, shape, _ = line.split("\t")
        sides = [int(side) for side in re.findall(r"\d+", shape)]
        tensors[name] = torch.zeros(1).expand(sides) if sides else torch.zeros(())
        if name.endswith("kernel"):
            line = torch.tensor([1.0, 3.0, 3.0, 1.0])
            tensors[name] = torch.outer(line, line) / 16
    g = loaded(tmp_path / "g.pt", tensors)
    assert (g.resolution, g.layers) == (256, tuple(range(2, 15)))


def test_the_documentation_lists_every_known_key_in_order() -> None:
    text = (Path(__file__).parents[2] / "docs" / "own-model.md").read_text()
    for name, keys in (("averaged", AVERAGED), ("as trained", AS_TRAINED)):
        assert f"- {name}: {', '.join(f'`{key}`' for key in keys)}\n" in text


@pytest.mark.parametrize("form", ["zip", "old", "pickle of arrays", "safetensors", "TorchScript"])
def test_each_container_that_the_documentation_names_is_read(form, tmp_path) -> None:
    torch.manual_seed(0)
    g = StyleGAN2(8, {4: 6, 8: 5}, style_dim=8, mapping_layers=2).eval()
    tensors = {name: one.contiguous().clone() for name, one in g.state_dict().items()}
    path = tmp_path / "weights"
    if form == "pickle of arrays":
        path.write_bytes(pickle.dumps({name: one.numpy() for name, one in tensors.items()}))
    elif form == "safetensors":
        save_file(tensors, path)
    elif form == "TorchScript":
        torch.jit.trace(Carrying(tensors), torch.zeros(1)).save(str(path))
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=form == "zip")
    z = torch.randn(2, 8)
    torch.testing.assert_close(load_generator(path)(z), g(z))


class Carrying(Whole):
    """A module that holds tensors under their names, and computes nothing with them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1
