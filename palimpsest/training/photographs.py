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
        found: list[tuple[str, int, bool, np.ndarray]] = []
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if (place := _place(name)) is not None:
                        folder, number, smiling = place
                        found.append((folder, number, smiling, _decoded(archive.read(name), name)))
        except (zipfile.BadZipFile, OSError) as problem:
            raise ParameterError(f"{path}: not a readable zip archive ({problem})") from None
        if not found:
            raise ParameterError(
                f"{path}: holds no photographs; expected the folders {', '.join(FOLDERS)}"
            )
        found.sort(key=lambda one: one[:2])
        return cls(
            _chosen([one for one in found if one[1] % HELD_OUT]),
            _chosen([one for one in found if not one[1] % HELD_OUT]),
        )


def _place(name: str) -> tuple[str, int, bool] | None:
    """Folder, number and judgement of a file of the archive; None for any other file."""
    match = re.search(r"(?:^|/)([\w/]+)/(\d+)\.jpe?g$", name)
    if match is None:
        return None
    for folder, smiling in FOLDERS.items():
        if f"/{match[1]}".endswith(f"/{folder}"):
            return ("smiling" if smiling else "not_smiling"), int(match[2]), smiling
    return None


def _decoded(content: bytes, name: str) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as picture:
        pixels = np.asarray(picture.convert("L"))
    if pixels.shape != (SIDE, SIDE):
        raise ParameterError(f"{name}: {pixels.shape[1]} x {pixels.shape[0]} pixels, not 64 x 64")
    return pixels


def _chosen(found: list[tuple[str, int, bool, np.ndarray]]) -> PhotographSet:
    return PhotographSet(
        np.stack([pixels for *_, pixels in found]),
        np.array([smiling for _, _, smiling, _ in found]),
        tuple(f"{folder}/{number}" for folder, number, _, _ in found),
    )
