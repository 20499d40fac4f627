"""Files that are either whole or not there: how every stage writes its results.

A writer gets a temporary path in the folder of its target. When it is done the file is flushed to
the disk and renamed over the target, which the file system does in one step: whatever happens in
between (an exception, a full disk, ``kill -9``), the target is the old file or the new one, never
half of either. Two runs at once each write a file of their own; the last one to finish stays::

    with atomic_path("results/tables/edits.csv") as path:
        table.to_csv(path)

    save_arrays("layer6.safetensors", {"second_moment": moment}, {"layer": "6"})
    arrays, metadata = load_arrays("layer6.safetensors")
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from palimpsest.errors import PalimpsestError

_MARK = "unfinished"

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


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `target` (same suffix) that becomes `target` on success.

    The folder of the target is made if it is missing. Nothing is left behind by an error, and what
    a killed process left behind for this target is cleared by the next one.

    Raises:
        FileNotFoundError: the writer left without having written the temporary file.
        OSError: the disk is full, or the folder cannot be written.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(target)
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=_own_prefix(target), suffix=target.suffix
    )
    os.close(handle)
    temporary = Path(name)
    temporary.unlink()  # some writers refuse an existing file; the name stays reserved by our pid
    try:
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"{target}: its writer ended without writing anything")
        _flush(temporary)
        os.replace(temporary, target)
        _flush(target.parent)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def atomic_write_bytes(target: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `target`, whole or not at all."""
    with atomic_path(target) as path:
        path.write_bytes(content)


def atomic_write_text(target: str | os.PathLike[str], text: str) -> None:
    """Write `text` (UTF-8, newlines as they are) to `target`, whole or not at all."""
    atomic_write_bytes(target, text.encode("utf-8"))


def save_arrays(
    target: str | os.PathLike[str],
    arrays: Mapping[str, torch.Tensor | np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named arrays and text metadata to a ``.safetensors`` file, atomically.

    The same arrays and metadata give the same bytes, whatever the order of the mappings. (The
    header is written here because the library's own writer shuffles the metadata.)

    Raises:
        TypeError: a metadata value that is no string, or an array of a type the format has not.
    """
    tensors = {name: _as_tensor(array) for name, array in sorted(arrays.items())}
    header: dict[str, object] = {}
    if metadata:
        for name, value in metadata.items():
            if not isinstance(value, str):
                raise TypeError(f"metadata {name!r} is {type(value).__name__}, not a string")
        header["__metadata__"] = dict(sorted(metadata.items()))
    # widest elements first keeps every array aligned to its own element size
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    position = 0
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in _DTYPE_NAMES:
            raise TypeError(f"array {name!r} has type {tensor.dtype}, which safetensors has not")
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
        error: the file is missing, cut short, or no safetensors file; `error` is the class the
            caller wants to see, such as `StatisticsError`.
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


def _own_prefix(target: Path) -> str:
    return f".{target.stem}.{_MARK}-{socket.gethostname()}-{os.getpid()}-"


def _clear_leftovers(target: Path) -> None:
    """Remove temporary files for `target` whose process, on this machine, is no more."""
    start = f".{target.stem}.{_MARK}-{socket.gethostname()}-"
    for entry in os.scandir(target.parent):
        if not (entry.name.startswith(start) and entry.name.endswith(target.suffix)):
            continue
        pid = entry.name[len(start) :].split("-", 1)[0]
        if pid.isdigit() and not _alive(int(pid)):
            with suppress(OSError):
                os.unlink(entry.path)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
