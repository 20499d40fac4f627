"""Photographs to train on and to measure with: one set, split once by name.

    photographs = Photographs.read("faces.zip")
    photographs.training.images            # uint8 (N, 64, 64); every eighth is held out
    photographs.held_out.smiling           # bool (M,)

The set is the SMILEs set of the public repository ``hromi/SMILEsmileD``: 13,165 grey photographs of
faces, 64 x 64, cropped from Labeled Faces in the Wild, each judged by a person as smiling or not.
Its photographs are not part of this project; whoever trains again fetches the set from there.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from os import PathLike

import numpy as np
from PIL import Image

from palimpsest.errors import ParameterError

FOLDERS = {
    "smiling": True,
    "not_smiling": False,
    "SMILEs/positives/positives7": True,
    "SMILEs/negatives/negatives7": False,
}
"""Folders of the archive, as it is repacked and as the repository has it, and what they say."""

HELD_OUT = 8
"""Photographs whose number is divisible by this are held out from all training."""

SIDE = 64


@dataclass(frozen=True)
class PhotographSet:
    """``images`` uint8 (N, 64, 64), grey; ``smiling`` bool (N,); ``names`` such as smiling/12."""

    images: np.ndarray
    smiling: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Photographs:
    """The two parts of the set: for training, and held out from everything that is trained."""

    training: PhotographSet
    held_out: PhotographSet

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Photographs:
        """The set from a zip archive, photographs ordered by folder and number.

        Raises `ParameterError` for a file that is no such archive, or a photograph that is not
        64 x 64.
        """
        files = photograph_files(path)
        return cls(
            _decoded([file for file in files if not file.is_held_out]),
            _decoded([file for file in files if file.is_held_out]),
        )


@dataclass(frozen=True)
class PhotographFile:
    """One photograph of an archive: its ``folder`` (a person's judgement), number and content."""

    folder: str
    number: int
    content: bytes

    @property
    def name(self) -> str:
        """Folder and number, such as smiling/12."""
        return f"{self.folder}/{self.number}"

    @property
    def is_held_out(self) -> bool:
        """Whether the photograph is held out from all training."""
        return self.number % HELD_OUT == 0


def photograph_files(path: str | PathLike[str]) -> list[PhotographFile]:
    """The photographs of a zip archive in either layout, ordered by folder and number.

    Raises `ParameterError` for a file that is no such archive.
    """
    found = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if (place := _place(name)) is not None:
                    found.append(PhotographFile(*place, archive.read(name)))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as problem:
        raise ParameterError(f"{path}: not a readable zip archive ({problem})") from None
    if not found:
        raise ParameterError(
            f"{path}: holds no photographs; expected the folders {', '.join(FOLDERS)}"
        )
    return sorted(found, key=lambda file: (file.folder, file.number))


def _place(name: str) -> tuple[str, int] | None:
    """Folder and number of a file of the archive; None for any other file."""
    match = re.search(r"(?:^|/)([\w/]+)/(\d+)\.jpe?g$", name)
    if match is None:
        return None
    for folder, smiling in FOLDERS.items():
        if f"/{match[1]}".endswith(f"/{folder}"):
            return ("smiling" if smiling else "not_smiling"), int(match[2])
    return None


def _decoded(files: list[PhotographFile]) -> PhotographSet:
    images = [_pixels(file) for file in files]
    return PhotographSet(
        np.stack(images) if images else np.empty((0, SIDE, SIDE), np.uint8),
        np.array([file.folder == "smiling" for file in files], bool),
        tuple(file.name for file in files),
    )


def _pixels(file: PhotographFile) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(file.content)) as picture:
            pixels = np.asarray(picture.convert("L"))
    except OSError as problem:
        raise ParameterError(f"{file.name}: not a readable photograph ({problem})") from None
    if pixels.shape != (SIDE, SIDE):
        raise ParameterError(
            f"{file.name}: {pixels.shape[1]} x {pixels.shape[0]} pixels, not 64 x 64"
        )
    return pixels
