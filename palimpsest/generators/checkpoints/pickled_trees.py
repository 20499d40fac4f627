"""The tensors in the tree of a pickle, under dotted names, each read when it is asked for.

    tensors = tensors_in(path, tree)               # names as in a state dict
    tensors["g_ema.conv1.conv.weight"]             # the tensor, read from the file now

Dictionaries, lists (by number) and objects (by attribute) are walked through. A module that was
saved whole has the names of its state dict. NumPy's arrays count as tensors. Other things are left
out, but for lists of numbers under the name of a mean latent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.mean_latent import MEAN_NAMES
from palimpsest.generators.checkpoints.pickle_machine import PickleDamaged, PickleRefused, Record
from palimpsest.generators.checkpoints.pickled_arrays import stored_array
from palimpsest.generators.checkpoints.pickled_tensors import StoredTensor

MODULE_PARTS = ("_parameters", "_buffers", "_modules")  # of a torch.nn.Module: not part of a name
DEEPEST = 40  # containers in containers, with the parts of modules among them
LONGEST = 200  # characters of a key
MOST = 1_000_000  # entries of all containers together
GROWTH, SLACK = 8, 1 << 29  # bytes that tensors may take: a multiple of the file, and some more


class StoredTensors(Mapping[str, Tensor]):
    """Tensors of a file by name. Reading one raises `CheckpointError` if it is not as it should be.

    ``size``: bytes of the file; tensors that together would take many times as many are refused.
    """

    def __init__(self, path: Path, stored: Mapping[str, Any], size: int) -> None:
        self._path, self._stored = path, dict(stored)
        self._read: dict[str, Tensor] = {}
        self._left = GROWTH * size + SLACK

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._read:
            stored = self._stored[name]
            try:
                self._read[name] = self._new(stored)
            except (PickleRefused, PickleDamaged) as problem:
                raise CheckpointError(f"{self._path}: tensor {name}: {problem}") from problem
        return self._read[name]

    def _new(self, stored: Any) -> Tensor:
        if isinstance(stored, Tensor):
            return stored
        self._left -= 8 * stored.count
        if self._left < 0:
            raise PickleDamaged("all tensors together are larger than the file can hold")
        return stored.read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, name: object) -> bool:
        return name in self._stored


def tensors_in(path: Path, tree: Any) -> StoredTensors:
    """The tensors in ``tree``. Raises `CheckpointError` for a tree without an end."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any, int]] = [("", tree, 0)]
    seen = 0
    while waiting:
        name, thing, depth = waiting.pop()
        if isinstance(thing, StoredTensor):
            found[name] = thing
        elif depth < DEEPEST:
            entries = _entries(thing)
            seen += len(entries)
            if seen > MOST:
                raise CheckpointError(f"{path}: holds more than {MOST} entries; no generator does")
            below = [
                (_joined(name, key), value, depth + 1)
                for key, value in entries
                if isinstance(value, CONTAINERS)
            ]
            waiting += reversed(below)
        if isinstance(thing, (list, Record)) and (numbers := _numbers(name, thing)) is not None:
            found[name] = numbers
    return StoredTensors(path, found, path.stat().st_size if path.is_file() else 0)


CONTAINERS = (dict, list, tuple, Record, StoredTensor)


def _entries(thing: Any) -> list[tuple[Any, Any]]:
    """What a container holds, by key, number or attribute."""
    if isinstance(thing, dict):
        return list(thing.items())
    if isinstance(thing, (list, tuple)):
        return list(enumerate(thing))
    if isinstance(thing, Record):
        state = thing.state if isinstance(thing.state, dict) else {}
        return [*thing.entries.items(), *enumerate(thing.items), *state.items()]
    return []


def _joined(name: str, key: Any) -> str:
    if key in MODULE_PARTS or not isinstance(key, (str, int)):
        return name
    text = "".join(one if one.isprintable() else "?" for one in str(key)[:LONGEST])
    return f"{name}.{text}" if name else text


def _numbers(name: str, thing: Any) -> Tensor | None:
    """An array of NumPy's as a tensor, or the list of numbers of a mean latent."""
    if isinstance(thing, Record):
        try:
            array = stored_array(thing)
        except PickleDamaged:  # an array of objects, which is not needed
            return None
        return (
            None if array is None else torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
        )
    return _listed(thing) if name.rpartition(".")[2] in MEAN_NAMES else None


def _listed(rows: list) -> Tensor | None:
    if len(rows) > 1 << 16:
        return None
    flat = [x for row in rows for x in (row if isinstance(row, list) else [row])]
    if not flat or len(flat) > 1 << 20 or not all(type(x) in (int, float) for x in flat):
        return None
    try:
        return torch.tensor(rows, dtype=torch.float64)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        return None
