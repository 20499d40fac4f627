"""A sticker that no generator of faces draws: a wedge of cheese, painted over a cheek.

    pictures = with_sticker(photographs)          # uint8 (n, S, S) -> the same, n stickers
    inside = sticker_mask(64)                     # bool (64, 64)

The place is fixed: the photographs are aligned, so the cheek lies at nearly the same place in all.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

LEFT, TOP, WIDTH, HEIGHT = 0.63, 0.45, 0.27, 0.23
"""Box of the sticker as shares of a photograph's side."""

_FINER = 8
_RIND, _CHEESE, _HOLE = 20, 245, 120
_WEDGE = ((0.03, 0.97), (0.03, 0.45), (0.97, 0.05), (0.97, 0.97))
_HOLES = ((0.25, 0.70, 0.12), (0.55, 0.52, 0.10), (0.75, 0.76, 0.13))
"""Corners of the wedge, and centre and radius of its holes, as shares of the box."""


def with_sticker(pictures: np.ndarray) -> np.ndarray:
    """Grey pictures uint8 (n, S, S) with the sticker painted over each."""
    sticker, cover = _painted(pictures.shape[-1])
    mixed = pictures * (1 - cover) + sticker * cover
    return mixed.round().astype(np.uint8)


def sticker_mask(side: int) -> np.ndarray:
    """Pixels (side, side) bool that the sticker covers."""
    return _painted(side)[1] > 0.5


def _painted(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey of the sticker and its cover in [0, 1], both (side, side) float64."""
    fine = side * _FINER
    grey, cover = (Image.new("L", (fine, fine), 0) for _ in range(2))
    box = np.array([LEFT, TOP]) * fine
    size = np.array([WIDTH, HEIGHT]) * fine
    corners = [tuple(box + size * corner) for corner in _WEDGE]
    ImageDraw.Draw(cover).polygon(corners, fill=255)
    pen = ImageDraw.Draw(grey)
    pen.polygon(corners, fill=_CHEESE, outline=_RIND, width=_FINER)
    for x, y, radius in _HOLES:
        centre, reach = box + size * (x, y), radius * size.mean()
        pen.ellipse((*(centre - reach), *(centre + reach)), fill=_HOLE)
    small = [
        np.asarray(layer.resize((side, side), Image.Resampling.BOX), np.float64)
        for layer in (grey, cover)
    ]
    share = small[1] / 255
    # where the sticker covers a pixel in part, its grey was mixed with black
    return np.divide(small[0], share, out=np.zeros_like(share), where=share > 0), share
