"""Files of named NumPy arrays (``.npz``), written atomically and checked when they are read.

save_zipped("fig09.npz", {"before": pictures})
arrays = load_zipped("fig09.npz")

A module of its own, without PyTorch, which takes a second to import: what draws a figure reads no
tensors.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from palimpsest.errors import PalimpsestError
from palimpsest.files.atomic import atomic_path
from palimpsest.files.checksums import Damaged, check_ending, write_ending

_UNREADABLE = (
    *(ValueError, KeyError, TypeError, RuntimeError, OverflowError, AttributeError),
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError),
)


def save_zipped(target: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to a compressed ``.npz`` file, atomically.

    The same arrays in the same order give the same bytes. The checksum is the comment of the zip
    archive, so any reader of ``.npz`` files reads it.
    """
    with atomic_path(target) as path:
        with open(path, "wb") as file:
            np.savez_compressed(file, **arrays)
        write_ending(path)


def load_zipped(
    path: str | os.PathLike[str], error: type[PalimpsestError] = PalimpsestError
) -> dict[str, np.ndarray]:
    """The arrays of a ``.npz`` file by name. Raises ``error`` for a file that is missing or
    damaged."""
    path = existing(path, error)
    try:
        check_ending(path)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Damaged as problem:
        raise error(f"{path}: damaged: {problem}; make it again") from problem
    except _UNREADABLE as problem:
        raise error(f"{path}: damaged, or not a .npz file ({problem}); make it again") from problem


def existing(path: str | os.PathLike[str], error: type[PalimpsestError]) -> Path:
    """``path`` of a file that is there. Raises ``error``."""
    path = Path(path)
    if not path.is_file():
        raise error(f"{path}: no such file")
    return path
