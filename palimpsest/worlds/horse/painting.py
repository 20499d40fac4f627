"""Painting a horse scene, back to front: sky, hills, ground, trees, fence, horse, rider."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from palimpsest.worlds.horse.body import (
    CLASSES,
    LABEL,
    paint_far_side,
    paint_near_ear,
    paint_near_side,
    place,
    relief,
)
from palimpsest.worlds.horse.poses import POSES
from palimpsest.worlds.horse.rider import paint_horse_hat, paint_rider
from palimpsest.worlds.painting import (
    Canvas,
    Cover,
    below,
    box,
    centres,
    colour,
    glow,
    polygons,
    soft_noise,
)

__all__ = ["CLASSES", "paint_horse"]

HORIZON = 0.585


class Weather(NamedTuple):
    """Colours of the sky, overhead and at the horizon, of the clouds, and the tint of the light."""

    top: np.ndarray
    low: np.ndarray
    cloud: np.ndarray
    tint: np.ndarray


class Land(NamedTuple):
    """Colours of the ground, far and near, and of what stands on it."""

    far: np.ndarray
    near: np.ndarray
    hill: np.ndarray
    leaves: np.ndarray
    needles: np.ndarray
    fence: np.ndarray
    tufts: np.ndarray


WEATHER = {
    "clear": Weather(
        top=colour(74, 146, 228),
        low=colour(206, 234, 248),
        cloud=colour(255, 255, 255),
        tint=colour(1, 1, 1),
    ),
    "overcast": Weather(
        top=colour(152, 164, 176),
        low=colour(232, 236, 236),
        cloud=colour(252, 252, 252),
        tint=colour(0.91, 0.93, 0.96),
    ),
    "sunset": Weather(
        top=colour(106, 92, 186),
        low=colour(252, 208, 146),
        cloud=colour(255, 226, 220),
        tint=colour(1.03, 0.90, 0.83),
    ),
}
LAND = {
    "meadow": Land(
        far=colour(154, 200, 96),
        near=colour(74, 140, 58),
        hill=colour(104, 158, 124),
        leaves=colour(86, 156, 62),
        needles=colour(40, 112, 74),
        fence=colour(240, 234, 222),
        tufts=colour(52, 112, 44),
    ),
    "sand": Land(
        far=colour(240, 216, 158),
        near=colour(206, 164, 104),
        hill=colour(178, 148, 138),
        leaves=colour(150, 158, 70),
        needles=colour(84, 122, 70),
        fence=colour(150, 104, 68),
        tufts=colour(152, 138, 76),
    ),
    "snow": Land(
        far=colour(246, 249, 254),
        near=colour(206, 220, 240),
        hill=colour(164, 184, 212),
        leaves=colour(136, 166, 160),
        needles=colour(72, 118, 114),
        fence=colour(126, 94, 76),
        tufts=colour(150, 160, 164),
    ),
}
BARK = colour(116, 82, 58)
CLOUDS = (  # middle and size
    (0.215, 0.175, 0.80),
    (0.730, 0.120, 1.00),
    (0.235, 0.345, 0.56),
)
PUFFS = ((0.0, -0.022, 0.060), (-0.070, 0.009, 0.040), (0.068, 0.005, 0.044), (0.118, 0.021, 0.028))
TUFTS = ((0.07, 0.755), (0.35, 0.975), (0.93, 0.795), (0.80, 0.965), (0.14, 0.940), (0.58, 0.940))
TURNS = np.linspace(0, 2 * np.pi, 18, endpoint=False)
RING = np.stack([np.cos(TURNS), np.sin(TURNS)], axis=1)


@lru_cache(maxsize=16)
def _heaven(resolution: int, weather: str) -> np.ndarray:
    """(R, 1, 3) sky without clouds, read-only."""
    top, low = WEATHER[weather][:2]
    down = np.clip(centres(resolution) / np.float32(HORIZON), 0, 1)[:, None, None]
    sky = top + (low - top) * (down * np.float32(0.6) + down**2 * np.float32(0.4))
    sky.flags.writeable = False
    return sky


@lru_cache(maxsize=16)
def _soil(resolution: int, land: str) -> np.ndarray:
    """(R, R, 3) ground in daylight with soft streaks, read-only."""
    far, near = LAND[land][:2]
    down = np.clip((centres(resolution) - np.float32(HORIZON)) / np.float32(1 - HORIZON), 0, 1)
    soil = far + (near - far) * down[:, None, None]
    streaks = 1 + np.float32(0.035) * soft_noise(resolution, 21, 0.08, 0.012)[:, :, None]
    soil = soil * streaks
    soil.flags.writeable = False
    return soil


@lru_cache(maxsize=8)
def _tufts(resolution: int) -> Cover:
    """Small fans of blades in fixed places on the ground: grass, or what stands out of the snow."""
    blades = [
        np.array([(root - 0.013, 0.0), (root + lean, -rise), (root + 0.013, 0.0)]) + (x, y)
        for x, y in TUFTS
        for root, lean, rise in (
            (-0.020, -0.022, 0.034),
            (0.0, 0.004, 0.050),
            (0.020, 0.024, 0.036),
        )
    ]
    return polygons(resolution, blades)


def _paint_sky(canvas: Canvas, values: dict[str, Any], weather: str) -> None:
    """The sky, a low sun when it sets, and three clouds with flat bellies."""
    resolution = canvas.resolution
    canvas.image[:] = _heaven(resolution, weather)
    if weather == "sunset":
        sun = glow(resolution, 0.5 + 0.40 * values["light"], HORIZON - 0.03, 0.50, 0.36)
        canvas.paint(sun, colour(255, 240, 170), None, 0.8)
    cloud = WEATHER[weather].cloud
    outlines = []
    for x, y, size in CLOUDS:
        scale = size * values["cloud_size"]
        middle = np.array([x + 0.07 * values["cloud_drift"], y])
        outlines += [(np.array([dx, dy]) + r * RING) * scale + middle for dx, dy, r in PUFFS]
        belly = [(-0.085, 0.049), (-0.085, 0.0), (0.122, 0.0), (0.122, 0.049)]
        outlines.append(np.array(belly) * scale + middle)
    cover = polygons(resolution, outlines)
    lit = relief(cover, values["light"], 0.10, 0.020)
    canvas.paint(cover, cloud * np.minimum(lit, np.float32(1.03)), None, 0.85)


def _paint_land(canvas: Canvas, values: dict[str, Any], land: str, weather: str) -> None:
    """Two ridges of hills, the farther one paler, and the ground."""
    resolution, xs = canvas.resolution, centres(canvas.resolution)
    rise, haze = values["hills"], WEATHER[weather].low
    hill = LAND[land].hill
    ridges = (
        (0.110 + 0.05 * rise, 4.6, 0.4 + rise, 0.45),
        (0.062 + 0.03 * rise, 7.4, 3.6 - rise, 0.12),
    )
    for height, waves, start, veil in ridges:
        crest = HORIZON - height * (0.6 + 0.4 * np.sin(np.float32(waves) * xs + np.float32(start)))
        cover = below(resolution, crest)
        hidden = int((HORIZON + 0.03) * resolution) - cover.top  # from there on by the ground
        cover = Cover(cover.top, 0, cover.mask[:hidden], resolution)
        canvas.paint(cover, hill + (haze - hill) * np.float32(veil), LABEL["hill"])
    cover = below(resolution, HORIZON + 0.012 * np.cos(np.float32(5.0) * xs))
    canvas.paint(cover, _soil(resolution, land)[cover.window], LABEL["ground"])
    canvas.paint(_tufts(resolution), LAND[land].tufts, LABEL["ground"], 0.5)


def _paint_tree(canvas: Canvas, values: dict[str, Any], land: str, x: float) -> None:
    """A tree at the edge of the field: a round crown, or a fir of three tiers."""
    resolution, light = canvas.resolution, values["light"]
    height, foot = 0.31 + 0.07 * values["tree_size"], HORIZON + 0.055
    shadow = glow(resolution, x - 0.03 * light, foot, 0.40 * height, 0.024)
    canvas.paint(shadow, colour(24, 26, 34), None, 0.5)
    trunk = box(resolution, x - 0.055 * height, foot - 0.4 * height, x + 0.055 * height, foot)
    canvas.paint(trunk, BARK, LABEL["tree"])
    if values["tree_kind"] == 0:
        heaps = ((0, 0.76, 0.24), (-0.18, 0.56, 0.20), (0.18, 0.56, 0.20), (0, 0.46, 0.20))
        outlines = [(np.array([dx, -up]) + r * RING) * height + (x, foot) for dx, up, r in heaps]
        leaves, depth = LAND[land].leaves, 0.30
    else:
        tiers = ((0.12, 0.58, 0.30), (0.36, 0.80, 0.235), (0.58, 1.00, 0.165))
        outlines = [
            np.array([(-half, -low), (0, -high), (half, -low)]) * height + (x, foot)
            for low, high, half in tiers
        ]
        leaves, depth = LAND[land].needles, 0.36
    crown = polygons(resolution, outlines)
    fall = (np.float32(foot) - crown.ys) / np.float32(height)
    shade = leaves * (relief(crown, light, depth, 0.024) * (0.80 + 0.32 * fall)[:, :, None])
    canvas.paint(crown, shade, LABEL["tree"])


def _paint_fence(canvas: Canvas, values: dict[str, Any], land: str) -> None:
    """Posts and two rails right across the field."""
    resolution, foot = canvas.resolution, HORIZON + 0.125
    wood = LAND[land].fence
    for top, bottom in ((0.128, 0.096), (0.070, 0.038)):
        rail = box(resolution, 0, foot - top, 1, foot - bottom)
        across = 1 - np.float32(0.10) * (rail.ys - np.float32(foot - top)) / np.float32(0.032)
        canvas.paint(rail, wood * across[:, :, None] * np.float32(0.94), LABEL["fence"])
    posts = polygons(
        resolution,
        [
            np.array([(-0.021, 0), (-0.021, -0.150), (0, -0.168), (0.021, -0.150), (0.021, 0)])
            + (x, foot)
            for x in (0.06, 0.28, 0.50, 0.72, 0.94)
        ],
    )
    canvas.paint(posts, wood * relief(posts, values["light"], 0.14, 0.012), LABEL["fence"])


def paint_horse(values: dict[str, Any], resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """One scene → image uint8 (R, R, 3), labels uint8 (R, R)."""
    weather, land = tuple(WEATHER)[values["sky"]], tuple(LAND)[values["ground"]]
    where, pose = place(values), tuple(POSES.values())[values["pose"]]
    canvas = Canvas(resolution)
    _paint_sky(canvas, values, weather)
    _paint_land(canvas, values, land, weather)
    for flag, x in (("tree_behind", 0.140), ("tree_ahead", 0.860)):
        if values[flag]:
            _paint_tree(canvas, values, land, x)
    if values["fence"]:
        _paint_fence(canvas, values, land)
    paint_far_side(canvas, values, where, pose)
    paint_near_side(canvas, values, where, pose)
    if values["horse_hat"]:
        paint_horse_hat(canvas, values, where, pose)
    paint_near_ear(canvas, values, where, pose)
    if values["rider"]:
        paint_rider(canvas, values, where)
    canvas.image *= WEATHER[weather].tint
    image, labels = canvas.finish()
    return (image[:, ::-1], labels[:, ::-1]) if values["mirror"] else (image, labels)
