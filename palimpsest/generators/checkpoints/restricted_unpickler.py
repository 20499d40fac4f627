"""Read a plain Python pickle without Python's unpickler: nothing is imported, nothing is called.

    tree = read_pickle(path)  # dicts, lists, text, numbers, `Persistent`, `StoredTensor`, `Record`

A pickle is a program for a small stack machine. This machine implements only the instructions that
build data, and replaces the few classes and functions that a pickled network names by plain
records. A network's embedded source stays text, and a file that refers to anything else
(``os.system``, an attribute, a persistent id, an extension code) is refused; the error names it.
"""

from __future__ import annotations

import mmap
import pickletools
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palimpsest.generators.checkpoints.pickled_tensors import (
    PickleDamaged,
    PickleRefused,
    StoredNumbers,
    StoredTensor,
)


@dataclass(frozen=True, eq=False)
class Persistent:
    """An object that was pickled together with its source: its class name and attributes."""

    class_name: str
    state: Mapping[str, Any]


@dataclass(eq=False)
class Record:
    """An object of a known class, as the pickle describes it: nothing of the class is used."""

    name: str
    arguments: tuple
    state: Any = None


@dataclass(frozen=True, eq=False)
class Unneeded:
    """An object of a harmless class whose content is not needed (a NumPy number, a dtype)."""

    name: str


def read_pickle(path: Path) -> Any:
    """The tree that the pickle in the file ``path`` describes.

    Raises `PickleRefused` if it contains anything but data, `PickleDamaged` if it is cut short or
    inconsistent.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # a memory map: a false length reads to the end of the file at most
        try:
            return _Machine().run(content)
        except (ValueError, IndexError, TypeError, KeyError, OverflowError) as problem:
            reason = str(problem).strip().splitlines() or [type(problem).__name__]
            raise PickleDamaged(reason[0][:120]) from problem
        except (struct.error, MemoryError, RecursionError) as problem:
            raise PickleDamaged(type(problem).__name__) from problem


# --- what a pickled network may name -----------------------------------------------------------


@dataclass(frozen=True)
class _Named:
    """A class or function that the pickle names; only the name is kept."""

    name: str


def _persistent(meta: Any) -> Persistent:
    if not (isinstance(meta, dict) and isinstance(meta.get("state"), dict)):
        raise PickleDamaged("a persistent object without its state")
    if meta.get("type") != "class" or not isinstance(meta.get("class_name"), str):
        raise PickleDamaged("a persistent object without the name of its class")
    return Persistent(meta["class_name"], meta["state"])


def _numbers(raw: Any) -> StoredNumbers:
    if not isinstance(raw, bytes):
        raise PickleDamaged(f"numbers of a tensor as {type(raw).__name__}")
    return StoredNumbers(raw)


def _tensor(numbers: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
    if not isinstance(numbers, StoredNumbers):
        raise PickleDamaged(f"a tensor over {type(numbers).__name__}")
    sizes = (offset, *shape, *stride)
    if not all(type(size) is int and 0 <= size < 2**40 for size in sizes) or len(shape) > 8:
        raise PickleDamaged("a tensor with invalid sizes")
    return StoredTensor(numbers, offset, tuple(shape), tuple(stride))


def _parameter(data: Any, *_: Any) -> StoredTensor:
    if not isinstance(data, StoredTensor):
        raise PickleDamaged(f"a parameter over {type(data).__name__}")
    return data


def _empty_dict(*items: Any) -> dict:
    if items:
        raise PickleDamaged("a dictionary that is filled before it is created")
    return {}


ANSWERS: Mapping[str, Callable[..., Any]] = {
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent,
    "torch.storage._load_from_bytes": _numbers,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "collections.OrderedDict": _empty_dict,
    "dnnlib.util.EasyDict": _empty_dict,
}
UNNEEDED = {
    *("builtins.set", "__builtin__.set", "builtins.frozenset", "torch.device", "torch.Size"),
    *("torch.float16", "torch.float32", "torch.float64", "torch.int64", "torch.uint8"),
    "numpy.ndarray",
}
RECORDED = {  # networks of NVIDIA's TensorFlow code, and NumPy's arrays (`pickled_arrays`)
    *("dnnlib.tflib.network.Network", "tfutil.Network", "network.Network"),
    *("numpy.dtype", "_codecs.encode"),
    *(
        f"numpy.{core}.{name}"
        for core in ("core", "_core")
        for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
    ),
}


def _named(module: Any, name: Any) -> _Named:
    if not (isinstance(module, str) and isinstance(name, str)):
        raise PickleDamaged("a name that is not text")
    full = f"{module}.{name}"
    if full not in ANSWERS and full not in UNNEEDED and full not in RECORDED:
        raise PickleRefused(re.sub(r"[^\w.]", "?", full)[:100])
    return _Named(full)


def _answer(asked: Any, arguments: Any) -> Any:
    if not isinstance(asked, _Named):
        raise PickleRefused(f"a call of a {type(asked).__name__}")
    if not isinstance(arguments, tuple):
        raise PickleDamaged(f"{asked.name} called without a tuple of arguments")
    if asked.name in UNNEEDED:
        return Unneeded(asked.name)
    if asked.name in RECORDED:
        return Record(asked.name, arguments)
    return ANSWERS[asked.name](*arguments)


# --- the stack machine -------------------------------------------------------------------------

VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("BINSTRING", "SHORT_BINSTRING", "BYTEARRAY8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The instructions of a pickle that build data, on a stack with marks and a memory."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memory: dict[int, Any] = {}

    def run(self, content: Any) -> Any:
        for operation, argument, _ in pickletools.genops(content):
            name = operation.name
            if name in VALUES:
                self.stack.append(argument)
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name])
            elif name in TUPLES:
                items = [self.stack.pop() for _ in range(TUPLES[name])]
                self.stack.append(tuple(reversed(items)))
            elif name in ("PROTO", "FRAME"):
                continue
            elif name == "STOP":
                break
            else:
                step = getattr(self, f"_{name.lower()}", None)
                if step is None:
                    raise PickleRefused(f"the instruction {name}")
                step(argument)
        return self.stack.pop()

    def _mark(self, _: Any) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def _tuple(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(tuple(items))

    def _empty_list(self, _: Any) -> None:
        self.stack.append([])

    _empty_set = _empty_list  # the sets of a network hold names that are not needed
    _frozenset = _tuple

    def _empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise PickleDamaged("items for an object that is not a list")
        self.stack[-1].extend(items)

    def _append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    _additems = _appends

    def _update(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict) or len(items) % 2:
            raise PickleDamaged("entries for an object that is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int)):  # hashing a deep tuple would end the process
                raise PickleDamaged(f"a {type(key).__name__} as key of a dictionary")
            self.stack[-1][key] = value

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, _: Any) -> None:
        self._update(self._since_mark())

    def _global(self, argument: str) -> None:
        self.stack.append(_named(*argument.split(" ", 1)))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_named(module, name))

    def _reduce(self, _: Any) -> None:
        arguments, asked = self.stack.pop(), self.stack.pop()
        self.stack.append(_answer(asked, arguments))

    _newobj = _reduce

    def _build(self, _: Any) -> None:
        state = self.stack.pop()  # of a dictionary or an unneeded object: not kept
        if isinstance(self.stack[-1], Record):
            self.stack[-1].state = state
        elif not isinstance(self.stack[-1], (dict, Unneeded)):
            raise PickleRefused(f"attributes set on a {type(self.stack[-1]).__name__.strip('_')}")

    def _memoize(self, _: Any) -> None:
        self.memory[len(self.memory)] = self.stack[-1]

    def _binput(self, place: int) -> None:
        self.memory[place] = self.stack[-1]

    _long_binput = _binput

    def _binget(self, place: int) -> None:
        self.stack.append(self.memory[place])

    _long_binget = _binget

    def _pop(self, _: Any) -> None:
        self.stack.pop()
