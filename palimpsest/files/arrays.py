"""Files of named tensors, written atomically and checked when they are read.

save_arrays("layer6.safetensors", {"second_moment": moment}, {"layer": "6"})
arrays, metadata = load_arrays("layer6.safetensors")

Every file carries a checksum of its content, so that a single wrong bit is found, wherever it is
(`checksums`). No other module writes or reads this format. Files of version 1, which have no
checksum, still load. `.npz` files are those of `zipped_arrays`, which needs no PyTorch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from palimpsest.errors import PalimpsestError
from palimpsest.files.atomic import atomic_path
from palimpsest.files.checksums import Damaged, NewerFormat, document_of, entries_of
from palimpsest.files.zipped_arrays import existing

_DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}

_UNREADABLE = (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, OverflowError)


def save_arrays(
    target: str | os.PathLike[str],
    arrays: Mapping[str, torch.Tensor | np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named arrays and text metadata to a ``.safetensors`` file, atomically.

    The same arrays and metadata give the same bytes, in any order of the mappings. The file's own
    metadata is one JSON document (`checksums.document_of`), under the key ``palimpsest``.

    Raises:
        TypeError: a metadata value that is not a string, or an unsupported type of array.
    """
    tensors = {name: _as_tensor(array) for name, array in sorted(arrays.items())}
    for name, value in (metadata or {}).items():
        if not isinstance(value, str):
            raise TypeError(f"metadata {name!r} is {type(value).__name__}, not a string")
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPE_NAMES:
            raise TypeError(
                f"array {name!r} has type {tensor.dtype}, which safetensors does not support"
            )
    document = document_of(dict(metadata or {}), tensors)
    header: dict[str, object] = {"__metadata__": document}
    # widest elements first: keeps every array aligned to its element size
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    position = 0
    for name in order:
        tensor = tensors[name]
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [position, position + size],
        }
        position += size
    encoded = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    encoded += b" " * (-len(encoded) % 8)
    with atomic_path(target) as path, open(path, "wb") as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        for name in order:
            file.write(tensors[name].reshape(-1).view(torch.uint8).numpy().data)


def load_arrays(
    path: str | os.PathLike[str], error: type[PalimpsestError] = PalimpsestError
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read a ``.safetensors`` file: its arrays by name, and its metadata (empty if it has none).

    Raises:
        error: the file is missing, truncated, not a safetensors file, or not what was written
            (another checksum); `error` is the class to raise, such as `StatisticsError`.
    """
    with _opened(path, error) as file:
        arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
        return arrays, entries_of(dict(file.metadata() or {}), arrays)


def peek(
    path: str | os.PathLike[str], error: type[PalimpsestError] = PalimpsestError
) -> tuple[frozenset[str], dict[str, str]]:
    """Names of the arrays in a ``.safetensors`` file, and its metadata, without reading the arrays.

    For telling what a file is: its content is checked by `load_arrays`, not here. Raises as
    `load_arrays`.
    """
    with _opened(path, error) as file:
        return frozenset(file.keys()), entries_of(dict(file.metadata() or {}))


@contextmanager
def _opened(path: str | os.PathLike[str], error: type[PalimpsestError]) -> Iterator[safe_open]:
    """An open ``.safetensors`` file; what goes wrong while it is read is raised as ``error``."""
    path = existing(path, error)
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except Damaged as problem:
        raise error(f"{path}: damaged: {problem}; make or fetch it again") from problem
    except NewerFormat as problem:
        raise error(f"{path}: {problem}") from problem
    except _UNREADABLE as problem:
        raise error(_unreadable(path, problem)) from problem


def _unreadable(path: str | os.PathLike[str], problem: Exception) -> str:
    told = " ".join(str(problem).split())[:200]
    return f"{path}: damaged, or not a safetensors file ({told}); make or fetch it again"


def _as_tensor(array: torch.Tensor | np.ndarray) -> torch.Tensor:
    if isinstance(array, np.ndarray):
        array = torch.from_numpy(np.ascontiguousarray(array))
    return array.detach().cpu().contiguous()
