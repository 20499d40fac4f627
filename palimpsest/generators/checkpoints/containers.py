"""Read the tensors of a weights file from any container, without running code from it.

The container is recognised by its first bytes: safetensors, a PyTorch file (`pytorch_files`), a
pickle of NVIDIA's (`stylegan2_nvidia`) or any other pickle of tensors. Every other file, and any
damaged one, raises one `CheckpointError` that says what it is.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.files.arrays import load_arrays
from palimpsest.generators.checkpoints.file_kinds import (
    described_file,
    described_zip,
    is_torchscript,
)
from palimpsest.generators.checkpoints.pickle_machine import PickleDamaged, PickleRefused
from palimpsest.generators.checkpoints.pickled_trees import tensors_in
from palimpsest.generators.checkpoints.pytorch_files import is_old, read_old, read_zip
from palimpsest.generators.checkpoints.restricted_unpickler import read_pickle
from palimpsest.generators.checkpoints.stylegan2_nvidia import is_nvidia, read_nvidia

READABLE = (
    "readable are StyleGAN2, StyleGAN3 and Progressive GAN, as state dicts (.pt, .safetensors) and "
    "NVIDIA's pickles, and this project's .safetensors"
)


@dataclass(frozen=True)
class Content:
    """Tensors of a file by name (``a.b`` for nested dictionaries), and its text metadata.

    ``prefix``: what stands before these names in the file. ``names``: those in the file, where a
    layout has others. ``container``: words for a file that is not only tensors, for messages.
    """

    tensors: Mapping[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    container: str = ""

    def file_name(self, name: str) -> str:
        """The name in the file of a tensor."""
        if self.names and name not in self.names:
            return f"{name} (by the common port's name)"
        found = self.names.get(name, name)
        return found if found == "latent_avg" else self.prefix + found


def read_checkpoint(path: Path) -> Content:
    """All tensors in the file ``path``. Raises `CheckpointError`."""
    if path.is_dir():
        raise CheckpointError(f"{path}: not a file; {described_file(path, b'', READABLE)}")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; give the path of a generator's weights")
    with open(path, "rb") as file:
        head = file.read(1 << 20)
    size = path.stat().st_size
    if not head:
        raise CheckpointError(f"{path}: an empty file; {READABLE}")
    if _looks_like_safetensors(head):
        _check_header(path, head, size)
        arrays, metadata = load_arrays(path, CheckpointError)
        return Content({_one_line(name): array for name, array in arrays.items()}, metadata)
    if head.startswith((b"PK\x03\x04", b"\x80")):
        tree = _tree(path, head)
        if is_nvidia(tree):
            return Content(*read_nvidia(path, tree, size, READABLE))
        script = "a TorchScript archive with " if is_torchscript(path) else ""
        return Content(tensors_in(path, tree), container=script)
    raise CheckpointError(f"{path}: {described_file(path, head, READABLE)}")


def _one_line(name: str) -> str:
    """A tensor's name as it can stand in a message."""
    return "".join(one if one.isprintable() else "?" for one in name[:1000])


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


def _tree(path: Path, head: bytes) -> Any:
    """What the pickle in a PyTorch file or a plain pickle describes."""
    try:
        if head.startswith(b"PK"):
            if kind := described_zip(path, READABLE):
                raise CheckpointError(f"{path}: {kind}")
            return read_zip(path)
        return read_old(path) if is_old(head) else read_pickle(path)
    except PickleRefused as problem:
        raise CheckpointError(
            f"{path}: refused: a pickle with {problem}, which data does not need; {READABLE}"
        ) from problem
    except (PickleDamaged, zipfile.BadZipFile, OSError, NotImplementedError) as problem:
        reason = str(problem).strip().splitlines() or [type(problem).__name__]
        raise CheckpointError(
            f"{path}: damaged or cut short ({reason[0][:160]}); fetch or export it again"
        ) from problem
