"""Networks that a function makes, filled from files of weights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators import sample_z
from palimpsest.generators.wrapped_loading import load_network

MODULE = """
from torch import nn
from palimpsest.generators.wrapped import wrap

def network(channels=3):
    return nn.Sequential(nn.ConvTranspose2d(8, 6, 4), nn.BatchNorm2d(6), nn.Conv2d(6, channels, 3))

def wrapped():
    return wrap(network(), z_dim=8)

def named():
    made = network()
    made.z_dim = 8
    return made

unnamed = network
number = 3

def other():
    return 3

def failing():
    raise KeyError("weights")
"""


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    space: dict = {}
    exec(MODULE, space)
    torch.manual_seed(seed)
    return dict(space["network"]().state_dict())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "networks_of_a_test.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return tmp_path


def under(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": one for name, one in tensors().items()}


@pytest.mark.parametrize(
    "content",
    [
        tensors(),
        {"g_ema": tensors(), "g": tensors(1), "d": {"0.weight": torch.ones(2)}},
        {"state_dict": under("module."), "epoch": 3},
        {name: one for name, one in tensors().items() if "num_batches" not in name},
    ],
    ids=["state dict", "g_ema", "module", "without counters"],
)
@pytest.mark.parametrize("function", ["wrapped", "named"])
def test_a_network_is_filled_from_a_file(folder: Path, function: str, content: dict) -> None:
    torch.save(content, folder / "weights.pt")
    g = load_network(f"networks_of_a_test:{function}", folder / "weights.pt")
    wanted = tensors()
    assert all(torch.equal(one, wanted[name]) for name, one in g.state_dict().items())
    assert g(sample_z(g, 2)).shape == (2, 3, 2, 2)
    assert list(g.names.values()) == ["0", "2"]


def test_safetensors_are_read_and_a_network_may_bring_its_own_weights(folder: Path) -> None:
    save_file(tensors(), folder / "weights.safetensors")
    g = load_network("networks_of_a_test:wrapped", folder / "weights.safetensors")
    assert torch.equal(g.state_dict()["0.weight"], tensors()["0.weight"])
    torch.manual_seed(0)
    assert load_network("networks_of_a_test:wrapped").weights_sha256 == g.weights_sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"0.weight": tensors()["0.weight"]}, "holds no 0.bias"),
        (tensors() | {"2.weight": torch.ones(1, 6, 3, 3)}, "2.weight has shape (1, 6, 3, 3)"),
        (tensors() | {"3.weight": torch.ones(2)}, "holds 3.weight, which the network has not"),
        ({"fc.weight": torch.ones(2)}, "none of the network's tensors, but fc.weight"),
    ],
    ids=["missing", "shape", "left over", "other"],
)
def test_a_file_of_another_network_is_refused(folder: Path, content: dict, message: str) -> None:
    torch.save(content, folder / "weights.pt")
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_network("networks_of_a_test:wrapped", folder / "weights.pt")


def test_a_file_that_would_run_code_is_refused(folder: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)), folder / "weights.pt")
    with pytest.raises(CheckpointError):
        load_network("networks_of_a_test:wrapped", folder / "weights.pt")


@pytest.mark.parametrize(
    ("made_by", "message"),
    [
        ("networks_of_a_test", "is not module:function"),
        ("networks_of_no_test:make", "there is no module networks_of_no_test"),
        ("networks_of_a_test:nothing", "has no function nothing"),
        ("networks_of_a_test:number", "has no function number"),
        ("networks_of_a_test:other", "gives int"),
        ("networks_of_a_test:failing", "KeyError: 'weights'"),
        ("networks_of_a_test:unnamed", "has no z_dim and no z_shape"),
    ],
)
def test_what_makes_no_network_is_refused(folder: Path, made_by: str, message: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(message)):
        load_network(made_by)
