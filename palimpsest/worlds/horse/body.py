"""The horse itself: legs, trunk, head, mane and tail, painted in one of its poses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from palimpsest.worlds.horse.poses import (
    BLAZE,
    EAR,
    EYE_AND_NOSTRIL,
    FORELOCK,
    HALTER,
    HEAD,
    SHEET_FOOT,
    SHEET_MIDDLE,
    TAILS,
    Pose,
    turned,
)
from palimpsest.worlds.painting import Canvas, Cover, colour, ellipse, glow, polygon, polygons

CLASSES = (
    "sky",
    "hill",
    "ground",
    "tree",
    "fence",
    "tail",
    "horse_legs",
    "horse_body",
    "horse_head",
    "mane",
    "saddle",
    "rider",
    "hat",
)
LABEL = {name: index for index, name in enumerate(CLASSES)}

COATS = {  # body, lower legs, mane and tail
    "bay": (colour(166, 96, 52), colour(52, 40, 40), colour(56, 43, 45)),
    "black": (colour(82, 78, 92), colour(54, 51, 62), colour(40, 38, 48)),
    "grey": (colour(204, 206, 213), colour(146, 148, 162), colour(120, 122, 144)),
    "chestnut": (colour(206, 112, 50), colour(190, 100, 46), colour(255, 226, 158)),
}
HOOF = colour(62, 54, 52)
DARK = colour(30, 23, 26)
WHITE = colour(248, 244, 236)
LEATHER = colour(112, 44, 36)


@dataclass(frozen=True)
class Place:
    """Place of the horse in the scene, and the light that falls on it."""

    x: float
    foot: float
    size: float
    light: float

    def at(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) points of the sheet → unit coordinates of the scene."""
        return (points - (SHEET_MIDDLE, SHEET_FOOT)) * self.size + (self.x, self.foot)


def place(values: dict[str, Any]) -> Place:
    """Read the horse's place from a scene's values."""
    return Place(values["horse_x"], values["foot_y"], values["horse_size"], values["light"])


def relief(cover: Cover, light: float, depth: float, reach: float) -> np.ndarray:
    """(h, w, 1) brightness factor that makes a flat shape look round, lit from above.

    The normals are the slopes of the blurred cover: `reach` is the width of the blur in unit
    coordinates, `depth` how much an edge facing the light gains.
    """
    sigma = reach * cover.resolution
    margin = int(np.ceil(2.5 * sigma)) + 1
    flat = cv2.copyMakeBorder(cover.mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    soft = cv2.GaussianBlur(flat, (0, 0), sigma)[margin - 1 : 1 - margin, margin - 1 : 1 - margin]
    across, down = soft[1:-1, 2:] - soft[1:-1, :-2], soft[2:, 1:-1] - soft[:-2, 1:-1]
    # A straight edge has slope 1 / (sigma √(2π)); the differences span two pixels.
    gain = np.float32(1.25 * sigma * depth)
    return (1 + gain * (down - np.float32(0.55 * light) * across))[:, :, None]


def _coat(values: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Body, lower legs, and mane and tail, as light or dark as this horse is."""
    tone = np.float32(0.88 + 0.22 * values["coat_tone"])
    body, points, hair = COATS[tuple(COATS)[values["coat"]]]
    return body * tone, points * tone, hair * tone


def _ramp(coordinate: np.ndarray, edge: float, width: float) -> np.ndarray:
    """0 above the edge and 1 below it, rising over `width` in the middle of which the edge lies."""
    return np.clip((coordinate - np.float32(edge)) / np.float32(width) + np.float32(0.5), 0, 1)


def _paint_leg(
    canvas: Canvas, values: dict[str, Any], where: Place, outline: np.ndarray, dim: float
) -> None:
    """One leg: coat above, dark points or a white sock below, a hoof at the end."""
    outline = where.at(outline)
    cover = polygon(canvas.resolution, outline)
    body, points, _ = _coat(values)
    start, end = float(outline[:, 1].min()), float(outline[:, 1].max())
    pixel = 1 / canvas.resolution
    low = _ramp(cover.ys, end - 0.170 * where.size, 0.10 * where.size)[:, :, None]
    shade = body + (points - body) * low
    if values["socks"]:
        sock = _ramp(cover.ys, end - 0.098 * where.size, 2 * pixel)[:, :, None]
        shade = shade + (WHITE - shade) * sock
    hoof = _ramp(cover.ys, end - 0.034 * where.size, pixel)[:, :, None]
    shade = shade + (HOOF - shade) * hoof
    lit = relief(cover, where.light, 0.16, 0.014)
    # The leg's top fades into the trunk, which is shaded by its own light.
    mask = cover.mask * _ramp(cover.ys, start + 0.033 * where.size, 0.054 * where.size)
    cover = Cover(cover.top, cover.left, mask, canvas.resolution)
    canvas.paint(cover, shade * (lit * np.float32(dim)), LABEL["horse_legs"])


def _paint_trunk(canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose) -> None:
    """Back, belly, neck: round, with a sheen on haunch, ribs and shoulder."""
    cover = polygon(canvas.resolution, where.at(pose.trunk))
    body, _, _ = _coat(values)
    factor = relief(cover, where.light, 0.34, 0.034)[:, :, 0]
    spots = np.array([(0.275, 0.540), (0.440, 0.545), (0.645, 0.540)])
    for (x, y), strength in zip(where.at(spots), (0.16, 0.10, 0.14), strict=True):
        reach = np.float32(0.085 * where.size)
        across = (cover.xs - np.float32(x + 0.02 * where.light)) / reach
        down = (cover.ys - np.float32(y)) / reach
        factor = factor + np.float32(strength) * np.exp(-(across**2)) * np.exp(-(down**2))
    canvas.paint(cover, body * factor[:, :, None], LABEL["horse_body"])


def _paint_tail(canvas: Canvas, values: dict[str, Any], where: Place) -> None:
    """The tail hangs behind the haunch and swings from the dock."""
    outline = TAILS[tuple(TAILS)[values["tail"]]].copy()
    outline[:, 0] -= values["tail_swing"] * (outline[:, 1] - 0.50)
    cover = polygon(canvas.resolution, where.at(outline))
    _, _, hair = _coat(values)
    lit = relief(cover, where.light, 0.30, 0.018)
    canvas.paint(cover, hair * lit, LABEL["tail"])


def _mane_outline(pose: Pose, length: float) -> np.ndarray:
    """The crest, raised a little, and a wavy lower edge that falls down the near side."""
    part = np.linspace(0, 1, len(pose.crest))
    fall = length * (0.75 + 0.25 * np.sin(np.pi * part)) * (1 + 0.16 * np.cos(8 * np.pi * part))
    edge = pose.crest + fall[:, None] * np.array([0.30, 0.95])
    along = np.gradient(pose.crest, axis=0)
    outwards = np.stack([along[:, 1], -along[:, 0]], axis=1)
    outwards *= 0.018 / np.linalg.norm(outwards, axis=1, keepdims=True)
    return np.concatenate([pose.crest + outwards, edge[::-1]])


def _paint_mane(canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose) -> None:
    """The mane on the neck."""
    cover = polygon(canvas.resolution, where.at(_mane_outline(pose, values["mane_length"])))
    _, _, hair = _coat(values)
    lit = relief(cover, where.light, 0.26, 0.018)
    canvas.paint(cover, hair * lit, LABEL["mane"])


def on_head(where: Place, pose: Pose, points: np.ndarray) -> np.ndarray:
    """(N, 2) points about the poll → unit coordinates of the scene."""
    return where.at(turned(points, pose.head_turn) + pose.poll)


def _paint_ear(
    canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose, shift: float, dim: float
) -> None:
    """One ear; the far one stands a little further forward."""
    cover = polygon(canvas.resolution, on_head(where, pose, EAR + (shift, 0)))
    body, _, _ = _coat(values)
    lit = relief(cover, where.light, 0.20, 0.014) * np.float32(dim)
    canvas.paint(cover, body * lit, LABEL["horse_head"])


def paint_far_side(canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose) -> None:
    """The parts partly hidden by the trunk: the shadow, far legs, and the tail."""
    shadow = glow(
        canvas.resolution,
        where.x - 0.05 * where.light,
        where.foot - 0.006,
        0.40 * where.size,
        0.046,
    )
    canvas.paint(shadow, colour(24, 26, 34), None, 0.55)
    for outline in pose.far_legs:
        _paint_leg(canvas, values, where, outline, 0.70)
    _paint_tail(canvas, values, where)


def _paint_head(canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose) -> None:
    """The head with its far ear, the muzzle dark, a halter on it and perhaps a blaze."""
    resolution, label = canvas.resolution, LABEL["horse_head"]
    _paint_ear(canvas, values, where, pose, 0.026, 0.78)
    cover = polygon(resolution, on_head(where, pose, HEAD))
    body, points, _ = _coat(values)
    muzzle = on_head(where, pose, np.array([(0.150, 0.166)]))[0]
    away = np.hypot(cover.xs - np.float32(muzzle[0]), cover.ys - np.float32(muzzle[1]))
    dark = np.exp(-((away / np.float32(0.055 * where.size)) ** 2))[:, :, None]
    shade = body + (0.5 * (body + points) * np.float32(0.86) - body) * dark
    canvas.paint(cover, shade * relief(cover, where.light, 0.30, 0.022), label)
    if values["blaze"]:
        canvas.paint(polygon(resolution, on_head(where, pose, BLAZE)), WHITE, label)
    straps = [on_head(where, pose, strap) for strap in HALTER]
    canvas.paint(polygons(resolution, straps), LEATHER, label)
    for (x, y), width, alpha in zip(
        on_head(where, pose, EYE_AND_NOSTRIL), (0.0155, 0.0105), (1.0, 0.7), strict=True
    ):
        spot = ellipse(resolution, x, y, width * where.size, 1.06 * width * where.size)
        canvas.paint(spot, DARK, label, alpha)


def paint_near_side(canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose) -> None:
    """Trunk, near legs, head and mane; not the near ear, which is painted after a hat."""
    _paint_trunk(canvas, values, where, pose)
    for outline in pose.near_legs:
        _paint_leg(canvas, values, where, outline, 1.0)
    _paint_head(canvas, values, where, pose)
    _paint_mane(canvas, values, where, pose)
    lock = polygon(canvas.resolution, on_head(where, pose, FORELOCK))
    _, _, hair = _coat(values)
    canvas.paint(lock, hair, LABEL["mane"])


def paint_near_ear(canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose) -> None:
    """The ear that stands before a hat on the horse's head."""
    _paint_ear(canvas, values, where, pose, -0.004, 1.04)
