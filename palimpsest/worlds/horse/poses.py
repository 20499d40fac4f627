"""Outlines of the horse in each of its poses, and the curves they are made of.

Outlines are drawn on a sheet of unit coordinates on which the horse faces right, stands on y = 0.88
and has its middle at x = 0.5. What belongs to the head has its origin at the
poll, between the ears.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHEET_MIDDLE, SHEET_FOOT = 0.5, 0.88
Spot = tuple[float, float]


def smooth(points: Sequence[Sequence[float]], closed: bool = True, steps: int = 6) -> np.ndarray:
    """A Catmull-Rom spline through (N, K) points, `steps` samples to each gap."""
    knots = np.asarray(points, dtype=np.float64)
    ends = (knots[-1:], knots[:2]) if closed else (knots[:1], knots[-1:])
    padded = np.concatenate([ends[0], knots, ends[1]])
    before, here, there, after = (padded[i : len(padded) - 3 + i] for i in range(4))
    rows = []
    for t in np.arange(steps) / steps:
        bend = (there - before) * t + (2 * before - 5 * here + 4 * there - after) * t**2
        rows.append(here + 0.5 * (bend + (3 * (here - there) + after - before) * t**3))
    curve = np.stack(rows, axis=1).reshape(-1, knots.shape[1])
    return curve if closed else np.concatenate([curve, knots[-1:]])


def limb(joints: Sequence[Sequence[float]], steps: int = 5) -> np.ndarray:
    """Outline of a tapering limb; joints: (x, y, width) from one end to the other."""
    course = smooth(joints, closed=False, steps=steps)
    along = np.gradient(course[:, :2], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.stack([-along[:, 1], along[:, 0]], axis=1) * course[:, 2:] / 2
    return np.concatenate([course[:, :2] + aside, (course[:, :2] - aside)[::-1]])


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """(N, 2) points turned about the origin; positive angles (degrees) turn right into down."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return points @ np.array([[cos, sin], [-sin, cos]])


HEAD = smooth(
    [
        (-0.012, 0.010),
        (0.022, -0.010),
        (0.066, 0.018),
        (0.116, 0.086),
        (0.154, 0.138),
        (0.158, 0.168),
        (0.134, 0.186),
        (0.104, 0.176),
        (0.066, 0.140),
        (0.022, 0.128),
        (-0.016, 0.090),
        (-0.030, 0.044),
    ]
)
EAR = smooth([(-0.020, 0.014), (-0.024, -0.028), (-0.004, -0.066), (0.016, -0.030), (0.020, 0.010)])
FORELOCK = smooth(
    [(0.000, -0.012), (0.036, -0.010), (0.054, 0.018), (0.044, 0.040), (0.022, 0.020)]
)
BLAZE = smooth([(0.052, 0.022), (0.072, 0.024), (0.144, 0.120), (0.146, 0.142), (0.120, 0.116)])
EYE_AND_NOSTRIL = np.array([(0.057, 0.058), (0.140, 0.152)])
HALTER = (  # noseband and cheek strap
    np.array([(0.118, 0.082), (0.136, 0.106), (0.098, 0.176), (0.076, 0.154)]),
    np.array([(-0.024, 0.030), (-0.004, 0.022), (0.100, 0.130), (0.082, 0.144)]),
)


@dataclass(frozen=True)
class Pose:
    """Outlines on the sheet. `crest`: where the mane grows, from the withers to the poll."""

    trunk: np.ndarray
    crest: np.ndarray
    poll: Spot
    head_turn: float
    far_legs: tuple[np.ndarray, ...]
    near_legs: tuple[np.ndarray, ...]


def _trunk(neck: Sequence[Sequence[float]]) -> np.ndarray:
    """Back, rump and belly are always the same; `neck` runs from the chest to the withers."""
    rest = [
        (0.520, 0.484),
        (0.440, 0.492),
        (0.360, 0.476),
        (0.285, 0.462),
        (0.222, 0.486),
        (0.192, 0.545),
        (0.205, 0.615),
        (0.270, 0.655),
        (0.350, 0.652),
        (0.440, 0.672),
        (0.540, 0.680),
        (0.620, 0.664),
    ]
    return smooth([*rest, *neck])


UPRIGHT_NECK = [
    (0.682, 0.610),
    (0.706, 0.548),
    (0.716, 0.490),
    (0.742, 0.425),
    (0.780, 0.370),
    (0.776, 0.300),
    (0.734, 0.262),
    (0.690, 0.292),
    (0.650, 0.358),
    (0.615, 0.424),
    (0.575, 0.464),
]
REACHING_NECK = [
    (0.682, 0.612),
    (0.712, 0.556),
    (0.732, 0.508),
    (0.764, 0.456),
    (0.804, 0.412),
    (0.806, 0.345),
    (0.766, 0.304),
    (0.718, 0.328),
    (0.672, 0.378),
    (0.624, 0.434),
    (0.575, 0.466),
]
LOWERED_NECK = [
    (0.660, 0.660),
    (0.694, 0.672),
    (0.730, 0.708),
    (0.762, 0.750),
    (0.806, 0.760),
    (0.832, 0.706),
    (0.816, 0.650),
    (0.778, 0.588),
    (0.726, 0.524),
    (0.660, 0.474),
    (0.590, 0.462),
]


def _hind(hock: Spot, fetlock: Spot, hoof: Spot) -> np.ndarray:
    """A hind leg from the haunch, which stays where it is."""
    return limb(
        [
            (0.262, 0.540, 0.120),
            (0.268, 0.610, 0.122),
            (0.45 * 0.268 + 0.55 * hock[0], 0.45 * 0.610 + 0.55 * hock[1], 0.078),
            (*hock, 0.052),
            (*fetlock, 0.042),
            (*hoof, 0.056),
        ]
    )


def _fore(knee: Spot, fetlock: Spot, hoof: Spot) -> np.ndarray:
    """A foreleg from the elbow."""
    return limb(
        [
            (0.636, 0.590, 0.092),
            (0.638, 0.660, 0.080),
            (*knee, 0.050),
            (*fetlock, 0.040),
            (*hoof, 0.056),
        ]
    )


POSES = {
    "standing": Pose(
        trunk=_trunk(UPRIGHT_NECK),
        crest=smooth(
            [(0.592, 0.452), (0.622, 0.406), (0.655, 0.350), (0.692, 0.292), (0.73, 0.262)],
            closed=False,
            steps=5,
        ),
        poll=(0.742, 0.272),
        head_turn=0.0,
        far_legs=(
            _hind((0.300, 0.745), (0.304, 0.830), (0.314, 0.880)),
            _fore((0.690, 0.765), (0.686, 0.835), (0.692, 0.880)),
        ),
        near_legs=(
            _hind((0.222, 0.745), (0.232, 0.830), (0.242, 0.880)),
            _fore((0.632, 0.765), (0.628, 0.835), (0.634, 0.880)),
        ),
    ),
    "walking": Pose(
        trunk=_trunk(REACHING_NECK),
        crest=smooth(
            [(0.596, 0.454), (0.632, 0.420), (0.676, 0.370), (0.720, 0.322), (0.762, 0.3)],
            closed=False,
            steps=5,
        ),
        poll=(0.772, 0.314),
        head_turn=-6.0,
        far_legs=(
            _hind((0.176, 0.735), (0.150, 0.815), (0.144, 0.868)),
            _fore((0.740, 0.720), (0.756, 0.800), (0.790, 0.835)),
        ),
        near_legs=(
            _hind((0.290, 0.745), (0.318, 0.826), (0.340, 0.880)),
            _fore((0.606, 0.760), (0.570, 0.826), (0.556, 0.878)),
        ),
    ),
    "grazing": Pose(
        trunk=_trunk(LOWERED_NECK),
        crest=smooth(
            [(0.610, 0.458), (0.668, 0.474), (0.728, 0.520), (0.778, 0.582), (0.810, 0.640)],
            closed=False,
            steps=5,
        ),
        poll=(0.814, 0.660),
        head_turn=26.0,
        far_legs=(
            _hind((0.276, 0.745), (0.276, 0.830), (0.286, 0.880)),
            _fore((0.690, 0.765), (0.700, 0.835), (0.712, 0.880)),
        ),
        near_legs=(
            _hind((0.216, 0.745), (0.224, 0.830), (0.234, 0.880)),
            _fore((0.622, 0.765), (0.610, 0.835), (0.612, 0.880)),
        ),
    ),
}

TAILS = {  # joints (x, y, width) from the dock
    "short": limb(
        [(0.224, 0.500, 0.036), (0.178, 0.514, 0.060), (0.158, 0.570, 0.066), (0.152, 0.620, 0.040)]
    ),
    "long": limb(
        [
            (0.224, 0.500, 0.036),
            (0.178, 0.514, 0.060),
            (0.150, 0.590, 0.080),
            (0.134, 0.690, 0.092),
            (0.118, 0.780, 0.076),
            (0.088, 0.840, 0.014),
        ]
    ),
}
