"""Painted masks: PNG data URLs, and the cells of a layer's grid that they cover.

A mask is an array (H, W) float32 in [0, 1], 1 where painted. In a session it is a data URL of a
PNG: painted where it is white and opaque. Three steps lead to a layer::

    mask = decode_mask(url)                    # (H, W)
    area = cover(mask, (16, 16))               # (16, 16): the painted share of each cell
    top, left, bottom, right = painted_box(area)    # `memory.goals`; half-open

`compat_area` does the first two steps as the original code does them (`from_url` there): alpha
is dropped instead of composited, and the smoothing lets a mask reach into neighbouring cells.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_DATA_URL = re.compile(r"data:image/png;base64,", re.IGNORECASE)
_LARGEST = 8192 * 8192


def open_mask(url: str) -> Image.Image:
    """The picture in a PNG data URL.

    Raises:
        ValueError: no data URL, no base64, no PNG, a damaged PNG, or one of over 8192 x 8192.
    """
    start = _DATA_URL.match(url)
    if start is None:
        raise ValueError(
            f"is not an image ({url[:24]!r}...); a mask is a PNG, 'data:image/png;base64,...'"
        )
    try:
        content = base64.b64decode(url[start.end() :], validate=True)
    except (binascii.Error, ValueError) as problem:
        raise ValueError(f"is not an image: its base64 is damaged ({problem})") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content), formats=["PNG"])
            if picture.width * picture.height > _LARGEST:
                raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        reason = " ".join(str(problem).split()).split(" <")[0]
        raise ValueError(f"is not an image: its content is not a complete PNG ({reason})") from None
    return picture


def decode_mask(url: str) -> np.ndarray:
    """Data URL to a mask (H, W) float32 in [0, 1]: brightness times opacity.

    A picture without an alpha channel counts as opaque, so white on black is a mask as well.
    Raises `ValueError` as `open_mask` does.
    """
    picture = open_mask(url).convert("RGBA")
    ink = np.asarray(picture.convert("RGB").convert("L"), dtype=np.float32)
    alpha = np.asarray(picture.getchannel("A"), dtype=np.float32)
    return ink * alpha / (255.0 * 255.0)


def encode_mask(mask: np.ndarray) -> str:
    """Mask (H, W) in [0, 1] to the data URL of an RGBA PNG: white, with the mask as opacity.

    The same mask gives the same text. `decode_mask` returns it, rounded to 1/255.
    Raises `ValueError` for another shape or values outside [0, 1].
    """
    mask = np.asarray(mask, dtype=np.float64)
    if mask.ndim != 2 or not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
        raise ValueError(f"a mask is (H, W) with values in [0, 1], not {mask.shape}")
    alpha = np.rint(mask * 255).astype(np.uint8)
    pixels = np.repeat(np.where(alpha > 0, 255, 0).astype(np.uint8)[:, :, None], 4, axis=2)
    pixels[:, :, 3] = alpha
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode("ascii")


def cover(mask: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Painted share of each cell of a ``size`` = (rows, columns) grid over the mask: float32.

    Areas are exact, also where a cell's edge cuts a pixel. Shares below 1/255 are set to 0, so that
    the faint rim of a soft brush does not widen the box of a selection.
    """
    mask = np.asarray(mask, dtype=np.float64)
    rows, columns = (_shares(length, cells) for length, cells in zip(mask.shape, size, strict=True))
    area = rows @ mask @ columns.T
    return torch.from_numpy(np.where(area < 1 / 255, 0.0, np.minimum(area, 1.0)).astype(np.float32))


def compat_area(url: str, size: tuple[int, int]) -> Tensor:
    """Painted share of each cell as the original code computes it, in steps of 1/255.

    RGB without alpha, PIL's bilinear (triangle) resize, the red channel over 255. ``size`` =
    (rows, columns) is passed to PIL unchanged, although PIL expects (width, height).
    """
    picture = open_mask(url).convert("RGB").resize(size, Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(picture)[:, :, 0].astype(np.float32) / np.float32(255))


def _shares(length: int, cells: int) -> np.ndarray:
    """(cells, length): the share of each pixel in each cell along one axis; rows sum to 1."""
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(overlap, 0) * (cells / length)
