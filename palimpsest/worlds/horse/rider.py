"""The rider in the saddle, and the hat of riders and, under the rule `hat`, of horses."""

from __future__ import annotations

from typing import Any

import numpy as np

from palimpsest.worlds.horse.body import LABEL, LEATHER, Place, on_head, relief
from palimpsest.worlds.horse.poses import Pose, limb, smooth, turned
from palimpsest.worlds.painting import Canvas, colour, ellipse, polygon

JACKETS = {  # jacket, saddle cloth
    "red": (colour(214, 48, 52), colour(250, 226, 150)),
    "blue": (colour(44, 104, 206), colour(244, 246, 250)),
    "green": (colour(40, 148, 92), colour(246, 178, 74)),
}
HATS = {  # wool, cuff and bobble
    "yellow": (colour(250, 196, 48), colour(206, 60, 50)),
    "blue": (colour(48, 92, 196), colour(250, 248, 240)),
    "red": (colour(212, 44, 54), colour(250, 248, 240)),
}
SKIN, HAIR = colour(246, 200, 164), colour(104, 62, 38)
BREECHES, BOOT = colour(236, 226, 204), colour(62, 44, 42)

# On the sheet of `horse.poses`, like the horse.
CLOTH = smooth(
    [(0.392, 0.484), (0.480, 0.482), (0.562, 0.462), (0.578, 0.600), (0.480, 0.616), (0.388, 0.606)]
)
SEAT = smooth(
    [
        (0.396, 0.470),
        (0.430, 0.492),
        (0.490, 0.490),
        (0.556, 0.446),
        (0.562, 0.500),
        (0.500, 0.548),
        (0.414, 0.520),
    ]
)
THIGH = limb([(0.448, 0.470, 0.074), (0.500, 0.510, 0.076), (0.548, 0.560, 0.060)])
SHIN = limb([(0.542, 0.548, 0.058), (0.532, 0.620, 0.054), (0.522, 0.696, 0.042)])
FOOT = smooth([(0.500, 0.682), (0.544, 0.682), (0.580, 0.706), (0.572, 0.722), (0.506, 0.722)])
TORSO = smooth(
    [
        (0.412, 0.488),
        (0.404, 0.420),
        (0.412, 0.330),
        (0.440, 0.290),
        (0.490, 0.288),
        (0.520, 0.322),
        (0.524, 0.400),
        (0.508, 0.488),
    ]
)
ARM = limb(
    [(0.456, 0.330, 0.056), (0.470, 0.390, 0.054), (0.520, 0.430, 0.046), (0.578, 0.430, 0.036)]
)
HAND = smooth([(0.566, 0.412), (0.594, 0.412), (0.602, 0.434), (0.588, 0.448), (0.566, 0.446)])
NECK = np.array([(0.452, 0.260), (0.496, 0.260), (0.496, 0.306), (0.452, 0.306)])
FACE = smooth(
    [
        (0.430, 0.220),
        (0.440, 0.176),
        (0.480, 0.160),
        (0.516, 0.178),
        (0.524, 0.214),
        (0.536, 0.236),
        (0.522, 0.246),
        (0.512, 0.270),
        (0.470, 0.276),
        (0.440, 0.256),
    ]
)
LOCKS = smooth(
    [
        (0.424, 0.262),
        (0.416, 0.208),
        (0.436, 0.160),
        (0.482, 0.144),
        (0.524, 0.166),
        (0.520, 0.188),
        (0.484, 0.196),
        (0.474, 0.236),
        (0.456, 0.270),
    ]
)
EYE = np.array([(0.507, 0.214)])
CROWN_OF_RIDER = np.array([(0.474, 0.186)])
RIDER_TILT = -4.0

# About the middle of the cuff's lower edge. A cap hugs the head, since no edit that was tried could
# put a brim beside it (docs/mini-generators.md).
CAP = smooth(
    [
        (-0.064, -0.020),
        (-0.061, -0.058),
        (-0.036, -0.090),
        (0.000, -0.100),
        (0.036, -0.090),
        (0.061, -0.058),
        (0.064, -0.020),
        (0.000, -0.012),
    ]
)
CUFF = smooth(
    [
        (-0.072, -0.008),
        (-0.073, -0.038),
        (0.000, -0.050),
        (0.073, -0.038),
        (0.072, -0.008),
        (0.000, 0.014),
    ]
)
BOBBLE = smooth([(-0.026, -0.104), (0.000, -0.130), (0.026, -0.104), (0.000, -0.078)])


def _paint_hat(
    canvas: Canvas, values: dict[str, Any], where: Place, middle: np.ndarray, tilt: float
) -> None:
    """A knitted cap with a cuff and a bobble; `middle` of its cuff in the scene's coordinates."""
    wool, trim = HATS[tuple(HATS)[values["hat_colour"]]]
    for outline, shade, depth in ((CAP, wool, 0.30), (BOBBLE, trim, 0.20), (CUFF, trim, 0.20)):
        cover = polygon(canvas.resolution, turned(outline, tilt) * where.size + middle)
        canvas.paint(cover, shade * relief(cover, where.light, depth, 0.018), LABEL["hat"])


def paint_horse_hat(canvas: Canvas, values: dict[str, Any], where: Place, pose: Pose) -> None:
    """A hat on the horse's head, between the ears."""
    middle = on_head(where, pose, np.array([(0.002, -0.006)]))[0]
    _paint_hat(canvas, values, where, middle, 10.0 + 0.4 * pose.head_turn)


def paint_rider(canvas: Canvas, values: dict[str, Any], where: Place) -> None:
    """Saddle cloth and saddle, then the rider from the leg up, with or without a hat."""
    jacket, cloth = JACKETS[tuple(JACKETS)[values["jacket"]]]
    saddle, rider = LABEL["saddle"], LABEL["rider"]
    parts = (  # outline, colour, label, depth and reach of its relief
        (CLOTH, cloth, saddle, 0.14, 0.020),
        (SEAT, LEATHER, saddle, 0.24, 0.016),
        (NECK, SKIN * np.float32(0.86), rider, 0, 0),
        (TORSO, jacket, rider, 0.30, 0.024),
        (THIGH, BREECHES, rider, 0.20, 0.018),
        (FOOT, BOOT, rider, 0, 0),
        (SHIN, BOOT, rider, 0.24, 0.014),
        (HAND, SKIN * np.float32(0.96), rider, 0, 0),
        (ARM, jacket * np.float32(0.92), rider, 0.34, 0.014),
        (FACE, SKIN, rider, 0.16, 0.018),
        (LOCKS, HAIR, rider, 0.24, 0.014),
    )
    for outline, shade, label, depth, reach in parts:
        cover = polygon(canvas.resolution, where.at(outline))
        lit = relief(cover, where.light, depth, reach) if depth else 1
        canvas.paint(cover, shade * lit, label)
    x, y = where.at(EYE)[0]
    canvas.paint(ellipse(canvas.resolution, x, y, 0.0085, 0.0105), colour(60, 40, 36), rider, 0.9)
    if values["rider_hat"]:
        _paint_hat(canvas, values, where, where.at(CROWN_OF_RIDER)[0], RIDER_TILT)
