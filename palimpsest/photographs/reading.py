"""Photographs from picture files: square crops of a generator's size.

    pixels = read_photograph("me.jpg", 64)         # uint8 (64, 64, 3)
    picture = picture_in(content, "me.jpg")        # of a file's content
    as_images([pixels])                            # float32 (1, 3, 64, 64) in [-1, 1]

A picture is read as a viewer shows it: turned by its EXIF entry, the first frame of an animation,
transparency over a neutral grey, sixteen bits scaled to eight, any colour space as RGB.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.pictures import as_input

LARGEST = 100_000_000
"""Pixels of the largest picture that is read; a phone's has some 50 million at most."""

SMALLEST = 16
"""Pixels of the shortest side that can hold a face at all."""

NEUTRAL = (128, 128, 128)
"""Ground under transparent pixels."""


@dataclass(frozen=True)
class Box:
    """A square of a picture: ``left`` and ``top`` corner and ``size``, in pixels of the picture."""

    left: int
    top: int
    size: int

    @classmethod
    def parse(cls, text: str) -> Box:
        """``left,top,size``. Raises `ParameterError` for any other text."""
        try:
            left, top, size = (int(part) for part in text.split(","))
        except ValueError:
            raise ParameterError(
                f"box {text!r} is not left,top,size in pixels, such as 120,80,400"
            ) from None
        return cls(left, top, size)

    @classmethod
    def central(cls, width: int, height: int) -> Box:
        """The largest square in the middle of a picture."""
        size = min(width, height)
        return cls((width - size) // 2, (height - size) // 2, size)

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.size}"


def read_picture(path: str | PathLike[str]) -> Image.Image:
    """The picture in the file ``path`` as a viewer shows it, 8-bit RGB.

    Raises `ParameterError` for a file that is missing, no picture, damaged or truncated, smaller
    than 16 pixels along a side, or larger than 100 million pixels.
    """
    return _read(path, path)


def picture_in(content: bytes, name: str) -> Image.Image:
    """The picture in the ``content`` of a file called ``name``; see `read_picture`."""
    return _read(io.BytesIO(content), name)


def _read(source: str | PathLike[str] | io.BytesIO, path: str | PathLike[str]) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # this module's own limit is stricter
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source) as file:
                _check_size(path, *file.size)
                file.seek(0)
                file.load()
                return _as_rgb(ImageOps.exif_transpose(file))
    except Image.DecompressionBombError:
        raise ParameterError(f"{path}: {_TOO_LARGE}") from None
    except FileNotFoundError:
        raise ParameterError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ParameterError(f"{path}: a folder, not a picture") from None
    except UnidentifiedImageError:
        raise ParameterError(
            f"{path}: not a picture in a known format; export it as JPEG or PNG"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError) as problem:
        raise ParameterError(f"{path}: a damaged or truncated picture ({problem})") from None


def read_photograph(path: str | PathLike[str], side: int, box: Box | None = None) -> np.ndarray:
    """The square ``box`` of the picture in ``path``, uint8 (side, side, 3).

    ``box``: None for the largest square in the middle. Raises as `read_picture` and `cropped`.
    """
    return cropped(read_picture(path), side, box)


def cropped(picture: Image.Image, side: int, box: Box | None = None) -> np.ndarray:
    """The square ``box`` of ``picture``, reduced or enlarged to uint8 (side, side, 3).

    Raises `ParameterError` for a box that is not inside the picture, or is under 16 pixels.
    """
    box = box or Box.central(*picture.size)
    right, bottom = box.left + box.size, box.top + box.size
    if box.left < 0 or box.top < 0 or right > picture.width or bottom > picture.height:
        raise ParameterError(
            f"box {box} is not inside the picture of {picture.width} x {picture.height} pixels"
        )
    if box.size < SMALLEST:
        raise ParameterError(f"box {box} is under {SMALLEST} pixels wide")
    edges = (box.left, box.top, right, bottom)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS, box=edges))


def as_images(pictures: Sequence[np.ndarray] | np.ndarray) -> Tensor:
    """uint8 pictures (side, side, 3), as float32 (B, 3, side, side) in [-1, 1]."""
    return as_input(np.stack(list(pictures)))


_TOO_LARGE = f"more than {LARGEST // 1_000_000} million pixels; reduce it first"


def _check_size(path: object, width: int, height: int) -> None:
    if width * height > LARGEST:
        raise ParameterError(f"{path}: {width} x {height} pixels, {_TOO_LARGE}")
    if min(width, height) < SMALLEST:
        raise ParameterError(
            f"{path}: {width} x {height} pixels; a face needs at least {SMALLEST} along each side"
        )


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return Image.fromarray(_eight_bits(np.asarray(picture, dtype=np.float64))).convert("RGB")
    if picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, (*NEUTRAL, 255))
        return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Grey of more than eight bits scaled to uint8; a narrower range is not stretched."""
    highest = values.max(initial=0.0)
    full = 1.0 if highest <= 1 else 255.0 if highest <= 255 else 65535.0
    return (values / full * 255).clip(0, 255).round().astype(np.uint8)
