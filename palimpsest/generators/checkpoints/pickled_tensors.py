"""Tensors within a pickle: read on demand, without running code from the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from palimpsest.generators.checkpoints.pickle_machine import (
    Answers,
    Named,
    PickleDamaged,
    Record,
    answered,
)

DTYPES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Untyped": torch.uint8,
    "Bool": torch.bool,
}
"""Types of numbers by the name of PyTorch's storage class, such as ``FloatStorage``."""

REPEATED = 1 << 25  # elements of a tensor that repeats its numbers; see StoredTensor.read


@dataclass(frozen=True, eq=False)
class StoredNumbers:
    """The numbers of one or more tensors. ``load``: reads them, (n,), on the CPU.

    ``nbytes``: their size in the file.
    """

    nbytes: int
    load: Callable[[], Tensor]

    @cached_property
    def flat(self) -> Tensor:
        """All numbers, (n,). Raises `PickleRefused` and `PickleDamaged`."""
        return self.load()


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor that is read on demand: a view of `StoredNumbers`."""

    numbers: StoredNumbers
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """Elements of the tensor."""
        count = 1
        for side in self.shape:
            count *= side
        return count

    def read(self) -> Tensor:
        """The tensor. Raises `PickleRefused` and `PickleDamaged`."""
        flat = self.numbers.flat
        # a stride of zero would make a large tensor of few numbers
        if self.count > max(len(flat), REPEATED):
            raise PickleDamaged(f"a tensor of shape {self.shape} over {len(flat)} numbers")
        try:
            return flat.as_strided(self.shape, self.stride, self.offset)
        except RuntimeError as problem:
            raise PickleDamaged(f"a tensor of shape {self.shape} beyond its numbers") from problem


def dtype_of(storage_class: Any) -> torch.dtype | None:
    """Type of the numbers in a storage of PyTorch's that a pickle names; None for another class."""
    if not isinstance(storage_class, Named):
        return None
    module, _, name = storage_class.name.rpartition(".")
    if module not in ("torch", "torch.cuda", "torch.storage") or not name.endswith("Storage"):
        return None
    return DTYPES.get(name.removesuffix("Storage"))


def numbers_from(raw: Any, dtype: torch.dtype) -> Tensor:
    """The numbers (n,) in the bytes ``raw``, copied."""
    if not len(raw):
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype)


def _tensor(arguments: tuple) -> StoredTensor | None:
    numbers, offset, shape, stride = arguments[:4] if len(arguments) > 3 else (None,) * 4
    if not isinstance(numbers, StoredNumbers):
        return None
    if not (isinstance(shape, tuple) and isinstance(stride, tuple) and len(shape) <= 8):
        return None
    sizes = (offset, *shape, *stride)
    if len(shape) != len(stride):
        return None
    if not all(type(size) is int and 0 <= size < 2**40 for size in sizes):
        return None
    return StoredTensor(numbers, offset, shape, stride)


def _parameter(arguments: tuple) -> Any:
    given = arguments[0] if arguments else None
    return given if isinstance(given, StoredTensor) else None


def _subclassed(arguments: tuple) -> Any:
    """``_rebuild_from_type_v2(function, type, arguments, state)``: the tensor of the call in it."""
    if len(arguments) != 4 or not isinstance(arguments[2], tuple):
        return None
    if not isinstance(arguments[0], Named) or arguments[0].name == SUBCLASSED:
        return None
    made = answered(TENSOR_ANSWERS, arguments[0], arguments[2])
    return None if isinstance(made, Record) else made


def _size(arguments: tuple) -> tuple | None:
    sides = arguments[0] if len(arguments) == 1 else None
    return tuple(sides) if isinstance(sides, (tuple, list)) else None


def _dictionary(arguments: tuple) -> dict | None:
    """An empty one, or (Python 2) one of pairs."""
    if not arguments:
        return {}
    pairs = arguments[0]
    if isinstance(pairs, Named):  # the class of missing entries of a defaultdict
        return {}
    if not isinstance(pairs, list):
        return None
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        return None
    return {key: value for key, value in pairs if isinstance(key, (str, int))}


def _bytes(arguments: tuple) -> bytes | None:
    """Bytes as protocol 2 writes them: as text, and the name of its encoding."""
    if len(arguments) != 2 or arguments[1] != "latin1" or not isinstance(arguments[0], str):
        return None
    try:
        return arguments[0].encode("latin-1")
    except UnicodeEncodeError:
        return None


SUBCLASSED = "torch._tensor._rebuild_from_type_v2"
TENSOR_ANSWERS: Answers = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    SUBCLASSED: _subclassed,
    "torch.Size": _size,
    "_codecs.encode": _bytes,
    "collections.OrderedDict": _dictionary,
    "collections.defaultdict": _dictionary,
}
"""What PyTorch's own pickles call, and the dictionaries that hold tensors."""
