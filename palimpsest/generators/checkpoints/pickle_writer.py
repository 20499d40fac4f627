"""Write a pickle that names classes which are not installed here: plain data, calls and tensors.

    written({"G_ema": Call(Named("torch_utils.persistence", "..."), (about,))})     # bytes

Python's own pickler imports every class that it writes the name of. This one writes names as text.
It is the counterpart of `restricted_unpickler`.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from torch import Tensor

LIMIT = 2**32
"""Bytes of one tensor that the format holds."""


@dataclass(frozen=True)
class Named:
    """A class or function by its module and name."""

    module: str
    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """The result of calling what is named; the same one written twice is one object when read."""

    function: Named
    arguments: tuple


ORDERED = Named("collections", "OrderedDict")
TENSOR = Named("torch._utils", "_rebuild_tensor_v2")
PARAMETER = Named("torch._utils", "_rebuild_parameter")
NUMBERS = Named("torch.storage", "_load_from_bytes")


def parameter(tensor: Tensor) -> Call:
    """A tensor that is read as a `torch.nn.Parameter` without gradient."""
    return Call(PARAMETER, (tensor, False, OrderedDict()))


def written(value: Any) -> bytes:
    """The pickle of ``value``: None, numbers, text, bytes, containers, empty sets, tensors, `Named`
    and `Call`, at any depth. Raises `TypeError` for anything else."""
    return pickle.PROTO + b"\x04" + b"".join(_Writer().parts(value)) + pickle.STOP


class _Writer:
    """Turns values into instructions; remembers the `Call` objects that were written."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {}

    def parts(self, value: Any) -> list[bytes]:
        """The instructions that leave ``value`` on the stack."""
        if value is None or isinstance(value, bool):
            return [{None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[value]]
        if isinstance(value, int):
            return [pickle.BININT, struct.pack("<i", value)]
        if isinstance(value, float):
            return [pickle.BINFLOAT, struct.pack(">d", value)]
        if isinstance(value, str):
            return _sized(pickle.BINUNICODE, value.encode())
        if isinstance(value, bytes):
            return _sized(pickle.BINBYTES, value)
        if isinstance(value, tuple):
            return [pickle.MARK, *self._all(value), pickle.TUPLE]
        if isinstance(value, list):
            return [pickle.EMPTY_LIST, pickle.MARK, *self._all(value), pickle.APPENDS]
        if isinstance(value, dict):
            ordered = isinstance(value, OrderedDict)
            empty = self.parts(Call(ORDERED, ())) if ordered else [pickle.EMPTY_DICT]
            items = self._all([part for item in value.items() for part in item])
            return [*empty, pickle.MARK, *items, pickle.SETITEMS]
        if isinstance(value, set) and not value:
            return [pickle.EMPTY_SET]
        if isinstance(value, Named):
            return [pickle.GLOBAL, f"{value.module}\n{value.name}\n".encode()]
        if isinstance(value, Tensor):
            return self.parts(_tensor(value))
        if isinstance(value, Call):
            return self._call(value)
        raise TypeError(f"a {type(value).__name__} in a pickle of plain data")

    def _all(self, values: Any) -> list[bytes]:
        return [part for value in values for part in self.parts(value)]

    def _call(self, call: Call) -> list[bytes]:
        if id(call) in self.known:
            return [pickle.LONG_BINGET, struct.pack("<I", self.known[id(call)])]
        parts = [*self.parts(call.function), *self.parts(call.arguments), pickle.REDUCE]
        if call.function == ORDERED or call.function.module.startswith("torch."):
            return parts  # made on the way: not kept, so its id may be another's later
        place = self.known[id(call)] = len(self.known)
        return [*parts, pickle.LONG_BINPUT, struct.pack("<I", place)]


def _sized(instruction: bytes, content: bytes) -> list[bytes]:
    if len(content) >= LIMIT:
        raise TypeError(f"{len(content)} bytes in one piece; at most {LIMIT - 1} can be written")
    return [instruction, struct.pack("<I", len(content)), content]


def _tensor(tensor: Tensor) -> Call:
    """The call that rebuilds a tensor, as PyTorch itself pickles it."""
    plain = tensor.detach().cpu().contiguous().clone()
    _, (storage, *_) = plain.__reduce_ex__(2)
    _, numbers = storage.__reduce__()
    shape, stride = tuple(plain.shape), tuple(plain.stride())
    return Call(TENSOR, (Call(NUMBERS, numbers), 0, shape, stride, False, OrderedDict()))
