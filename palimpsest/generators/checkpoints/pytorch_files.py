"""The files that ``torch.save`` writes: a zip archive, or (until 2020) pickles and then numbers.

    tree = read_zip(path)              # dicts, lists, text, numbers, `StoredTensor`, `Record`
    tree = read_old(path)

Everything is read as data by `pickle_machine`; PyTorch's own unpickler is not used. Numbers are
read on demand.
"""

from __future__ import annotations

import io
import mmap
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.generators.checkpoints.pickle_machine import (
    Answers,
    PickleDamaged,
    PickleRefused,
    read_one,
)
from palimpsest.generators.checkpoints.pickled_tensors import (
    TENSOR_ANSWERS,
    StoredNumbers,
    dtype_of,
    numbers_from,
)

OLD_MARK = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")  # the first number in an old file
UNPACKED_LIMIT = 16  # an archive may unpack to so many times its size


def is_old(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is of the older kind."""
    return head.startswith(b"\x80") and OLD_MARK in head[:24]


def read_zip(path: Path) -> Any:
    """The tree in the archive ``path``, whose checksums are verified.

    Raises `PickleRefused` and `PickleDamaged`, and `zipfile.BadZipFile` for a damaged archive.
    """
    archive = zipfile.ZipFile(path)
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > UNPACKED_LIMIT * path.stat().st_size:
        raise PickleDamaged("its parts are larger than the file can hold")
    if bad := archive.testzip():
        raise zipfile.BadZipFile(f"the checksum of its part {bad} is wrong")
    tree = next(name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl")
    folder = tree.removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") == b"big":
        raise PickleRefused("numbers in big-endian order")
    named = {entry.filename: entry for entry in entries}

    def read(entry: zipfile.ZipInfo, dtype: torch.dtype) -> Tensor:
        return numbers_from(archive.read(entry), dtype)

    def storage(reference: Any) -> StoredNumbers:
        key, dtype, count = _reference(reference)
        entry = named.get(f"{folder}data/{key}")
        if entry is None or entry.file_size != count * dtype.itemsize:
            raise PickleDamaged(f"the numbers {key[:40]!r} are missing or cut short")
        return StoredNumbers(entry.file_size, partial(read, entry, dtype))

    return read_one(io.BytesIO(archive.read(tree)), TENSOR_ANSWERS, storage)


def read_old(path: Path) -> Any:
    """The tree in the older file ``path``. Raises `PickleRefused` and `PickleDamaged`."""
    with open(path, "rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return _read_old(content, len(content))


def _read_old(content: Any, size: int) -> Any:
    """Four pickles (mark, version, machine, tree), that of the keys of storages, and these.

    ``size``: bytes of the file ``content``.
    """
    places: dict[str, int] = {}

    def read(key: str, dtype: torch.dtype, count: int) -> Tensor:
        content.seek(places[key])
        return numbers_from(content.read(count * dtype.itemsize), dtype)

    counts: dict[str, tuple[torch.dtype, int]] = {}

    def storage(reference: Any) -> Any:
        if isinstance(reference, tuple) and len(reference) > 1 and reference[0] == "module":
            return reference[1]  # the class of a module that was saved whole
        key, dtype, count = _reference(reference)
        if counts.setdefault(key, (dtype, count)) != (dtype, count):
            raise PickleDamaged(f"the numbers {key[:40]!r} are in it twice, and differ")
        return StoredNumbers(count * dtype.itemsize, partial(read, key, dtype, count))

    _, _, machine = (read_one(content, {}) for _ in range(3))
    if not (isinstance(machine, dict) and machine.get("little_endian", True) is True):
        raise PickleRefused("numbers in big-endian order")
    tree = read_one(content, TENSOR_ANSWERS, storage)
    keys = read_one(content, {})
    for key in keys if isinstance(keys, list) else []:
        if not (isinstance(key, str) and key in counts):
            raise PickleDamaged("numbers that belong to no tensor")
        dtype, count = counts[key]
        if int.from_bytes(content.read(8), "little") != count:
            raise PickleDamaged(f"the numbers {key[:40]!r} are cut short")
        places[key] = content.tell()
        if places[key] + count * dtype.itemsize > size:
            raise PickleDamaged(f"the numbers {key[:40]!r} are cut short")
        content.seek(places[key] + count * dtype.itemsize)
    if lacking := [key for key in counts if key not in places]:
        raise PickleDamaged(f"the numbers {lacking[0][:40]!r} are missing")
    return tree


def _reference(reference: Any) -> tuple[str, torch.dtype, int]:
    """Key, type and count of ('storage', class, key, device, count, view)."""
    if not (isinstance(reference, tuple) and len(reference) in (5, 6)):
        raise PickleRefused("a reference out of the file")
    kind, storage_class, key, _, count = reference[:5]
    dtype = dtype_of(storage_class)
    if kind != "storage" or not isinstance(key, str) or dtype is None:
        raise PickleRefused("a reference to other things than numbers")
    if type(count) is not int or not 0 <= count < 2**40 or (len(reference) > 5 and reference[5]):
        raise PickleDamaged("numbers of invalid size")
    return key, dtype, count


def _numbers(arguments: tuple) -> StoredNumbers | None:
    """Numbers that are pickled as the bytes of a file of the older kind."""
    raw = arguments[0] if arguments else None
    if not isinstance(raw, (bytes, bytearray)):
        return None

    def load() -> Tensor:
        if not is_old(raw[:64]):
            raise PickleRefused("numbers of a tensor that torch.save did not write")
        found = _read_old(io.BytesIO(raw), len(raw))
        if not isinstance(found, StoredNumbers):
            name = getattr(found, "name", type(found).__name__)
            raise PickleRefused(f"{name} in place of a tensor's numbers")
        return found.flat

    return StoredNumbers(len(raw), load)


PLAIN_ANSWERS: Answers = {**TENSOR_ANSWERS, "torch.storage._load_from_bytes": _numbers}
"""As `TENSOR_ANSWERS`, for tensors in a plain pickle."""


def read_plain(path: Path, answers: Answers = PLAIN_ANSWERS) -> Any:
    """The tree of the plain pickle ``path``. Raises `PickleRefused` and `PickleDamaged`."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # a memory map: a false length reads to the end of the file at most
        return read_one(content, answers)
