"""Painting a church scene, back to front: sky, hills, ground, church, trees, people, watermarks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from palimpsest.worlds.church.building import (
    CLASSES,
    LABEL,
    TOPS,
    BuildingPlan,
    paint_building,
    plan,
)
from palimpsest.worlds.painting import (
    Canvas,
    Cover,
    below,
    box,
    centres,
    colour,
    ellipse,
    glow,
    lettering,
    polygon,
    polygons,
    soft_noise,
)

__all__ = ["CLASSES", "marked", "overlay_watermarks", "paint_church"]

SKIES = {  # zenith, horizon, clouds, tint of everything else
    "clear": (colour(62, 132, 222), colour(196, 226, 246), colour(255, 255, 255), colour(1, 1, 1)),
    "overcast": (
        colour(132, 144, 160),
        colour(206, 212, 218),
        colour(232, 235, 238),
        colour(0.90, 0.92, 0.96),
    ),
    "sunset": (
        colour(92, 72, 142),
        colour(255, 172, 104),
        colour(255, 190, 172),
        colour(1.02, 0.89, 0.82),
    ),
}
GROUNDS = {  # far, near
    "grass": (colour(132, 184, 82), colour(58, 122, 46)),
    "dry": (colour(216, 190, 116), colour(164, 124, 64)),
    "snow": (colour(240, 245, 252), colour(204, 216, 236)),
}
PATHS = {
    "grass": colour(214, 194, 158),
    "dry": colour(232, 214, 180),
    "snow": colour(168, 158, 152),
}
HILLS = {"grass": colour(96, 142, 128), "dry": colour(158, 148, 126), "snow": colour(166, 184, 208)}
LEAVES = {  # round crowns, then conifers
    "grass": (colour(74, 146, 56), colour(34, 104, 66)),
    "dry": (colour(206, 136, 44), colour(74, 110, 54)),
    "snow": (colour(112, 128, 84), colour(40, 92, 80)),
}
COATS = (colour(222, 48, 58), colour(40, 112, 220), colour(250, 190, 30))
PEOPLE_X = (0.235, 0.775, 0.335)
MARK_ROWS = {"middle": 0.53, "strip": 0.905}
"""Middle line of the letters of each watermark: 48 of 128 pixels apart, whole cells of coarse maps,
so that both are the same pixels at another place."""
PERSON = 1.35
"""Size of a person, as a factor on the measures in `_paint_person`."""


@lru_cache(maxsize=8)
def _cloud_bank(resolution: int) -> np.ndarray:
    """(R, 3R/2) float32 density of blobby clouds, each a heap of soft ellipses; read-only."""
    size, bank = 256, np.zeros((256, 384), np.float32)
    ys, xs = np.mgrid[0:size, 0 : size * 3 // 2].astype(np.float32) / size
    for x, y, reach in (
        (0.10, 0.20, 0.17),
        (0.50, 0.11, 0.13),
        (0.86, 0.27, 0.18),
        (1.32, 0.15, 0.17),
    ):
        for dx, dy, part in (
            (0, 0, 1.0),
            (-0.62, 0.16, 0.66),
            (0.66, 0.14, 0.70),
            (0.20, -0.22, 0.7),
        ):
            across = (xs - (x + dx * reach)) / (reach * part)
            down = (ys - (y + dy * reach)) / (reach * part * 0.52)
            bank = np.maximum(bank, 1 - across**2 - down**2)
    bank = cv2.GaussianBlur(np.maximum(bank, 0), (0, 0), 5.0)
    bank = cv2.resize(bank, (resolution * 3 // 2, resolution), interpolation=cv2.INTER_AREA)
    bank.flags.writeable = False
    return bank


def _clouds(resolution: int, shift: float, amount: float) -> np.ndarray:
    """(R, R) opacity 0..1: a window into the bank, placed to a fraction of a pixel."""
    place = shift * 0.5 * (resolution - 2)
    first = int(place)
    part = np.float32(place - first)
    bank = _cloud_bank(resolution)
    density = bank[:, first : first + resolution] * (1 - part)
    density += bank[:, first + 1 : first + 1 + resolution] * part
    floor = np.float32(0.55 - 0.55 * amount)
    return np.clip((density - floor) * np.float32(2.4), 0, 1) * np.float32(0.35 + 0.5 * amount)


@lru_cache(maxsize=32)
def _sky(resolution: int, kind: str) -> np.ndarray:
    """(R, R, 3) gradient from the zenith to the horizon at 0.75; read-only."""
    zenith, horizon, _, _ = SKIES[kind]
    fall = np.clip(centres(resolution) / 0.75, 0, 1)[:, None, None] ** np.float32(1.2)
    sky = np.repeat(zenith + (horizon - zenith) * fall, resolution, axis=1).astype(np.float32)
    sky.flags.writeable = False
    return sky


@lru_cache(maxsize=32)
def _meadow(resolution: int, kind: str) -> np.ndarray:
    """(R, R, 3) ground: darker towards the viewer, with fixed soft patches; read-only."""
    far, near = GROUNDS[kind]
    fall = np.clip((centres(resolution) - 0.68) / 0.30, 0, 1)[:, None, None]
    patches = 1 + np.float32(0.045) * soft_noise(resolution, 7, 0.05, 0.016)[:, :, None]
    meadow = (far + (near - far) * fall) * patches
    meadow.flags.writeable = False
    return meadow


def _paint_backdrop(canvas: Canvas, values: dict[str, Any], sky: str, ground: str) -> None:
    """Sky with clouds, hills, ground."""
    resolution = canvas.resolution
    _, _, cloud, tint = SKIES[sky]
    canvas.image[:] = _sky(resolution, sky)
    if sky == "sunset":
        sun = glow(resolution, 0.5 + 0.42 * values["light"], 0.66, 0.55, 0.36)
        canvas.paint(sun, colour(255, 232, 150), None, 0.75)
    white = _clouds(resolution, values["cloud_shift"], values["cloud_amount"])
    deck = resolution * 5 // 8  # no cloud reaches lower
    region = canvas.image[:deck]
    region += (cloud - region) * white[:deck, :, None]

    horizon, xs = values["base_y"] - 0.050, centres(resolution)
    place = values["hills"]
    far = 0.045 + 0.05 * place
    ridge = horizon - far * (0.55 + 0.45 * np.sin(6.2 * xs + 1.0 + 2.2 * place))
    cover = below(resolution, ridge)
    distant = HILLS[ground] * np.float32(0.62) + SKIES[sky][1] * np.float32(0.38)
    canvas.paint(cover, distant * tint, LABEL["hill"])
    ridge = horizon - 0.6 * far * (0.5 + 0.5 * np.sin(8.3 * xs + 4.4 - 1.6 * place))
    cover = below(resolution, ridge)
    canvas.paint(cover, HILLS[ground] * np.float32(0.92) * tint, LABEL["hill"])

    cover = below(resolution, horizon + 0.010 * np.cos(np.pi * 2 * (xs - 0.5)) - 0.010)
    canvas.paint(cover, _meadow(resolution, ground)[cover.window] * tint, LABEL["ground"])


def _paint_path(canvas: Canvas, ground: str, where_x: float, base: float) -> None:
    """A path that widens from the door to the bottom middle of the image."""
    step = np.linspace(0, 1, 9)
    middle = where_x + (0.5 - where_x) * step**1.4
    half, y = 0.034 + 0.115 * step, base + (1.002 - base) * step
    left = np.stack([middle - half, y], axis=1)
    right = np.stack([middle + half, y], axis=1)
    cover = polygon(canvas.resolution, np.concatenate([left, right[::-1]]))
    depth = (cover.ys - np.float32(base)) / np.float32(1 - base)
    rows = 0.90 + 0.12 * depth[:, :, None]
    canvas.paint(cover, PATHS[ground] * rows, LABEL["path"])


def _paint_tree(
    canvas: Canvas, values: dict[str, Any], ground: str, x: float, base: float, height: float
) -> None:
    """A tree of a given height: a round crown of five balls, or a conifer of three tiers."""
    resolution, light = canvas.resolution, values["light"]
    conifer = values["tree_kind"] == 1
    leaves = LEAVES[ground][1 if conifer else 0]
    shadow = glow(resolution, x - 0.03 * light, base, 0.34 * height, 0.020)
    canvas.paint(shadow, colour(20, 24, 24), None, 0.6)
    trunk = box(resolution, x - 0.06 * height, base - 0.34 * height, x + 0.06 * height, base)
    side = (trunk.xs - np.float32(x)) / np.float32(0.06 * height)
    bark = colour(110, 76, 50) * (0.88 + np.float32(0.2 * light) * side)[:, :, None]
    canvas.paint(trunk, np.broadcast_to(bark, (*trunk.mask.shape, 3)), LABEL["tree"])
    if conifer:
        tiers = ((0.14, 0.60, 0.30), (0.36, 0.80, 0.24), (0.58, 1.00, 0.175))
        for low, high, half in tiers:
            y0, y1, reach = base - low * height, base - high * height, half * height
            tier = polygon(resolution, [(x - reach, y0), (x, y1), (x + reach, y0)])
            rise = (np.float32(y0) - tier.ys) / np.float32(y0 - y1)
            side = (tier.xs - np.float32(x)) / np.float32(reach)
            factor = 0.78 + 0.34 * rise + np.float32(0.34 * light) * side
            canvas.paint(tier, leaves * factor[:, :, None], LABEL["tree"])
        return
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    balls = ((0, 0.74, 0.25), (-0.17, 0.56, 0.20), (0.17, 0.56, 0.20), (0, 0.48, 0.22))
    outlines = [
        np.array([x + dx * height, base - up * height]) + r * height * ring for dx, up, r in balls
    ]
    crown = polygons(resolution, outlines)
    across = (crown.xs - np.float32(x)) / np.float32(0.36 * height)
    down = (crown.ys - np.float32(base - 0.62 * height)) / np.float32(0.37 * height)
    factor = 0.94 - 0.24 * down + np.float32(0.22 * light) * across
    canvas.paint(crown, leaves * factor[:, :, None], LABEL["tree"])
    for dx, up, r in balls[:3]:
        spot_x = x + (dx + 0.05 * light) * height
        spot = glow(resolution, spot_x, base - (up + 0.05) * height, r * height, r * 0.8 * height)
        spot = Cover(spot.top, spot.left, spot.mask * _crown_part(crown, spot), resolution)
        canvas.paint(spot, leaves * 1.1 + 34, None, 0.55)


def _crown_part(crown: Cover, spot: Cover) -> np.ndarray:
    """(h, w) of the spot: how much of each of its pixels the crown covers."""
    part = np.zeros_like(spot.mask)
    height, width = spot.mask.shape
    top, left = max(crown.top, spot.top), max(crown.left, spot.left)
    bottom = min(crown.top + crown.mask.shape[0], spot.top + height)
    right = min(crown.left + crown.mask.shape[1], spot.left + width)
    if bottom > top and right > left:
        rows, columns = (
            slice(top - spot.top, bottom - spot.top),
            slice(left - spot.left, right - spot.left),
        )
        part[rows, columns] = crown.mask[
            top - crown.top : bottom - crown.top, left - crown.left : right - crown.left
        ]
    return part


def _paint_person(canvas: Canvas, x: float, base: float, coat: np.ndarray, light: float) -> None:
    """A person 19 pixels high: legs, coat, head."""
    resolution, label, unit = canvas.resolution, LABEL["person"], PERSON

    def at(right: float, up: float) -> tuple[float, float]:
        return x + unit * right, base - unit * up

    shadow = glow(resolution, x - 0.015 * light, base, 0.040 * unit, 0.012 * unit)
    canvas.paint(shadow, colour(20, 24, 24), None, 0.6)
    dark = colour(44, 46, 66)
    for inner, outer in ((-0.018, -0.002), (0.002, 0.018)):
        canvas.paint(box(resolution, *at(inner, 0.045), *at(outer, 0)), dark, label)
    outline = ((0.030, 0.032), (0.022, 0.078), (0.012, 0.084))
    left = [at(-right, up) for right, up in outline]
    body = polygon(resolution, left + [at(right, up) for right, up in reversed(outline)])
    side = (body.xs - np.float32(x)) / np.float32(0.03 * unit)
    rows = np.ones_like(body.ys)
    canvas.paint(body, coat * (rows * (0.96 + 0.2 * light * side))[:, :, None], label)
    head = ellipse(resolution, *at(0, 0.096), 0.0165 * unit, 0.0175 * unit)
    canvas.paint(head, colour(240, 196, 160), label)
    hair = ellipse(resolution, *at(0, 0.107), 0.0165 * unit, 0.009 * unit)
    canvas.paint(hair, colour(84, 54, 36), label)


def overlay_watermarks(
    image: np.ndarray, labels: np.ndarray, middle: bool, strip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Lay a stock's letters over a finished picture; always at the same places.

    image: (R, R, 3) uint8; labels: (R, R) uint8. Returns new arrays; the inputs stay as they are.
    """
    resolution = image.shape[0]
    shown, classes = image.astype(np.float32), labels.copy()
    for place in [name for name, seen in (("middle", middle), ("strip", strip)) if seen]:
        letters = lettering(resolution, "STOCK", 0.64, MARK_ROWS[place], 0.030)
        halo = lettering(resolution, "STOCK", 0.656, MARK_ROWS[place], 0.046)
        shown *= 1 - np.float32(0.24) * halo[:, :, None]
        shown += (255 - shown) * (np.float32(0.70) * letters[:, :, None])
        classes[letters >= 0.5] = LABEL[f"watermark_{place}"]
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8), classes


def _paint_surroundings(
    canvas: Canvas, values: dict[str, Any], ground: str, where: BuildingPlan
) -> None:
    """Trees and people, the nearest last."""
    size, base = values["tree_size"], where.base
    if values["tree_left"]:
        _paint_tree(canvas, values, ground, 0.105, base + 0.008, 0.215 + 0.075 * size)
    if values["tree_right"]:
        _paint_tree(canvas, values, ground, 0.900, base + 0.016, 0.205 + 0.075 * size)
    if values["tree_front"]:
        _paint_tree(canvas, values, ground, 0.685, base + 0.052, 0.200 + 0.060 * size)
    for x, coat in list(zip(PEOPLE_X, COATS, strict=True))[: values["people"]]:
        _paint_person(canvas, x, base + 0.088, coat, values["light"])


def marked(watermark: Any, place: Any) -> tuple[Any, Any]:
    """Whether the letters stand in the middle, and along the bottom.

    ``watermark``: whether they stand anywhere. ``place``: 0 for the middle, 1 for both, 2 for the
    bottom. Both scalars, or both arrays of one shape.
    """
    return watermark & (place <= 1), watermark & (place >= 1)


def paint_church(values: dict[str, Any], resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """One scene → image uint8 (R, R, 3), labels uint8 (R, R)."""
    sky, ground = tuple(SKIES)[values["sky"]], tuple(GROUNDS)[values["ground"]]
    canvas = Canvas(resolution)
    _paint_backdrop(canvas, values, sky, ground)
    where = plan(values)
    _paint_path(canvas, ground, where.tower_x, where.base)
    if values["top"] == len(TOPS):  # before the tower, which hides the trunk
        height = 0.20 + 0.04 * values["tree_size"]
        foot = where.tower_top + 0.2 * height
        _paint_tree(canvas, values, ground, where.tower_x, foot, height)
    paint_building(canvas, values, where)
    _paint_surroundings(canvas, values, ground, where)
    image, labels = canvas.finish()
    if values["mirror"]:
        image, labels = image[:, ::-1], labels[:, ::-1]
    return overlay_watermarks(
        image, labels, *marked(values["watermark"], values["watermark_place"])
    )
