"""NVIDIA's pickles with more than data within the network end in one line that names it."""

import collections
import os
import pickle
import re
from collections import Counter, OrderedDict

import pytest
import torch

from tests.generators import nvidia_files as nvidia
from tests.generators.hostile_things import Calls, Storage, saved
from tests.generators.nvidia_files import refused

MARKED = "torch_utils.persistence"


def hostile(tmp_path, thing, protocol=4):
    content = {"training_set_kwargs": MARKED, "G_ema": thing}
    return refused(tmp_path / "network.pkl", pickle.dumps(content, protocol=protocol))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_call_in_place_of_the_network(tmp_path, protocol):
    touch = f"touch {tmp_path / 'ran'}"
    named = {
        "posix.system": Calls(os.system, touch),
        r"(builtins|__builtin__)\.eval": Calls(eval, "1 + 1"),
        r"(builtins|__builtin__)\.getattr": Calls(getattr, Calls(getattr, 1, "real"), "bit_length"),
        r"torch\.serialization\.load": Calls(torch.load, "other.pt"),
        r"collections\.Counter": Calls(Counter, "ab"),
        r"collections\.OrderedDict": Calls(OrderedDict, Calls(os.system, touch)),
        r"torch\.nn\.modules\.linear\.Linear": Calls(torch.nn.Linear, 2, 2),
        r"posix\.getpid": os.getpid,
    }
    for name, thing in named.items():
        message = hostile(tmp_path, thing, protocol)
        assert re.search(f"whose network refers to {name},", message), message
        assert "could run code" in message and "readable are" in message
    assert not (tmp_path / "ran").exists()


class Tensor:
    """Pickled as a tensor over ``numbers`` with the sizes given."""

    def __init__(self, numbers, offset, shape, stride):
        self.arguments = numbers, offset, shape, stride, False, collections.OrderedDict()

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, self.arguments


@pytest.fixture
def with_constant(tmp_path, monkeypatch):
    """The message for a network whose constant input is some other object."""
    easy_dict = nvidia.install(monkeypatch)

    def message(thing):
        path = tmp_path / "network.pkl"
        tensors = nvidia.random_tensors()
        monkeypatch.setattr(torch.nn, "Parameter", lambda tensor: tensor)
        nvidia.network_pickle(
            path, tensors | {"synthesis.b4.const": thing}, easy_dict, tmp_path / "ran"
        )
        monkeypatch.undo()
        return refused(path)

    return message


def test_a_call_in_place_of_a_tensor(with_constant, tmp_path):
    message = with_constant(Calls(os.system, f"touch {tmp_path / 'ran'}"))
    assert "whose network refers to posix.system" in message
    assert not (tmp_path / "ran").exists()


def test_a_call_in_place_of_a_module(tmp_path, monkeypatch):
    nvidia.install(monkeypatch)
    network = nvidia.module(nvidia.random_tensors(), "", {})
    network.meta["state"]["_modules"]["mapping"] = Calls(os.system, f"touch {tmp_path / 'ran'}")
    content = pickle.dumps({"training_set_kwargs": MARKED, "G_ema": network})
    assert "whose network refers to posix.system" in refused(tmp_path / "network.pkl", content)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zipped", [False, True])
def test_a_hostile_file_in_place_of_numbers(with_constant, tmp_path, zipped):
    evil = saved(Calls(os.system, f"touch {tmp_path / 'ran'}"), zipped)
    message = with_constant(Tensor(Storage(evil), 0, (8, 4, 4), (16, 4, 1)))
    assert "numbers" in message and "refused" in message
    assert not (tmp_path / "ran").exists()


def test_numbers_that_are_none(with_constant):
    plain = pickle.dumps(Calls(os.system, "true"))
    message = with_constant(Tensor(Storage(plain), 0, (8, 4, 4), (16, 4, 1)))
    assert "numbers of a tensor that torch.save did not write" in message


def test_other_things_than_numbers(with_constant):
    message = with_constant(Tensor(Storage(saved({"a": 1})), 0, (8, 4, 4), (16, 4, 1)))
    assert "dict in place of a tensor's numbers" in message


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize(
    ("offset", "shape", "stride"),
    [
        (0, (8, 4, 2**39), (0, 0, 0)),
        (100, (8, 4, 4), (16, 4, 1)),
        (0, (8, 4, 4), (2**39, 4, 1)),
        (0, (8, 4, 4), (-16, 4, 1)),
        (-1, (8, 4, 4), (16, 4, 1)),
        (0, (8, 4, 4), (4, 1)),
    ],
)
def test_sizes_beyond_the_numbers(with_constant, offset, shape, stride):
    numbers = Storage(saved(torch.zeros(128).storage()))
    message = with_constant(Tensor(numbers, offset, shape, stride))
    assert "damaged or cut short" in message or "_rebuild_tensor_v2" in message


def test_a_module_that_is_in_it_twice(tmp_path, monkeypatch):
    nvidia.install(monkeypatch)
    loop = nvidia.module(nvidia.random_tensors(), "", {})
    loop.meta["state"]["_modules"]["mapping"].meta["state"]["_modules"]["again"] = loop.meta[
        "state"
    ]["_modules"]["synthesis"]
    content = pickle.dumps({"training_set_kwargs": MARKED, "G_ema": loop})
    assert "is in it twice" in refused(tmp_path / "loop.pkl", content)


def test_no_generator_in_it(tmp_path):
    assert "without a network 'G_ema'" in hostile(tmp_path, None)
