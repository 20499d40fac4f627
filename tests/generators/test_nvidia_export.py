"""A `.pkl` that is written for NVIDIA's code holds the network as that code has it.

`NVIDIA` is a folder with a checkout of stylegan2-ada-pytorch (or stylegan3): with it, its own
loader draws the file. Without it, a stand-in rebuilds the objects as that loader does.
"""

import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.generators.checkpoints.pickle_writer import Call, Named, written
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import StyleGAN2
from tests.generators.test_exporting import an_edit
from tests.generators.test_nvidia_variants import CLOSE, NAMES, Network, opened

CHECKOUT = os.environ.get("STYLEGAN2_ADA_PYTORCH", "")
CLASSES = (
    *("Generator", "MappingNetwork", "SynthesisNetwork", "SynthesisBlock", "SynthesisLayer"),
    *("ToRGBLayer", "FullyConnectedLayer", "Conv2dLayer"),
)


@pytest.fixture(params=NAMES)
def network(request):
    return Network(request.param)


@pytest.fixture
def unpickled(monkeypatch):
    """Read a file with Python's own unpickler, as NVIDIA's loader does, over stand-in classes."""

    def rebuilt(meta):
        assert meta["type"] == "class" and meta["version"] == 6
        module = {}
        exec(meta["module_src"], module)
        made = module[meta["class_name"]].__new__(module[meta["class_name"]])
        made.__setstate__(meta["state"])
        return made

    names = ("torch_utils", "torch_utils.persistence", "training", "training.networks")
    modules = {name: types.ModuleType(name) for name in names}
    for name in ("torch_utils", "training"):
        modules[name].__path__ = []
    modules["torch_utils.persistence"]._reconstruct_persistent_obj = rebuilt
    for name in CLASSES:
        setattr(modules["training.networks"], name, type(name, (nn.Module,), {}))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return lambda path: pickle.loads(path.read_bytes())


def test_the_state_is_that_of_nvidias_own_network(network, unpickled, tmp_path):
    export_generator(opened(network, tmp_path), tmp_path / "g.pkl")
    found = unpickled(tmp_path / "g.pkl")
    for name in ("G", "D", "G_ema"):
        assert isinstance(found[name], nn.Module)
    assert found["training_set_kwargs"] is None and found["augment_pipe"] is None
    g = found["G_ema"]
    state = g.state_dict()
    assert state.keys() == network.state.keys()
    for name, tensor in network.state.items():
        assert torch.equal(state[name], tensor), name
    wanted = network.arguments
    for name in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels"):
        assert getattr(g, name) == g._init_kwargs[name] == wanted[name]
    assert g.num_ws == g.mapping.num_ws == network.ws.shape[1]
    assert g._init_kwargs["mapping_kwargs"]["num_layers"] == 3
    assert {type(part).__name__ for part in g.modules()} <= {*CLASSES}
    assert not any(parameter.requires_grad for parameter in g.parameters())


def test_the_empty_discriminator_can_be_made_again(unpickled, tmp_path):
    """Their loader does so, with settings of a discriminator, when it is asked for float16."""
    export_generator(opened(Network("grey"), tmp_path), tmp_path / "g.pkl")
    found = unpickled(tmp_path / "g.pkl")["D"]
    made = type(found)(num_fp16_res=4, conv_clamp=256)
    assert not made.state_dict() and not found.state_dict()
    with pytest.raises(RuntimeError, match="holds no discriminator"):
        made(torch.zeros(1, 1, 32, 32), None)


def test_the_file_reads_back_as_the_same_network(network, tmp_path):
    g = opened(network, tmp_path)
    export_generator(an_edit(g).apply(g), tmp_path / "edited.pkl")
    again = load_generator(tmp_path / "edited.pkl", truncation=0.7, noise="buffers")
    edited = an_edit(g).apply(g)
    assert torch.equal(again(network.z), edited(network.z))
    assert again.weights_sha256 != g.weights_sha256


def test_no_code_but_our_own_is_in_the_file(network, tmp_path):
    export_generator(opened(network, tmp_path), tmp_path / "g.pkl")
    content = (tmp_path / "g.pkl").read_bytes()
    assert b"NVIDIA CORPORATION" not in content
    assert content.count(b"class ") == 1 and b"class NoDiscriminator" in content


def test_what_nvidias_code_cannot_hold(progressive, tmp_path):
    encoding = SoftThresholds(z_dim=6, thresholds=((0, 0.4),), width=0.02)
    mini = StyleGAN2(8, {4: 4, 8: 4}, style_dim=4, mapping_layers=1, z_dim=6, encoding=encoding)
    wide = StyleGAN2(8, {4: 4, 8: 4}, style_dim=4, mapping_layers=1, first_shape=(4, 8))
    refused = {"progressive": progressive, "encoded z": mini, "4 x 8 cells": wide}
    for why, g in refused.items():
        with pytest.raises(ParameterError, match=why):
            export_generator(g, tmp_path / "g.pkl")
    assert not (tmp_path / "g.pkl").exists()


def test_the_writer_writes_what_pickle_reads():
    value = {"a": [1, -2.5, None, True, ("text", b"bytes", set())], "b": torch.eye(3)[:2]}
    found = pickle.loads(written(value))
    assert torch.equal(found.pop("b"), value.pop("b")) and found == value
    twice = Call(Named("collections", "Counter"), ())
    first, second = pickle.loads(written([twice, twice]))
    assert first is second
    with pytest.raises(TypeError, match="a range in a pickle"):
        written(range(3))


DRAW = """
import sys, pickle, torch
sys.path[:0] = [sys.argv[1]]
import legacy
from safetensors.torch import load_file, save_file
inputs = load_file(sys.argv[3])
with open(sys.argv[2], "rb") as file:
    g = legacy.load_network_pkl(file)["G_ema"]
image = g(inputs["z"], inputs["c"], truncation_psi=0.7, noise_mode="const", force_fp32=True)
save_file({"image": image.contiguous()}, sys.argv[4])
pickle.dumps(g)
"""


@pytest.mark.skipif(not CHECKOUT, reason="STYLEGAN2_ADA_PYTORCH names no checkout of its code")
def test_nvidias_own_loader_draws_the_same(network, tmp_path):
    from safetensors.torch import load_file, save_file

    export_generator(opened(network, tmp_path), tmp_path / "g.pkl")
    z, c = network.z[:, :24].contiguous(), network.z[:, 24:].contiguous()
    save_file({"z": z, "c": c}, tmp_path / "in.safetensors")
    files = [str(tmp_path / name) for name in ("g.pkl", "in.safetensors", "out.safetensors")]
    command = [sys.executable, "-c", DRAW, str(Path(CHECKOUT).resolve()), *files]
    subprocess.run(command, check=True, cwd=CHECKOUT)
    image = load_file(tmp_path / "out.safetensors")["image"]
    assert (image - network.image).abs().max() < CLOSE
