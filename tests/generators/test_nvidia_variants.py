"""NVIDIA's other StyleGAN2 networks draw what their own code draws, and can be edited.

Class-conditional, grey, with opacity, and of the architectures `resnet` and `orig`: tensors and
images of the public code (tests/golden/nvidia), read from a pickle and from a state dict.
"""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.memory import KeyStatistics, context_directions, insert
from tests.generators import nvidia_files as nvidia
from tests.generators.conftest import GOLDEN

NAMES = ("conditional", "grey", "rgba", "resnet", "orig")
CLOSE = 1e-4  # to NVIDIA's images, as their README says


class Network:
    """Tensors of a golden file: the network's, what goes in and what comes out."""

    def __init__(self, name):
        with safe_open(GOLDEN / "nvidia" / f"ada_{name}.safetensors", "pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}
            self.arguments = json.loads(file.metadata()["json"])["init_kwargs"]
        self.state = {n.removeprefix("state."): t for n, t in found.items() if n[:6] == "state."}
        self.z = torch.cat([found["in.z"], found["in.c"]], dim=1)
        self.ws, self.image = found["out.ws"], found["out.image"]

    def attributes(self):
        """What its pickle says beside the tensors."""
        about = {name: self.arguments[name] for name in ("c_dim", "img_channels")}
        architecture = self.arguments["synthesis_kwargs"]["architecture"]
        blocks = {f"synthesis.b{r}": {"architecture": architecture} for r in (4, 8, 16, 32)}
        linear = dict.fromkeys(("mapping.embed", "synthesis.b8.skip"), {"activation": "linear"})
        return {"": about} | blocks | linear


@pytest.fixture(params=NAMES)
def network(request):
    return Network(request.param)


def written(network, form, folder, monkeypatch):
    """The file of a network in one of the forms that people have."""
    if form == "pickle":
        easy_dict = nvidia.install(monkeypatch)
        path = folder / "network.pkl"
        nvidia.network_pickle(path, network.state, easy_dict, folder / "ran", network.attributes())
    elif form == "safetensors":
        path = folder / "network.safetensors"
        save_file(network.state, path)
    else:
        path = folder / "network.pt"
        torch.save({"G_ema": network.state} if form == "within G_ema" else network.state, path)
    return path


def opened(network, folder):
    save_file(network.state, folder / "network.safetensors")
    return load_generator(folder / "network.safetensors", truncation=0.7, noise="buffers")


@pytest.mark.parametrize("form", ["pickle", "safetensors", "pt", "within G_ema"])
def test_images_are_those_of_nvidias_code(network, form, tmp_path, monkeypatch):
    path = written(network, form, tmp_path, monkeypatch)
    g = load_generator(path, truncation=0.7, noise="buffers")
    assert g.image_channels == network.image.shape[1] == network.arguments["img_channels"]
    assert g.classes == network.arguments["c_dim"]
    assert network.image.std() > 0.1
    assert (g.latents(network.z) - network.ws).abs().max() < CLOSE
    assert (g(network.z) - network.image).abs().max() < CLOSE
    assert not (tmp_path / "ran").exists()


def test_every_layer_agrees_with_the_whole(network, tmp_path):
    g = opened(network, tmp_path).double()
    z = network.z.double()
    whole = g(z)
    for number in g.layers:
        layer = g.layer(number)
        state = layer.keys(z)
        assert state.k.shape[2:] == layer.key_shape
        assert (layer.render(layer.values(state)) - whole).abs().max() < 1e-9


def test_a_crop_has_the_values_of_its_place(network, tmp_path):
    g = opened(network, tmp_path).double()
    for number in (5, 6):  # an upsampling layer and a plain one
        layer = g.layer(number)
        state, up = layer.keys(network.z.double()), layer.upsampling
        whole, part = layer.values(state), layer.values(state.crop(1, 2, 7, 8))
        inner = whole.v[:, :, 2 * up : 6 * up, 3 * up : 7 * up]
        assert (part.v[:, :, up : 5 * up, up : 5 * up] - inner).abs().max() < 1e-9
        side = 6 * up * 32 // layer.value_size
        assert layer.render(part).shape == (2, g.image_channels, side, side)


@pytest.mark.parametrize("number", [5, 6])
def test_an_edit_and_its_removal(network, number, tmp_path):
    g = opened(network, tmp_path)
    layer = g.layer(number)
    stats = KeyStatistics.collect(g, number, n=50)
    state = layer.keys(network.z)
    cell = torch.zeros(2, *layer.key_shape)
    cell[0, 3:5, 3:5] = 1
    directions = context_directions(state.k, cell, stats, rank=1)
    goal = layer.values(state[0]).v.clone()
    up = layer.upsampling
    box = (slice(None), slice(None), slice(3 * up, 5 * up), slice(3 * up, 5 * up))
    goal[box] = layer.values(state[1]).v[box]
    weights = torch.zeros(1, *layer.value_shape)
    weights[box[1:]] = 1
    edit = insert(layer, state[0], goal, directions, solver="newton", stats=stats, weights=weights)
    assert float(edit.metadata["loss_after"]) < 0.95 * float(edit.metadata["loss_before"])
    edited = edit.apply(g)
    assert (edited(network.z) - g(network.z)).abs().max() > 1e-3
    back = edit.remove(edited)
    assert torch.equal(back.layer(number).weight, layer.weight)
    assert torch.equal(back(network.z), g(network.z))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_written_file_is_the_same_network(network, suffix, tmp_path):
    g = opened(network, tmp_path)
    export_generator(g, tmp_path / f"again{suffix}")
    again = load_generator(tmp_path / f"again{suffix}", truncation=0.7, noise="buffers")
    assert again.weights_sha256 == g.weights_sha256 and again.variant == g.variant
    assert torch.equal(again(network.z), g(network.z))


# --- classes -------------------------------------------------------------------------------------


@pytest.fixture
def conditional(tmp_path):
    return opened(Network("conditional"), tmp_path)


def test_standard_samples_hold_their_classes(conditional):
    z = sample_z(conditional, 40, seed=1)
    numbers = z[:, 24:].argmax(dim=1)
    assert torch.equal(z[:2, :24], Network("conditional").z[:, :24])
    assert (z[:, 24:].sum(dim=1) == 1).all() and set(numbers.tolist()) == {0, 1, 2, 3, 4}
    assert torch.equal(sample_z(conditional, 7, seed=1), z[:7])
    assert not torch.equal(sample_z(conditional, 40, seed=2)[:, 24:], z[:, 24:])
    chosen = sample_z(conditional, 2, classes=[1, 3])
    assert torch.equal(chosen, Network("conditional").z)
    assert (sample_z(conditional, 3, classes=4)[:, 24:].argmax(dim=1) == 4).all()


def test_samples_without_a_class_and_unknown_classes_are_refused(conditional, stylegan2):
    with pytest.raises(ParameterError, match="samples of 24 numbers; .* needs 29: 24 of z"):
        conditional(torch.zeros(1, 24))
    with pytest.raises(ParameterError, match="class 5: this generator has classes 0 to 4"):
        sample_z(conditional, 2, classes=5)
    with pytest.raises(ParameterError, match="classes: 1 are given, fewer than the samples"):
        sample_z(conditional, 2, classes=[1])
    with pytest.raises(ParameterError, match="class 0: this generator is not class-conditional"):
        sample_z(stylegan2, 2, classes=0)


def test_an_embedding_that_is_missing_is_named(tmp_path):
    state = Network("conditional").state
    lacking = {n: t for n, t in state.items() if not n.startswith("mapping.embed")}
    save_file(lacking, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="48 numbers, twice the 24 .* embedding .* missing"):
        load_generator(tmp_path / "a.safetensors")
    save_generator(opened(Network("conditional"), tmp_path), tmp_path / "own.safetensors")
    assert load_generator(tmp_path / "own.safetensors").classes == 5
