"""Drawn faces in place of photographs: a set of them, and an archive in either layout."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from palimpsest.training.photographs import PhotographSet

SIDE = 64
REPOSITORY = {
    "smiling": "SMILEsmileD-0123abc/SMILEs/positives/positives7",
    "not_smiling": "SMILEsmileD-0123abc/SMILEs/negatives/negatives7",
}


def drawn_face(number: int, smiling: bool) -> np.ndarray:
    """A grey face (64, 64) uint8; ``number`` sets its shades and place."""
    random = np.random.default_rng(number)
    dark, light, hair = random.integers(20, 90), random.integers(140, 220), random.integers(0, 60)
    x, y = random.integers(-3, 4, 2)
    picture = Image.new("L", (SIDE, SIDE), int(random.integers(60, 200)))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((10 + x, 2 + y, 54 + x, 62 + y), fill=int(hair))
    pen.ellipse((13 + x, 10 + y, 51 + x, 62 + y), fill=int(light))
    for eye in (24, 40):
        pen.ellipse((eye - 4 + x, 25 + y, eye + 4 + x, 30 + y), fill=int(dark))
    pen.line((32 + x, 30 + y, 30 + x, 40 + y), fill=int(dark))
    if smiling:
        pen.chord((22 + x, 40 + y, 42 + x, 54 + y), 0, 180, fill=255, outline=int(dark))
    else:
        pen.line((26 + x, 48 + y, 38 + x, 48 + y), fill=int(dark), width=2)
    return np.asarray(picture)


def drawn_set(count: int, first: int = 1) -> PhotographSet:
    """A smiling and a serious face of each of ``count`` numbers from ``first`` on."""
    kinds = [(number, smiling) for number in range(first, first + count) for smiling in (1, 0)]
    return PhotographSet(
        np.stack([drawn_face(number, bool(smiling)) for number, smiling in kinds]),
        np.array([smiling for _, smiling in kinds], bool),
        tuple(f"{'smiling' if smiling else 'not_smiling'}/{number}" for number, smiling in kinds),
    )


def drawn_archive(
    path: Path, numbers: Iterable[int], folders: dict[str, str] | None = None
) -> Path:
    """A zip archive with a smiling and a serious face of each number.

    ``folders``: where the archive keeps either kind; `REPOSITORY` for the repository's own layout.
    """
    folders = folders or {name: name for name in REPOSITORY}
    with zipfile.ZipFile(path, "w") as archive:
        for number in numbers:
            for kind, folder in folders.items():
                content = io.BytesIO()
                Image.fromarray(drawn_face(number, kind == "smiling")).save(content, "JPEG")
                archive.writestr(f"{folder}/{number}.jpg", content.getvalue())
    return path
