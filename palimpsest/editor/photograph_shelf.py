"""Photographs that were put into a generator, in the drafts folder.

    number = shelf.number_of(g.weights_sha256, request, above)
    shelf.keep(number, pixels, photograph)
    shelf.find(number)                  # the `InvertedPhotograph`, or None

Samples are numbered from 0; a photograph has a number below 0, made of all that it depends on. So
an address with this number always means the same picture, and no path comes from a page.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from palimpsest.editor.opened import Kept
from palimpsest.errors import EditError
from palimpsest.files.atomic import atomic_write_bytes

if TYPE_CHECKING:
    from palimpsest.photographs.files import InvertedPhotograph

DIGITS = 12
"""Hexadecimal digits of a number: it is exact in JavaScript."""

KEPT = 16
"""Photographs that are kept in memory."""


class PhotographShelf:
    """A folder with two files a photograph: the inverted one, and the pixels it was made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: Kept[int, InvertedPhotograph] = Kept(KEPT)

    @staticmethod
    def number_of(weights_sha256: str, request: Mapping[str, object], above: int) -> int:
        """The number of a photograph: below 0, the same for the same pixels and settings."""
        text = json.dumps([weights_sha256, request, above], sort_keys=True)
        digits = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
        return -1 - int(digits, 16)

    def keep(self, number: int, pixels: np.ndarray, photograph: InvertedPhotograph) -> None:
        """Store a photograph; ``pixels``: uint8 (R, R, 3)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, format="PNG")
        atomic_write_bytes(self._file(number, ".png"), content.getvalue())
        photograph.save(self._file(number, ".safetensors"))  # the last: now it is there
        self._known.hold(number, photograph)

    def find(self, number: int) -> InvertedPhotograph | None:
        """The photograph of a number; None if there is none that can be read."""
        from palimpsest.photographs.files import InvertedPhotograph

        found = self._known.find(number)
        if found is None and number < 0:
            with suppress(EditError):
                found = InvertedPhotograph.load(self._file(number, ".safetensors"))
                self._known.hold(number, found)
        return found

    def pixels(self, number: int) -> np.ndarray:
        """What was inverted, uint8 (R, R, 3). Raises `EditError` if it is not there."""
        try:
            with Image.open(self._file(number, ".png")) as picture:
                return np.asarray(picture.convert("RGB"))
        except (OSError, ValueError):
            raise EditError("this photograph is no longer there; drop it again") from None

    def forget_all_but(self, numbers: Collection[int]) -> None:
        """Delete the files of all other photographs."""
        kept = {self._file(number, "").name for number in numbers}
        for path in self.folder.glob("*"):
            if path.suffix in (".png", ".safetensors") and path.stem not in kept:
                with suppress(OSError):
                    path.unlink()

    def _file(self, number: int, suffix: str) -> Path:
        return self.folder / f"{-1 - number:0{DIGITS}x}{suffix}"
