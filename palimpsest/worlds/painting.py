"""Anti-aliased drawing in unit coordinates: covers (the pixels of a shape) and a canvas.

x runs right and y down, both from 0 to 1 over the image, so a scene looks the same at every
resolution. A cover stores only the shape's bounding box, so that small shapes are painted fast.
Colours are RGB in 0..255, float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

FINE_GRID = 512  # the grid that polygons are sampled on, the same at every resolution
SUBPIXEL_BITS = 4


class Cover(NamedTuple):
    """The share of each pixel that a shape covers: `mask` (h, w) float32 in 0..1 with its
    corner."""

    top: int
    left: int
    mask: np.ndarray
    resolution: int

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the image that the mask lies on."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @property
    def ys(self) -> np.ndarray:
        """(h, 1) unit y of the pixel centres."""
        return centres(self.resolution)[self.window[0], None]

    @property
    def xs(self) -> np.ndarray:
        """(1, w) unit x of the pixel centres."""
        return centres(self.resolution)[None, self.window[1]]


@lru_cache(maxsize=8)
def centres(resolution: int) -> np.ndarray:
    """(R,) float32 unit coordinates of the pixel centres."""
    line = (np.arange(resolution, dtype=np.float32) + 0.5) / resolution
    line.flags.writeable = False
    return line


def _span(low: float, high: float, resolution: int) -> tuple[int, int]:
    """The pixels [first, last) that the unit interval touches, within the image."""
    first = min(max(int(np.floor(low * resolution)), 0), resolution)
    last = min(max(int(np.ceil(high * resolution)), first), resolution)
    return first, last


def _share(low: float, high: float, first: int, last: int, resolution: int) -> np.ndarray:
    """(last - first,) exact share of each pixel that lies in the unit interval."""
    edge = np.arange(first, last, dtype=np.float32)
    inside = np.minimum(edge + 1, high * resolution) - np.maximum(edge, low * resolution)
    return np.maximum(inside, 0, dtype=np.float32)


def box(resolution: int, left: float, top: float, right: float, bottom: float) -> Cover:
    """An upright rectangle, with exact coverage."""
    x0, x1 = _span(left, right, resolution)
    y0, y1 = _span(top, bottom, resolution)
    rows = _share(top, bottom, y0, y1, resolution)
    columns = _share(left, right, x0, x1, resolution)
    return Cover(y0, x0, rows[:, None] * columns[None, :], resolution)


def polygons(resolution: int, outlines: Sequence[np.ndarray]) -> Cover:
    """The union of polygons, each (N, 2) unit (x, y)."""
    low = np.min([outline.min(axis=0) for outline in outlines], axis=0)
    high = np.max([outline.max(axis=0) for outline in outlines], axis=0)
    x0, x1 = _span(low[0], high[0], resolution)
    y0, y1 = _span(low[1], high[1], resolution)
    if x1 == x0 or y1 == y0:
        return Cover(y0, x0, np.zeros((y1 - y0, x1 - x0), np.float32), resolution)
    factor = max(FINE_GRID // resolution, 4)
    fine = np.zeros(((y1 - y0) * factor, (x1 - x0) * factor), np.uint8)
    corner = np.array([x0, y0])
    for outline in outlines:
        # OpenCV counts coordinates from the centre of the first fine pixel.
        points = (outline * resolution - corner) * factor - 0.5
        fixed = np.rint(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(fine, [fixed], 255, cv2.LINE_8, SUBPIXEL_BITS)
    mask = cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return Cover(y0, x0, mask.astype(np.float32) * np.float32(1 / 255), resolution)


def polygon(resolution: int, outline: Sequence[Sequence[float]] | np.ndarray) -> Cover:
    """One polygon, (N, 2) unit (x, y)."""
    return polygons(resolution, [np.asarray(outline, dtype=np.float64)])


def ellipse(resolution: int, x: float, y: float, rx: float, ry: float) -> Cover:
    """An upright ellipse; its edge is a ramp one pixel wide."""
    x0, x1 = _span(x - rx, x + rx, resolution)
    y0, y1 = _span(y - ry, y + ry, resolution)
    line = centres(resolution)
    across = ((line[x0:x1] - np.float32(x)) / np.float32(rx)) ** 2
    down = ((line[y0:y1] - np.float32(y)) / np.float32(ry)) ** 2
    distance = np.sqrt(down[:, None] + across[None, :])
    ramp = (1 - distance) * np.float32(min(rx, ry) * resolution) + np.float32(0.5)
    return Cover(y0, x0, np.clip(ramp, 0, 1), resolution)


def glow(resolution: int, x: float, y: float, rx: float, ry: float) -> Cover:
    """A soft spot, (1 - r²)² within the ellipse: for shadows and highlights."""
    x0, x1 = _span(x - rx, x + rx, resolution)
    y0, y1 = _span(y - ry, y + ry, resolution)
    line = centres(resolution)
    across = ((line[x0:x1] - np.float32(x)) / np.float32(rx)) ** 2
    down = ((line[y0:y1] - np.float32(y)) / np.float32(ry)) ** 2
    return Cover(y0, x0, np.maximum(1 - down[:, None] - across[None, :], 0) ** 2, resolution)


def below(resolution: int, heights: np.ndarray) -> Cover:
    """Everything below the curve y = heights, (R,) unit y at the pixel columns."""
    y0, _ = _span(float(heights.min()), 1.0, resolution)
    rows = np.arange(y0, resolution, dtype=np.float32)[:, None]
    mask = np.clip(rows + 1 - heights[None, :].astype(np.float32) * resolution, 0, 1)
    return Cover(y0, 0, mask, resolution)


def arch(x: float, bottom: float, width: float, height: float) -> np.ndarray:
    """(N, 2) outline of a door or window with a round head."""
    turn = np.linspace(0, np.pi, 9)
    head = bottom - height + width / 2
    xs = np.concatenate([[x + width / 2], x + width / 2 * np.cos(turn), [x - width / 2]])
    ys = np.concatenate([[bottom], head - width / 2 * np.sin(turn), [bottom]])
    return np.stack([xs, ys], axis=1)


def colour(*rgb: float) -> np.ndarray:
    """An RGB colour, (3,) float32 in 0..255."""
    return np.array(rgb, np.float32)


def blend(anchors: Sequence[np.ndarray], position: float) -> np.ndarray:
    """Piecewise linear palette: position 0..1 runs through the anchors."""
    place = position * (len(anchors) - 1)
    first = min(int(place), len(anchors) - 2)
    share = np.float32(place - first)
    return anchors[first] * (1 - share) + anchors[first + 1] * share


def lines(coordinate: np.ndarray, period: float, depth: float, pixel: float) -> np.ndarray:
    """A factor near 1 that dips by `depth` in thin lines, one a `period`, first at 0.

    `pixel` is the width of a pixel in the coordinate's units. The lines are cos⁴ =
    3/8 + cos(2πx)/2 + cos(4πx)/8, each term averaged over the pixel, so that they fade rather than
    alias where they are finer than the pixels.
    """
    first = np.float32(0.5 * np.sinc(pixel / period))
    second = np.float32(0.125 * np.sinc(2 * pixel / period))
    wave = np.cos(np.float32(2 * np.pi / period) * coordinate)
    return 1 - np.float32(depth) * (0.375 + first * wave + second * (2 * wave * wave - 1))


def round_shade(across: np.ndarray, light: float) -> np.ndarray:
    """Brightness factor of an upright round body; across -1..1 over its width, light -1..1."""
    side = np.clip(across, -1, 1)
    facing = np.sqrt(1 - 0.92 * side * side)
    return np.float32(0.62) + np.float32(0.36) * facing + np.float32(0.34 * light) * side


@lru_cache(maxsize=16)
def soft_noise(resolution: int, seed: int, sx: float, sy: float) -> np.ndarray:
    """(R, R) float32 fixed smooth noise, unit variance; sx, sy: unit widths of its blobs.

    Made at 256 and averaged down, so that all resolutions share one pattern; read-only.
    """
    field = np.random.RandomState(seed).standard_normal((256, 256)).astype(np.float32)
    field = cv2.GaussianBlur(
        field, (0, 0), sx * 256, sigmaY=sy * 256, borderType=cv2.BORDER_REFLECT
    )
    field = cv2.resize(field / field.std(), (resolution, resolution), interpolation=cv2.INTER_AREA)
    field.flags.writeable = False
    return field


@lru_cache(maxsize=16)
def lettering(resolution: int, text: str, width: float, y: float, weight: float) -> np.ndarray:
    """(R, R) coverage of bold centred capitals: `width` and middle `y` in unit coordinates.

    `weight` is the stroke in unit coordinates. Read-only.
    """
    size = 1024
    font = cv2.FONT_HERSHEY_DUPLEX
    stroke = max(1, round(weight * size))
    (plain, _), _ = cv2.getTextSize(text, font, 10.0, 1)
    scale = 10.0 * (width * size - stroke) / plain
    (wide, high), _ = cv2.getTextSize(text, font, scale, 1)
    page = np.zeros((size, size), np.uint8)
    origin = (round((size - wide) / 2), round(y * size + high / 2))
    cv2.putText(page, text, origin, font, scale, 255, stroke, cv2.LINE_AA)
    page = cv2.resize(page, (resolution, resolution), interpolation=cv2.INTER_AREA)
    mask = page.astype(np.float32) / 255
    mask.flags.writeable = False
    return mask


class Canvas:
    """An image (R, R, 3) float32 0..255 with its labels (R, R) uint8, painted back to front."""

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution
        self.image = np.zeros((resolution, resolution, 3), np.float32)
        self.labels = np.zeros((resolution, resolution), np.uint8)

    def paint(
        self, cover: Cover, shade: np.ndarray, label: int | None = None, alpha: float = 1.0
    ) -> None:
        """Lay `shade`, (3,) or (h, w, 3), over the cover; the label goes where it covers half."""
        window = cover.window
        region = self.image[window]
        mask = cover.mask if alpha == 1.0 else cover.mask * np.float32(alpha)
        region += (shade - region) * mask[:, :, None]
        if label is not None:
            self.labels[window][cover.mask >= 0.5] = label

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture so far as uint8 image and labels."""
        return np.clip(np.rint(self.image), 0, 255).astype(np.uint8), self.labels
