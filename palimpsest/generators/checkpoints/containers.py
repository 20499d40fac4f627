"""Read the tensors of a weights file from any container, without running code from it.

The container is recognised by its first bytes: safetensors, a PyTorch file (zip or the older plain
pickle) read with ``weights_only=True``, or a pickle of NVIDIA's (`stylegan2_nvidia`). Any other
file, and any damaged file, raises one `CheckpointError`.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.files.arrays import load_arrays
from palimpsest.generators.checkpoints.pickled_tensors import OLD_PYTORCH_MARK, blocked_global
from palimpsest.generators.checkpoints.stylegan2_nvidia import NVIDIA_MARKS, read_nvidia

READABLE = (
    "readable are StyleGAN2 as {'g_ema', 'latent_avg'}, StyleGAN2 pickles of NVIDIA's PyTorch "
    "code, Progressive GAN (layerN.conv.weight ...) and this project's .safetensors"
)


@dataclass(frozen=True)
class Content:
    """Tensors of a file by name (``a.b`` for nested dictionaries), and its text metadata."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Content:
    """All tensors in the file ``path``. Raises `CheckpointError`."""
    if not path.exists():
        raise CheckpointError(f"{path}: no such file; give the path of a generator's weights")
    if not path.is_file():
        raise CheckpointError(f"{path}: not a file; give the path of a generator's weights")
    with open(path, "rb") as file:
        head = file.read(1 << 20)
    size = path.stat().st_size
    if not head:
        raise CheckpointError(f"{path}: an empty file; {READABLE}")
    if _looks_like_safetensors(head):
        _check_header(path, head, size)
        return Content(*load_arrays(path, CheckpointError))
    if head.startswith(b"\x80") and any(mark in head for mark in NVIDIA_MARKS):
        return Content(*read_nvidia(path, size, READABLE))
    if head.startswith(b"PK\x03\x04") or head.startswith(b"\x80"):
        return Content(_flatten(path, _torch_load(path, head)))
    raise CheckpointError(f"{path}: {_describe(head)}; {READABLE}")


def _looks_like_safetensors(head: bytes) -> bool:
    """Eight bytes of header length, then JSON."""
    return head[8:9] == b"{"


def _check_header(path: Path, head: bytes, size: int) -> None:
    """Refuse a header longer than the file before anything is read from the file."""
    length = int.from_bytes(head[:8], "little")
    if length > size - 8:
        raise CheckpointError(
            f"{path}: cut short, or its header is false: it states {length} bytes, but the file "
            f"has {size}; fetch or make it again"
        )


def _describe(head: bytes) -> str:
    start = head[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, not weights (a download that went wrong?)"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the weights themselves (run git lfs pull)"
    if head.startswith(b"\x89HDF\r\n"):
        return "an HDF5 file"
    return f"no weights file known here (it starts with {head[:8]!r})"


def _torch_load(path: Path, head: bytes) -> object:
    """The content of a PyTorch file: tensors and plain containers only."""
    if head.startswith(b"\x80") and OLD_PYTORCH_MARK not in head[:64]:
        raise CheckpointError(
            f"{path}: a Python pickle that torch.save did not write, refused because reading it "
            f"could run code from the file; {READABLE}"
        )
    with open(path, "rb") as file:  # given a path, torch.load looks at its suffix
        try:
            if head.startswith(b"PK"):
                _check_sums(file)
                file.seek(0)
            # The common StyleGAN2 trainer stores its command line beside the weights: plain data.
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as problem:  # a damaged pickle can fail in any way at all
            raise CheckpointError(f"{path}: {_why_not(str(problem))}") from problem


def _check_sums(file: BinaryIO) -> None:
    """Verify the checksums of the zip container, which PyTorch ignores."""
    with zipfile.ZipFile(file) as archive:
        bad = archive.testzip()
    if bad:
        raise zipfile.BadZipFile(f"the checksum of its part {bad} is wrong")


def _why_not(problem: str) -> str:
    """One line from the message of a failed `torch.load`."""
    blocked = blocked_global(problem)
    if blocked:
        return (
            f"refused: beside tensors the file refers to {blocked}, and reading that could "
            "run code from the file; save the state dict alone (torch.save({'g_ema': "
            "model.state_dict(), 'latent_avg': mean}, path))"
        )
    problem = problem.split("WeightsUnpickler error: ")[
        -1
    ]  # what precedes it is advice on torch.load
    reason = problem.strip().splitlines()[0][:160] if problem.strip() else "no reason given"
    return f"damaged, cut short or not a PyTorch weights file ({reason}); fetch or export it again"


def _flatten(path: Path, loaded: object) -> dict[str, Tensor]:
    """The tensors of nested dictionaries under dotted names; other entries are ignored."""
    if not isinstance(loaded, Mapping):
        raise CheckpointError(
            f"{path}: holds a {type(loaded).__name__}, not a dictionary of tensors; {READABLE}"
        )
    tensors: dict[str, Tensor] = {}
    waiting: list[tuple[str, Mapping]] = [("", loaded)]
    while waiting:
        prefix, mapping = waiting.pop()
        for key, value in mapping.items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}{key}"] = value
            elif isinstance(value, Mapping) and prefix.count(".") < 3:
                waiting.append((f"{prefix}{key}.", value))
    return tensors
