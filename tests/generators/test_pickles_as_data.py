"""What lies beside a network in a pickle is read as data: nothing of it is called or imported."""

import argparse
import collections
import datetime
import io
import pathlib
import pickle
import zipfile

import numpy as np
import pytest
import torch

from palimpsest.generators import load_generator
from palimpsest.generators.checkpoints.pickle_machine import (
    Named,
    PickleDamaged,
    PickleRefused,
    Record,
    read_one,
)
from palimpsest.generators.checkpoints.pytorch_files import PLAIN_ANSWERS
from tests.generators import nvidia_files as nvidia
from tests.generators.hostile_things import NAMES, commands, watched
from tests.generators.nvidia_files import refused


class Discriminator(torch.nn.Module):
    """Pickled whole, by reference to this class."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.ReLU())
        self.register_buffer("steps", torch.zeros(3, dtype=torch.int64))


NOTES = {
    "a tuple as key": {(1, 2): "x"},
    "a float as key": {0.5: 1, None: 2, b"x": 3},
    "a date": datetime.datetime(2020, 1, 2),
    "a duration": datetime.timedelta(hours=3),
    "a path": pathlib.PurePosixPath("/data/x"),
    "the options": argparse.Namespace(path=pathlib.PurePosixPath("x"), size=64),
    "an array": np.arange(6.0).reshape(2, 3),
    "objects in an array": np.array(["a", None], dtype=object),
    "numbers of NumPy": [np.float64(3.2), np.int64(5), np.bool_(True)],
    "a random state": np.random.RandomState(0),
    "a dictionary with a default": collections.defaultdict(list, a=[1]),
    "a counter": collections.Counter("abc"),
    "a set": {1, 2, 3},
    "a discriminator": Discriminator(),
    "an optimiser": torch.optim.Adam(Discriminator().parameters()).state_dict(),
    "a device and a type": (torch.device("cpu"), torch.float16, torch.Size((1, 2))),
    "a class": collections.OrderedDict,
    "a slice": slice(1, 2),
    "a complex number": 1 + 2j,
    "a long number": 3**500,
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write NVIDIA's pickle with a thing in it; the file's path."""
    easy_dict = nvidia.install(monkeypatch)

    def written(thing, protocol=4, where="augment_pipe", **options):
        path = tmp_path / "network.pkl"
        tensors = nvidia.random_tensors()
        nvidia.network_pickle(
            path,
            tensors,
            easy_dict,
            tmp_path / "no",
            protocol=protocol,
            beside={where: thing},
            **options,
        )
        return path

    return written


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", NOTES)
def test_notes_beside_nvidias_network(write, name, protocol):
    plain = load_generator(write(None))
    with watched() as events:
        g = load_generator(write(NOTES[name], protocol, where="D"))
    assert g.weights_sha256 == plain.weights_sha256
    assert events == []


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", NOTES)
def test_notes_beside_a_state_dict(golden, tmp_path, name, zipped):
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    path = tmp_path / "g.pt"
    torch.save({"note": NOTES[name], **content}, path, _use_new_zipfile_serialization=zipped)
    g = load_generator(path)
    assert g.weights_sha256 == load_generator(golden / "sg2_checkpoint.pt").weights_sha256


# --- hostile files -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_hostile_things_are_hostile(tmp_path, name):
    """Python's own unpickler makes the mark: the tests below would notice it."""
    content = pickle.dumps(commands(tmp_path / "ran")[name])
    if name in ("storage", "zipped storage", "torch.load"):
        pytest.skip("recent versions of PyTorch refuse it themselves")
    try:
        pickle.loads(content)
    except Exception as problem:  # after its call a chain may end in nonsense
        assert problem is not None
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_thing_beside_nvidias_network_does_nothing(write, tmp_path, name):
    plain = load_generator(write(None)).weights_sha256
    path = write(commands(tmp_path / "ran")[name])
    with watched() as events:
        assert load_generator(path).weights_sha256 == plain
    assert events == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_hostile_thing_beside_a_state_dict_does_nothing(golden, tmp_path, name, zipped):
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    thing = commands(tmp_path / "ran")[name]
    path = tmp_path / "g.pt"
    torch.save(content | {"args": thing}, path, _use_new_zipfile_serialization=zipped)
    with watched() as events:
        g = load_generator(path)
    assert g.weights_sha256 == load_generator(golden / "sg2_checkpoint.pt").weights_sha256
    assert events == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_thing_in_place_of_a_network(tmp_path, name):
    thing = commands(tmp_path / "ran")[name]
    for content in (thing, {"training_set_kwargs": 1, "G_ema": thing}, {"g_ema": thing}):
        with watched() as events:
            message = refused(tmp_path / "network.pkl", pickle.dumps(content, protocol=4))
            torch.save(content, tmp_path / "g.pt")
            refused(tmp_path / "g.pt")
        assert "readable are" in message
        assert events == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_thing_within_a_state_dict(golden, tmp_path, name):
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    content["g_ema"]["input.input"] = commands(tmp_path / "ran")[name]
    torch.save(content, tmp_path / "g.pt")
    with watched() as events:
        message = refused(tmp_path / "g.pt")
    assert "tensor g_ema.input.input" in message
    assert events == []
    assert not (tmp_path / "ran").exists()


# --- the machine ---------------------------------------------------------------------------------


def tree(*parts):
    return read_one(io.BytesIO(b"\x80\x03" + b"".join(parts)), PLAIN_ANSWERS)


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ((b"(ios\nsystem\n.",), "instruction INST"),
        ((b"(cos\nsystem\no.",), "instruction OBJ"),
        ((b"Pother_file\n.",), "instruction PERSID"),
        ((b"K\x01Q.",), "instruction BINPERSID"),
        ((b"\x82\x01.",), "instruction EXT1"),
        ((b"\x83\x01\x00.",), "instruction EXT2"),
        ((b"\x84\x01\x00\x00\x00.",), "instruction EXT4"),
        ((b"\x97.",), "instruction NEXT_BUFFER"),
        ((b"ccollections\nOrderedDict\n}b.",), "attributes set on collections.OrderedDict"),
        ((b"ctorch.storage\n_load_from_bytes\n}b.",), "attributes set on torch.storage"),
        ((b"X\x01\x00\x00\x00a)R.",), "a call of a str"),
        ((b"ccollections\nOrderedDict\n)R)R.",), "a call of a dict"),
    ],
)
def test_instructions_that_data_does_not_need(parts, found):
    with pytest.raises(PickleRefused, match=found):
        tree(*parts)


@pytest.mark.parametrize(
    "parts",
    [
        (b"0000.",),  # more taken than there is
        (b"h\x07.",),  # memory that was never filled
        (b"\x8e" + (2**60).to_bytes(8, "little") + b"x.",),  # a length that lies
        (b"\x8b" + (2**31 - 1).to_bytes(4, "little") + b"x.",),  # a number of 2 GB
        (b"T" + (2**31 - 1).to_bytes(4, "little") + b"x.",),
        (b"]K\x01K\x02s.",),
        (b")K\x01a.",),
        (b"cos\n\xff\xfe;rm -rf\n.",),
        (b"K\x01K\x02\x93.",),  # a name that is no text
        (b"\xff.",),
        (b"}",),  # no end
        (b".",),
    ],
)
def test_nonsense_is_damage(parts):
    with pytest.raises(PickleDamaged):
        tree(*parts)


def test_what_is_named_stays_a_name():
    found = tree(b"cos\nsystem\n.")
    assert isinstance(found, Named) and found.name == "os.system"
    found = tree(b"cos\nsystem\nX\x02\x00\x00\x00ls\x85R}X\x01\x00\x00\x00aK\x05sb.")
    assert isinstance(found, Record)
    assert (found.name, found.arguments, found.state) == ("os.system", ("ls",), {"a": 5})


def test_keys_that_would_end_the_process(tmp_path):
    """A tuple in a tuple in a tuple is neither hashed, printed nor walked through."""
    deep = b"}" + b")" + b"\x85" * 300_000 + b"K\x01s."
    (key,) = tree(deep)
    assert type(key).__name__ == "OtherKey"
    assert "no tensors in it" in refused(tmp_path / "deep.pkl", b"\x80\x03" + deep)


@pytest.mark.parametrize(
    "nested",
    [
        b"ca\nb\n" * 100_000 + b"N" + b"\x85R" * 100_000,  # calls of calls
        b"]" * 100_000 + b"a" * 99_999,
        b"}N" * 100_000 + b"}" + b"s" * 100_000,
        b"ca\nb\n)R" * 100_000 + b"b" * 99_999,  # attributes of attributes
    ],
)
def test_nesting_without_end(tmp_path, nested):
    assert "no tensors in it" in refused(tmp_path / "deep.pkl", b"\x80\x03" + nested + b".")


def test_names_that_are_no_line(golden, tmp_path):
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    content["g_ema"]["style\n\x1b[2J" + "x" * 9999] = torch.zeros(1)
    torch.save(content, tmp_path / "g.pt")
    assert "tensor g_ema.style??[2Jxxx" in refused(tmp_path / "g.pt")


def test_memory_that_refers_to_itself(tmp_path):
    """A list in itself, and lists of lists of the same lists: finite work, one line."""
    loop = b"\x80\x03]q\x00h\x00a."
    assert "no tensors in it" in refused(tmp_path / "loop.pkl", loop)
    laughs = b"\x80\x03]q\x00"
    for level in range(30):
        laughs += b"](" + b"h" + bytes([level]) + b"h" + bytes([level]) + b"e"
        laughs += b"q" + bytes([level + 1])
    assert "entries" in refused(tmp_path / "laughs.pkl", laughs + b".")


# --- tensors beyond their numbers ----------------------------------------------------------------


class View:
    """Pickled as a tensor over the numbers of another one, with the sizes given."""

    def __init__(self, tensor, offset, shape, stride):
        self.arguments = tensor.untyped_storage(), offset, shape, stride
        self.tensor = tensor

    def __reduce__(self):
        storage = torch.storage.TypedStorage(
            wrap_storage=self.arguments[0], dtype=self.tensor.dtype, _internal=True
        )
        rest = self.arguments[1:]
        return torch._utils._rebuild_tensor_v2, (storage, *rest, False, collections.OrderedDict())


@pytest.mark.parametrize(
    ("offset", "shape", "stride"),
    [
        (0, (1, 48, 4, 2**38), (0, 0, 0, 0)),
        (0, (2**14, 2**14), (0, 0)),
        (100, (1, 48, 4, 4), (768, 16, 4, 1)),
        (0, (1, 48, 4, 4), (768, 2**39, 4, 1)),
        (0, (1, 48, 4, 4), (-16, 16, 4, 1)),
        (-1, (1, 48, 4, 4), (768, 16, 4, 1)),
        (0, (1, 48, 4, 4), (4, 1)),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_sizes_beyond_the_numbers(golden, tmp_path, offset, shape, stride, zipped):
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    content["g_ema"]["input.input"] = View(torch.zeros(768), offset, shape, stride)
    torch.save(content, tmp_path / "g.pt", _use_new_zipfile_serialization=zipped)
    assert "tensor g_ema.input.input" in refused(tmp_path / "g.pt")


def test_many_tensors_of_few_numbers(golden, tmp_path):
    """Each is small enough, together they would take gigabytes."""
    content = torch.load(golden / "sg2_checkpoint.pt", weights_only=True)
    one = torch.zeros(1)
    for i in range(4, 2000):
        content["g_ema"][f"style.{i}.weight"] = one.expand(256, 256)
        content["g_ema"][f"style.{i}.bias"] = one.expand(256)
    torch.save(content, tmp_path / "g.pt")
    assert "larger than the file can hold" in refused(tmp_path / "g.pt")


def test_an_archive_that_unpacks_without_end(golden, tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("a/data/0", bytes(1 << 24))
    assert "larger than the file can hold" in refused(path)


def test_an_archive_whose_numbers_are_missing(golden, tmp_path):
    whole, path = golden / "sg2_checkpoint.pt", tmp_path / "g.pt"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith("data/3"):
                target.writestr(entry.filename, source.read(entry))
    assert "numbers '3' are missing" in refused(path)
