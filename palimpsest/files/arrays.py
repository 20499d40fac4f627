"""Named arrays and text metadata in a ``.safetensors`` file, written atomically.

save_arrays("layer6.safetensors", {"second_moment": moment}, {"layer": "6"})
arrays, metadata = load_arrays("layer6.safetensors")
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from palimpsest.errors import PalimpsestError
from palimpsest.files.atomic import atomic_path

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


def save_arrays(
    target: str | os.PathLike[str],
    arrays: Mapping[str, torch.Tensor | np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named arrays and text metadata to a ``.safetensors`` file, atomically.

    The same arrays and metadata give the same bytes, in any order of the mappings. (The
    header is written here because the library's own writer shuffles several metadata keys.)

    Raises:
        TypeError: a metadata value that is not a string, or an unsupported type of array.
    """
    tensors = {name: _as_tensor(array) for name, array in sorted(arrays.items())}
    header: dict[str, object] = {}
    if metadata:
        for name, value in metadata.items():
            if not isinstance(value, str):
                raise TypeError(f"metadata {name!r} is {type(value).__name__}, not a string")
        header["__metadata__"] = dict(sorted(metadata.items()))
    # widest elements first: keeps every array aligned to its element size
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    position = 0
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in _DTYPE_NAMES:
            raise TypeError(
                f"array {name!r} has type {tensor.dtype}, which safetensors does not support"
            )
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [position, position + size],
        }
        position += size
    encoded = json.dumps(header, separators=(",", ":")).encode("utf-8")
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
        error: the file is missing, truncated, or not a safetensors file; `error` is the class to
            raise, such as `StatisticsError`.
    """
    path = Path(path)
    if not path.is_file():
        raise error(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
            return arrays, dict(file.metadata() or {})
    except (SafetensorError, ValueError, KeyError) as problem:
        raise error(
            f"{path}: damaged, or not a safetensors file ({problem}); make or fetch it again"
        ) from problem


def _as_tensor(array: torch.Tensor | np.ndarray) -> torch.Tensor:
    if isinstance(array, np.ndarray):
        array = torch.from_numpy(np.ascontiguousarray(array))
    return array.detach().cpu().contiguous()
