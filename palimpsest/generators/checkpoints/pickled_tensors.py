"""Tensors within a plain pickle: read on demand, without running code from the file."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

OLD_PYTORCH_MARK = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")  # its first pickled number


class PickleRefused(Exception):
    """A pickle that contains more than data; the text names what."""


class PickleDamaged(Exception):
    """A pickle that is cut short or inconsistent; the text says where."""


@dataclass(frozen=True, eq=False)
class StoredNumbers:
    """The numbers of one or more tensors: a PyTorch file within the pickle."""

    raw: bytes

    @cached_property
    def flat(self) -> Tensor:
        """All numbers, (n,), on the CPU. Raises `PickleRefused` and `PickleDamaged`."""
        old = self.raw.startswith(b"\x80") and OLD_PYTORCH_MARK in self.raw[:64]
        if not (old or self.raw.startswith(b"PK\x03\x04")):
            raise PickleRefused("numbers of a tensor that torch.save did not write")
        try:
            storage = torch.load(io.BytesIO(self.raw), map_location="cpu", weights_only=True)
        except Exception as problem:  # a damaged pickle can fail in any way at all
            asked = blocked_global(str(problem))
            if asked:
                raise PickleRefused(f"{asked}, among the numbers of a tensor") from problem
            raise PickleDamaged("the numbers of a tensor are cut short or damaged") from problem
        if not isinstance(storage, torch.storage.TypedStorage):
            raise PickleRefused(f"a {type(storage).__name__} in place of a tensor's numbers")
        return torch.empty(0, dtype=storage.dtype).set_(storage)


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor that is read on demand: a view of `StoredNumbers`."""

    numbers: StoredNumbers
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def read(self) -> Tensor:
        """The tensor. Raises `PickleRefused` and `PickleDamaged`."""
        flat = self.numbers.flat
        count = 1
        for side in self.shape:
            count *= side
        if count > len(flat):  # a stride of zero would make a large tensor of few numbers
            raise PickleDamaged(f"a tensor of shape {self.shape} over {len(flat)} numbers")
        try:
            return flat.as_strided(self.shape, self.stride, self.offset)
        except RuntimeError as problem:
            raise PickleDamaged(f"a tensor of shape {self.shape} beyond its numbers") from problem


def blocked_global(problem: str) -> str | None:
    """The name that ``torch.load(weights_only=True)`` refused, from the text of its error."""
    found = re.search(r"GLOBAL ([\w.]+)", problem) or re.search(
        r"(?:Unsupported global|Trying to (?:call|instantiate)[^`]*)[: `]+([\w.]+)", problem
    )
    return found.group(1) if found else None
