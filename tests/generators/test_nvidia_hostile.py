"""Pickles that would do harm, or are no sense at all, end in one line that names what was found."""

import io
import os
import pickle
import re
from collections import Counter, OrderedDict

import pytest
import torch

from tests.generators import nvidia_files as nvidia
from tests.generators.nvidia_files import refused

MARKED = "torch_utils.persistence"  # what makes a file one of NVIDIA's


class Calls:
    """Pickled as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


def hostile(tmp_path, thing, protocol=4):
    content = {"training_set_kwargs": MARKED, "G_ema": thing}
    return refused(tmp_path / "network.pkl", pickle.dumps(content, protocol=protocol))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_calls_of_what_could_run_code(tmp_path, protocol):
    touch = f"touch {tmp_path / 'ran'}"
    named = {
        "posix.system": Calls(os.system, touch),
        r"(builtins|__builtin__)\.eval": Calls(eval, "1 + 1"),
        r"(builtins|__builtin__)\.getattr": Calls(getattr, Calls(getattr, 1, "real"), "bit_length"),
        r"torch\.serialization\.load": Calls(torch.load, "other.pt"),
        r"collections\.Counter": Calls(Counter, "ab"),
        r"torch\.nn\.modules\.linear\.Linear": Calls(torch.nn.Linear, 2, 2),
    }
    for name, thing in named.items():
        message = hostile(tmp_path, thing, protocol)
        assert re.search(f"refers to {name},", message), message
        assert "could run code" in message and "readable are" in message
    nested = Calls(OrderedDict, Calls(OrderedDict, Calls(os.system, touch)))
    assert "refers to posix.system" in hostile(tmp_path, nested, protocol)
    assert not (tmp_path / "ran").exists()


def raw(*parts):
    """A pickle by hand, with the mark of NVIDIA's files in it."""
    text = MARKED.encode()
    return b"\x80\x03X" + len(text).to_bytes(4, "little") + text + b"0" + b"".join(parts)


ORDERED = b"ccollections\nOrderedDict\n"


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ((b"(ios\nsystem\n.",), "instruction INST"),
        ((b"(cos\nsystem\no.",), "refers to os.system"),
        ((b"Pother_file\n.",), "instruction PERSID"),
        ((b"K\x01Q.",), "instruction BINPERSID"),
        ((b"\x82\x01.",), "instruction EXT1"),
        (
            (
                ORDERED,
                b"))}\x92.",
            ),
            "instruction NEWOBJ_EX",
        ),
        ((b"ccollections\nOrderedDict.fromkeys\n.",), "OrderedDict.fromkeys"),
        (
            (
                ORDERED,
                b"}}\x86b.",
            ),
            "attributes set on a Named",
        ),
        ((b"ctorch.storage\n_load_from_bytes\n}b.",), "attributes set on a Named"),
        ((b"X\x01\x00\x00\x00a)R.",), "a call of a str"),
        (
            (
                ORDERED,
                b")R)R.",
            ),
            "a call of a dict",
        ),
        ((b"cdnnlib.tflib.network\nNetwork\n.",), "without a network 'G_ema'"),
        ((b"cos\n\xff\xfe;rm -rf\n.",), "damaged"),
    ],
)
def test_instructions_that_data_does_not_need(tmp_path, parts, found):
    assert found in refused(tmp_path / "network.pkl", raw(*parts))


@pytest.mark.parametrize(
    "parts",
    [
        (b"}))s.",),  # a tuple as key
        (b"0000.",),  # more taken than there is
        (b"h\x07.",),  # memory that was never filled
        (b"\x8e" + (2**60).to_bytes(8, "little") + b"x.",),  # a length that lies
        (b"\x8b" + (2**31 - 1).to_bytes(4, "little") + b"x.",),  # a number of 2 GB
        (b"]K\x01K\x02s.",),
        (b")K\x01a.",),
        (b"ctorch.storage\n_load_from_bytes\nK\x01\x85R.",),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))tR.",),
        (b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}\x85R.",),
        (b"\xff.",),
        (b"}",),  # no end
    ],
)
def test_nonsense_is_damage(tmp_path, parts):
    assert "damaged or cut short" in refused(tmp_path / "network.pkl", raw(*parts))


def test_depth_without_end(tmp_path):
    """A tuple in a tuple in a tuple: neither hashed, printed nor walked through."""
    deep = raw(b"}", b")", b"\x85" * 300_000, b"K\x01s.")
    assert "damaged" in refused(tmp_path / "network.pkl", deep)


class Storage:
    """Pickled as a tensor's numbers that are ``raw`` bytes."""

    def __init__(self, raw):
        self.raw = raw

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self.raw,)


class Tensor:
    """Pickled as a tensor over ``numbers`` with the sizes given."""

    def __init__(self, numbers, offset, shape, stride):
        self.arguments = numbers, offset, shape, stride, False, OrderedDict()

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


def saved(thing, zipped=False):
    buffer = io.BytesIO()
    torch.save(thing, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


@pytest.mark.parametrize("zipped", [False, True])
def test_a_hostile_file_in_place_of_numbers(with_constant, tmp_path, zipped):
    evil = saved(Calls(os.system, f"touch {tmp_path / 'ran'}"), zipped)
    message = with_constant(Tensor(Storage(evil), 0, (8, 4, 4), (16, 4, 1)))
    assert "posix.system, among the numbers of a tensor" in message
    assert not (tmp_path / "ran").exists()


def test_numbers_that_are_none(with_constant):
    plain = pickle.dumps(Calls(os.system, "true"))
    message = with_constant(Tensor(Storage(plain), 0, (8, 4, 4), (16, 4, 1)))
    assert "numbers of a tensor that torch.save did not write" in message


def test_other_things_than_numbers(with_constant):
    message = with_constant(Tensor(Storage(saved({"a": 1})), 0, (8, 4, 4), (16, 4, 1)))
    assert "a dict in place of a tensor's numbers" in message


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
    assert "damaged or cut short" in with_constant(Tensor(numbers, offset, shape, stride))


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
