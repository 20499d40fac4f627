"""The kitchen's classes, and the shapes it is drawn with, in pixels of an image 128 wide.

Most things here never move, so `block`, `slab` and `outline` cache their covers, one for each
resolution.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from palimpsest.worlds.painting import (
    Canvas,
    Cover,
    box,
    centres,
    colour,
    ellipse,
    glow,
    polygon,
    round_shade,
)

CLASSES = (
    "wall",
    "tiles",
    "floor",
    "window",
    "reflection",
    "table",
    "cupboard",
    "stove",
    "fridge",
    "pot",
    "plant",
    "lamp",
    "chair",
)
LABEL = {name: index for index, name in enumerate(CLASSES)}

GRID = 128  # all numbers are pixels of an image this wide
FLOOR_TOP = 98.0
SHADOW = colour(34, 24, 26)


@lru_cache(maxsize=512)
def block(resolution: int, left: float, top: float, right: float, bottom: float) -> Cover:
    """An upright rectangle that never moves; read-only."""
    cover = box(resolution, left / GRID, top / GRID, right / GRID, bottom / GRID)
    cover.mask.flags.writeable = False
    return cover


def rounded(
    resolution: int, left: float, top: float, right: float, bottom: float, radius: float
) -> Cover:
    """An upright rectangle with round corners; its edge is a ramp one pixel wide."""
    edges = np.array([[left, right], [top, bottom]]) * (resolution / GRID)
    first = np.clip(np.floor(edges[:, 0] - 0.5), 0, resolution).astype(int)
    last = np.clip(np.ceil(edges[:, 1] + 0.5), 0, resolution).astype(int)
    reach = np.float32(radius * resolution / GRID)
    beyond = []
    for axis in (0, 1):
        line = centres(resolution)[first[axis] : last[axis]] * np.float32(resolution)
        middle, half = edges[axis].mean(), (edges[axis, 1] - edges[axis, 0]) / 2
        beyond.append(np.abs(line - np.float32(middle)) - np.float32(half) + reach)
    across, down = beyond[0][None, :], beyond[1][:, None]
    corner = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    distance = corner + np.minimum(np.maximum(across, down), 0) - reach
    return Cover(first[1], first[0], np.clip(0.5 - distance, 0, 1), resolution)


@lru_cache(maxsize=512)
def slab(
    resolution: int, left: float, top: float, right: float, bottom: float, radius: float
) -> Cover:
    """A round-cornered rectangle that never moves; read-only."""
    cover = rounded(resolution, left, top, right, bottom, radius)
    cover.mask.flags.writeable = False
    return cover


@lru_cache(maxsize=128)
def outline(resolution: int, points: tuple[tuple[float, float], ...]) -> Cover:
    """A polygon that never moves; read-only."""
    cover = polygon(resolution, np.array(points) / GRID)
    cover.mask.flags.writeable = False
    return cover


def disc(canvas: Canvas, x: float, y: float, rx: float, ry: float) -> Cover:
    """An upright ellipse."""
    return ellipse(canvas.resolution, x / GRID, y / GRID, rx / GRID, ry / GRID)


def shadow(canvas: Canvas, x: float, y: float, rx: float, ry: float, alpha: float) -> None:
    """A soft dark spot."""
    spot = glow(canvas.resolution, x / GRID, y / GRID, rx / GRID, ry / GRID)
    canvas.paint(spot, SHADOW, None, alpha)


def fall(cover: Cover, top: float, bottom: float) -> np.ndarray:
    """(h, 1) from 0 at the top to 1 at the bottom."""
    return np.clip((cover.ys * GRID - np.float32(top)) / np.float32(bottom - top), 0, 1)


def turned(cover: Cover, left: float, right: float, light: float = -0.35) -> np.ndarray:
    """(1, w) brightness of a round body between left and right, lit from the left."""
    across = (cover.xs * GRID - np.float32((left + right) / 2)) * np.float32(2 / (right - left))
    return round_shade(across, light)


def shaded(tone: np.ndarray, factor: np.ndarray, cover: Cover) -> np.ndarray:
    """(h, w, 3): a colour times a factor that may vary along rows, columns or both."""
    return tone * np.broadcast_to(factor, cover.mask.shape)[:, :, None]
