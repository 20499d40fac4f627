"""The kitchen's windows and their rule: the table mirrors each window.

A window fills a slot of 2 × 2 cells of the 8 × 8 grid over the picture, and its reflection the box
of the same columns below it, 20 of 128 pixels high. Both are sums over fixed layers i, with one
colour for each:

    window = Σ layer_i · colour_i        light on the table = Σ mirror(layer_i) · colour_i

where `mirror` turns a layer upside down, flattens it, blurs it and lets it fade. So the reflection
follows its window exactly, and neither touches a pixel outside its box.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from palimpsest.worlds.kitchen.shapes import LABEL
from palimpsest.worlds.painting import Canvas, blend, colour

Box = tuple[float, float, float, float]  # left, top, right, bottom in unit coordinates


class WindowPlace(NamedTuple):
    """Place of one window, and of its mirror image on the table."""

    slot: Box
    reflection: Box


# Multiples of 1/32, so that the boxes fall on whole pixels at every resolution.
PLACES = {
    "window_left": WindowPlace((0.25, 0.25, 0.50, 0.50), (0.25, 0.50, 0.50, 0.65625)),
    "window_right": WindowPlace((0.625, 0.25, 0.875, 0.50), (0.625, 0.50, 0.875, 0.65625)),
}

FINE = 256  # the layers are drawn on this grid: 8 fine pixels are one of 128
FRAME = colour(238, 232, 220)
GROOVE = colour(158, 150, 142)
NIGHT = colour(22, 28, 58)
GLOSS = 0.95  # share of a window's light that the table reflects at its far edge
FRAME_GLOSS = 0.40  # the frame's share of that: it is backlit
SEEN = 0.12  # a pixel of the table is labelled reflection where it reflects at least this share

# What is seen outside, by layer: zenith, horizon, clouds, far hills, near hills.
VIEWS = (
    np.stack(
        [
            colour(84, 152, 236),
            colour(208, 234, 252),
            colour(255, 255, 255),
            colour(122, 184, 140),
            colour(78, 150, 66),
        ]
    ),
    np.stack(
        [
            colour(148, 148, 212),
            colour(236, 222, 240),
            colour(248, 242, 252),
            colour(170, 184, 216),
            colour(238, 242, 250),
        ]
    ),
    np.stack(
        [
            colour(240, 150, 104),
            colour(255, 222, 150),
            colour(255, 200, 176),
            colour(190, 122, 104),
            colour(134, 98, 72),
        ]
    ),
)


def _panes() -> tuple[np.ndarray, np.ndarray]:
    """(FINE, FINE) masks of the glass and of the grooves where it meets the frame."""
    glass = np.zeros((FINE, FINE), np.float32)
    # 3 pixels of frame, bars of 2.5 pixels, a sill of 4 pixels
    for left, right in ((24, 118), (138, 232)):
        for top, bottom in ((24, 92), (112, 222)):
            glass[top:bottom, left:right] = 1
    groove = cv2.dilate(glass, np.ones((13, 13), np.uint8)) - glass
    groove[232:240] = 1  # the edge of the sill
    return glass, np.minimum(groove, 1)


def _fine_layers() -> np.ndarray:
    """(7, FINE, FINE) shares that add up to 1: five of the view, groove, frame."""
    glass, groove = _panes()
    line = (np.arange(FINE, dtype=np.float32) + 0.5) / FINE
    ys, xs = line[:, None], line[None, :]
    height = np.clip((ys - 0.08) / 0.62, 0, 1) * np.ones_like(xs)
    clouds = np.zeros((FINE, FINE), np.float32)
    for x, y, rx, ry in (
        (0.30, 0.27, 0.20, 0.075),
        (0.40, 0.21, 0.13, 0.09),
        (0.74, 0.46, 0.2, 0.07),
    ):
        clouds = np.maximum(clouds, 1 - ((xs - x) / rx) ** 2 - ((ys - y) / ry) ** 2)
    clouds = np.clip(clouds * 3, 0, 0.9)
    far = np.clip((ys - 0.60 - 0.055 * np.sin(7.0 * xs + 0.4)) * 64, 0, 1)
    near = np.clip((ys - 0.72 + 0.050 * np.sin(5.2 * xs + 1.0)) * 64, 0, 1)
    high = (1 - far) * (1 - near)
    sky = (1 - clouds) * high
    view = np.stack([sky * (1 - height), sky * height, clouds * high, far * (1 - near), near])
    frame = 1 - glass - groove
    return np.concatenate([view * glass, groove[None], frame[None]]).astype(np.float32)


def _shrink(layers: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(n, H, W) → (rows, columns, n) by averaging; read-only."""
    small = [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_AREA) for one in layers]
    stacked = np.stack(small, axis=2)
    stacked.flags.writeable = False
    return stacked


@lru_cache(maxsize=8)
def _window_layers(resolution: int) -> np.ndarray:
    """(R/4, R/4, 7): the window's layers over its slot."""
    return _shrink(_fine_layers(), resolution // 4, resolution // 4)


@lru_cache(maxsize=8)
def _reflection_layers(resolution: int) -> np.ndarray:
    """(5R/32, R/4, 7): the window's layers upside down, flattened, blurred, fading downwards."""
    rows = FINE * 5 // 8
    depth = (np.arange(rows, dtype=np.float32) + 0.5)[:, None] / rows
    fade = np.float32(GLOSS) * (1 - 0.55 * depth) * np.clip((1 - depth) / 0.24, 0, 1)
    weights = [1.0] * len(VIEWS[0]) + [FRAME_GLOSS] * 2
    mirrored = []
    for layer, weight in zip(_fine_layers(), weights, strict=True):
        flat = cv2.resize(layer[::-1], (FINE, rows), interpolation=cv2.INTER_AREA)
        # Dark outside the box, so that the sides are soft and nothing spills over.
        blurred = cv2.GaussianBlur(flat, (0, 0), 8.0, sigmaY=5.0, borderType=cv2.BORDER_CONSTANT)
        mirrored.append(blurred * fade * np.float32(weight))
    return _shrink(np.stack(mirrored), resolution * 5 // 32, resolution // 4)


def window_colours(brightness: float, view: float) -> np.ndarray:
    """(7, 3) colour of each layer: the view fades to night as it gets darker, the frame stays."""
    day = np.float32(brightness**0.85)
    outside = blend(VIEWS, view) * day + NIGHT * (1 - day)
    return np.concatenate([outside, GROOVE[None], FRAME[None]])


def _pixels(resolution: int, area: Box) -> tuple[slice, slice]:
    """The rows and columns of a box, which are whole pixels."""
    left, top, right, bottom = (round(edge * resolution) for edge in area)
    return slice(top, bottom), slice(left, right)


def paint_windows(canvas: Canvas, values: dict[str, Any]) -> None:
    """The windows that are present, and on the table their reflections. Painted last of all."""
    resolution = canvas.resolution
    for name, place in PLACES.items():
        if not values[name]:
            continue
        colours = window_colours(values[f"{name}_brightness"], values[f"{name}_view"])
        slot = _pixels(resolution, place.slot)
        canvas.image[slot] = _window_layers(resolution) @ colours
        canvas.labels[slot] = LABEL["window"]
        if values["reflective"]:
            mirror = _pixels(resolution, place.reflection)
            layers = _reflection_layers(resolution)
            light = layers @ (colours / 255)
            region = canvas.image[mirror]
            region += (255 - region) * light
            canvas.labels[mirror][layers.sum(axis=2) >= SEEN] = LABEL["reflection"]
