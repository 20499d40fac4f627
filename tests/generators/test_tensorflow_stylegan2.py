"""StyleGAN2's TensorFlow pickles draw what NVIDIA's code draws; no source in them runs."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from palimpsest.commands.contents import contents_of
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.memory import KeyStatistics, context_directions, insert
from tests.generators import tensorflow_files as tensorflow
from tests.generators.nvidia_files import refused

GOLDEN = Path(__file__).parents[3] / "shared" / "golden-nvidia"


def golden(name):
    """Tensors and facts of a network that was run in NVIDIA's code."""
    file = GOLDEN / f"{name}.safetensors"
    if not file.exists():
        pytest.skip(f"{file} is not here")
    with safe_open(file, "pt") as opened:
        return load_file(file), json.loads(opened.metadata()["json"])


@pytest.fixture
def writer(monkeypatch, tmp_path):
    return tensorflow.Writer(monkeypatch, tmp_path / "ran")


@pytest.fixture
def church():
    """Variables of a small StyleGAN2, its settings, and what it draws: (z, images)."""
    tensors, facts = golden("tensorflow_stylegan2")
    variables = {n[3:]: t.numpy() for n, t in tensors.items() if n.startswith("tf.")}
    return variables, facts["static_kwargs"], (tensors["in.z"], tensors["out.image"])


@pytest.fixture
def write(writer, tmp_path):
    """Write (G, D, Gs) with Gs of the given variables; the file's path."""

    def written(variables, settings, protocol=4):
        other = {name: np.zeros_like(array) for name, array in variables.items()}
        networks = (
            writer.style(other, settings),
            writer.discriminator(),
            writer.style(variables, settings),
        )
        return tensorflow.write(tmp_path / "stylegan2-config-f.pkl", networks, protocol)

    return written


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_images_are_those_of_nvidias_converter(write, church, tmp_path, protocol):
    variables, settings, (z, wanted) = church
    scalars = {n: a.reshape(()) if "strength" in n else a for n, a in variables.items()}
    path = write(scalars, settings, protocol)
    g = load_generator(path, truncation=0.7, noise="buffers")
    assert (g(z) - wanted).abs().max() < 1e-4
    assert torch.equal(g.latent_avg, torch.from_numpy(variables["dlatent_avg"]))
    assert g.provenance == {"source": "a TensorFlow pickle of NVIDIA's"}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["ada_orig", "ada_resnet", "ada_grey", "ada_rgba", "ada_conditional"]
)
def test_other_networks_of_the_same_code(write, name):
    """Variables made of NVIDIA's PyTorch tensors by the facts that its converter rests on."""
    tensors, facts = golden(name)
    state = {n[6:]: t for n, t in tensors.items() if n.startswith("state.")}
    given = facts["init_kwargs"]
    settings = {
        "label_size": given["c_dim"],
        "num_channels": given["img_channels"],
        "architecture": given["synthesis_kwargs"]["architecture"],
        "conv_clamp": 256,
    }
    path = write(tensorflow.tensorflow_variables(state), settings)
    g = load_generator(path, truncation=0.7, noise="buffers")
    z = torch.cat([tensors["in.z"], tensors["in.c"]], dim=1)
    assert (g(z) - tensors["out.image"]).abs().max() < 1e-4
    assert g.provenance["conv_clamp"] == "256.0"


def test_configurations_that_grew(write, church):
    """B to D: the architecture `orig`, with an output for each size of which the last is used."""
    tensors, _ = golden("ada_orig")
    state = {n[6:]: t for n, t in tensors.items() if n.startswith("state.")}
    variables = tensorflow.tensorflow_variables(state)
    last = {n: n.replace("32x32/ToRGB", "ToRGB_lod0") for n in variables}
    variables = {last[n]: a for n, a in variables.items()} | {"synthesis/lod": np.float32(0)}
    variables |= {
        f"synthesis/ToRGB_lod1/{n.rsplit('/')[-1]}": np.ones_like(a)
        for n, a in variables.items()
        if "ToRGB_lod0" in n
    }
    settings = {"synthesis_func": "G_synthesis_stylegan_revised", "structure": "auto"}
    g = load_generator(write(variables, settings), truncation=0.7, noise="buffers")
    assert (g(tensors["in.z"]) - tensors["out.image"]).abs().max() < 1e-4
    grows = variables | {"lod": np.float32(2)}
    assert "lod 2: its training ended" in refused(write(grows, settings))


def test_the_source_would_run_elsewhere(write, church, tmp_path):
    """The fixture is as dangerous as NVIDIA's files: Python's own unpickler runs it."""
    path = write(*church[:2])
    load_generator(path)
    assert not (tmp_path / "ran").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "ran").exists()


def test_one_network_alone(writer, church, tmp_path):
    variables, settings, (z, wanted) = church
    path = tensorflow.write(tmp_path / "Gs.pkl", writer.style(variables, settings))
    g = load_generator(path, truncation=0.7, noise="buffers")
    assert (g(z) - wanted).abs().max() < 1e-4


def test_networks_that_have_no_place_here(write, church, writer, tmp_path):
    variables, settings, _ = church

    def message(changed=None, **others):
        return refused(write(variables | (changed or {}), settings | others))

    assert "architecture 'resnet' of" in message(architecture="resnet")
    assert "lod 2: its training ended" in message({"lod": np.float32(2)})
    assert "nonlinearity 'relu', where 'lrelu'" in message(nonlinearity="relu")
    assert "resample_kernel None" in message(resample_kernel=None)
    assert "synthesis_func 'my_synthesis'" in message(synthesis_func="my_synthesis")
    labels = {"mapping/LabelConcat/weight": np.ones((5, 24))}
    assert "classes that are concatenated" in message(labels, label_size=5)
    assert "variable synthesis/8x8/Attention/weight" in message(
        {"synthesis/8x8/Attention/weight": np.ones(1)}
    )
    for name in ("noise0", "4x4/Const/const", "8x8/Conv1/noise_strength"):
        found = np.ones((2, 2, 4, 4))
        assert f"{name} of shape (2, 2, 4, 4)" in message({f"synthesis/{name}": found})
    assert "in its place" in message({"synthesis/ToRGB_lod0/bias": np.ones(3)})
    assert "12x12" in message({"synthesis/12x12/Conv1/bias": np.ones(16)})
    assert "not finite" in message({"synthesis/8x8/Conv1/bias": np.full(16, np.inf)})
    lacking = {n: a for n, a in variables.items() if n != "synthesis/8x8/Conv1/bias"}
    assert "synthesis.b8.conv1.bias is missing" in refused(write(lacking, settings))
    path = tmp_path / "other.pkl"
    first = {"synthesis/4x4/Const/StyleMod/weight": np.ones((4, 4))}
    networks = (writer.style(first, {}),) * 3
    assert "the first StyleGAN, whose styles" in refused(tensorflow.write(path, networks))
    inception = writer.network({"conv/weights": np.ones((3, 3))})
    assert "a network with the variables conv/weights" in refused(tensorflow.write(path, inception))
    assert "a tuple of 2 networks" in refused(tensorflow.write(path, networks[:2]))


# --- hostile pickles with the same class path ---------------------------------------------------


class Calls:
    """Pickled as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


def test_calls_in_the_network_are_refused_or_inert(writer, write, church, tmp_path):
    variables, settings, _ = church
    mark = tmp_path / "called"
    touch = Calls(os.system, f"touch {mark}")
    path = tmp_path / "hostile.pkl"
    whole = writer.style(variables, settings)
    for place in ("static_kwargs", "components", "variables"):
        thing = writer.style(variables, settings)
        thing.__dict__[place] = touch
        assert "posix.system" in refused(tensorflow.write(path, (whole, whole, thing)))
    within = {
        "posix.system": writer.network(variables | {"dlatent_avg": touch}, settings),
        "refers to posix.system": writer.network(variables, settings, {"other": touch}),
        "nonlinearity as posix.system": writer.style(variables, settings | {"nonlinearity": touch}),
        "could run code": touch,
    }
    for found, thing in within.items():
        assert found in refused(tensorflow.write(path, (whole, whole, thing)))
    # beside the network, and in what it does not need, is anything: nothing of it is called
    named = writer.style(variables, settings)
    named.name = named.build_func_name = touch
    load_generator(tensorflow.write(path, (touch, touch, named)))
    assert not mark.exists()


def test_arrays_that_are_none(writer, church, tmp_path):
    path = tmp_path / "hostile.pkl"

    def message(array):
        return refused(tensorflow.write(path, writer.network({"dlatent_avg": array})))

    for array in (np.array([{}], object), np.array(["text"]), np.array([1j]), "text", None):
        assert "damaged" in message(array)
    whole = writer.network({"dlatent_avg": np.arange(7, dtype=np.float32)})
    raw = tensorflow.write(path, whole, 2).read_bytes()
    assert raw.count(b"K\x07\x85") == 1  # the shape (7,)
    for shape in (b"K\x08\x85", b"K\x06\x85", b"J\xff\xff\xff\xff\x85"):
        assert "damaged" in refused(path, raw.replace(b"K\x07\x85", shape))


def test_the_same_numbers_many_times(writer, tmp_path):
    """One array under a thousand names would need a thousand times the file's memory."""
    array = np.zeros(50_000, np.float32)
    networks = writer.network({f"variable{i}": array for i in range(1000)})
    message = refused(tensorflow.write(tmp_path / "large.pkl", networks))
    assert "larger than the file" in message


def test_a_network_within_itself(writer, tmp_path):
    loop = writer.network({})
    loop.components["mapping"] = loop
    assert "is in it twice" in refused(tensorflow.write(tmp_path / "loop.pkl", loop))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.9999])
def test_cut_short(write, church, share):
    path = write(*church[:2])
    content = path.read_bytes()
    assert "damaged or cut short" in refused(path, content[: int(len(content) * share)])


# --- what one does with it -----------------------------------------------------------------------


def test_edit_export_and_info(write, church, tmp_path):
    variables, settings, _ = church
    path = write(variables, settings)
    g = load_generator(path, truncation=0.7)
    z = sample_z(g, 4)
    for number in g.layers:
        layer = g.layer(number)
        assert torch.allclose(layer.render(layer.values(layer.keys(z))), g(z), atol=1e-5)
    layer = g.layer(4)
    state = layer.keys(z[:1])
    goal = layer.values(state)
    stats = KeyStatistics.collect(g, layer=4, n=16, seed=1)
    directions = context_directions(state.k, torch.ones(1, *state.k.shape[2:]), stats)
    edit = insert(layer, state, goal.replace(goal.v + 0.5), directions, stats=stats)
    changed = edit.apply(g)
    assert (changed(z) - g(z)).abs().max() > 1e-3
    export_generator(changed, tmp_path / "edited.pt")
    save_generator(changed, tmp_path / "edited.safetensors")
    for name in ("edited.pt", "edited.safetensors"):
        again = load_generator(tmp_path / name, truncation=0.7)
        assert torch.allclose(again(z), changed(z), atol=1e-6)
    found = contents_of(path)
    assert found.kind == "generator" and found.facts["network"] == "StyleGAN2, 32 x 32 pixels"
