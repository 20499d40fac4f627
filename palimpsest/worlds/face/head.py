"""The head of the face world: its measures, the skull with ears and neck, and the hair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from palimpsest.worlds.painting import Canvas, Cover, blend, colour, ellipse, polygon

CLASSES = (
    "background",
    "hair",
    "skin",
    "brow",
    "eye",
    "nose",
    "lips",
    "teeth",
    "glasses",
    "earring",
    "moustache",
    "clothes",
)
LABEL = {name: index for index, name in enumerate(CLASSES)}

SKINS = (
    colour(255, 226, 204),
    colour(244, 198, 160),
    colour(216, 158, 116),
    colour(164, 110, 76),
    colour(126, 84, 62),
)
HAIRS = (
    colour(42, 34, 38),
    colour(84, 52, 36),
    colour(158, 78, 38),
    colour(226, 176, 96),
    colour(196, 198, 206),
)
CHILD_HAIR = 0.75  # children's hair stops at blond: no grey
SHADE = colour(0.58, 0.42, 0.42)  # what is left of the skin's colour on the dark side: warm


@dataclass(frozen=True)
class Head:
    """Places of the parts of a head, in unit coordinates, and its colours."""

    child: bool
    x: float  # middle of the face
    crown: float  # top of the skull; y of the following
    brow: float
    eye: float
    nose: float
    mouth: float
    chin: float
    half: float  # half widths: of the face at the cheekbones
    jaw: float
    neck: float
    eye_dx: float  # middle of an eye from the middle of the face
    eye_rx: float
    eye_ry: float
    light: float
    skin: np.ndarray
    hair: np.ndarray
    whiskers: np.ndarray  # brows and moustache: darker than the hair, to stand out on any skin


def lay_out(values: dict[str, Any]) -> Head:
    """Measure a head from a scene's values."""
    child = values["age"] == 1
    x, y = values["head_x"], values["head_y"]
    half, jaw, dark = values["face_width"], values["jaw"], values["skin"]
    shade = values["hair_colour"] * (CHILD_HAIR if child else 1.0)
    if child:
        crown, eye, nose, mouth, chin = 0.172, 0.500, 0.604, 0.684, 0.780
        eye_rx, eye_ry, brow, jaw, neck = 0.073, 0.056, 0.102, 0.80 + 0.07 * jaw, 0.080
        half *= 1.03
    else:
        crown, eye, nose, mouth, chin = 0.150, 0.436, 0.580, 0.674, 0.802
        eye_rx, eye_ry, brow, jaw, neck = 0.064, 0.037, 0.082, 0.72 + 0.14 * jaw, 0.112
    return Head(
        child=child,
        x=x,
        crown=y + crown,
        brow=y + eye - brow - 0.014 * values["brow_raise"],
        eye=y + eye,
        nose=y + nose,
        mouth=y + mouth,
        chin=y + chin,
        half=half,
        jaw=half * jaw,
        neck=neck,
        eye_dx=0.098 + 0.12 * (half - 0.22) + (0.008 if child else 0.0),
        eye_rx=eye_rx,
        eye_ry=eye_ry,
        light=values["light"],
        skin=blend(SKINS, dark),
        hair=blend(HAIRS, shade),
        whiskers=blend(HAIRS, shade * (1 - 0.55 * dark)) * np.float32(0.92 - 0.32 * dark),
    )


@lru_cache(maxsize=32)
def _spline_matrix(count: int) -> np.ndarray:
    """(8 count, count) weights of the points in a closed Catmull-Rom curve; read-only."""
    t = np.arange(8) / 8
    four = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    matrix = np.zeros((count, 8, count))
    for first in range(count):
        for offset, weight in enumerate(four, start=-1):
            matrix[first, :, (first + offset) % count] += weight / 2
    matrix = matrix.reshape(8 * count, count)
    matrix.flags.writeable = False
    return matrix


def spline(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """(N, 2) points → (8 N, 2) smooth closed curve through them; one given twice is a corner."""
    points = np.asarray(points, dtype=np.float64)
    return _spline_matrix(len(points)) @ points


def both_sides(x: float, half: Sequence[Sequence[float]]) -> np.ndarray:
    """The outline's right half as (offset from x, y), top first → the symmetric whole.

    The first and the last point lie on the axis and are not repeated.
    """
    right = np.asarray(half, dtype=np.float64)
    left = right[-2:0:-1] * (-1, 1)
    return np.concatenate([right, left]) + (x, 0)


def bump(cover: Cover, x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """(h, w) Gaussian with these spreads over the cover's pixels: soft light and shade."""
    across = np.exp(-(((cover.xs - np.float32(x)) / np.float32(rx)) ** 2))
    down = np.exp(-(((cover.ys - np.float32(y)) / np.float32(ry)) ** 2))
    return down * across


def lit_skin(head: Head, brightness: np.ndarray) -> np.ndarray:
    """(h, w) brightness, 0 shadow to 1 light, → (h, w, 3) skin, whose shadows are warm."""
    return head.skin * (SHADE + (np.float32(1.04) - SHADE) * brightness[:, :, None])


def ball_light(across: np.ndarray, down: np.ndarray, light: float) -> np.ndarray:
    """(h, w) brightness of a ball that fills -1..1 both ways, lit from above on the side `light`.

    Outside the ball it continues the value at the rim.
    """
    out = np.sqrt(np.maximum(1.0 - 0.85 * np.minimum(across**2 + down**2, 1.12), 0))
    facing = np.float32(0.40 * light) * across - np.float32(0.20) * down + np.float32(0.72) * out
    return np.clip(np.float32(0.34) + np.float32(0.92) * facing, 0, 1.15)


def paint_neck(canvas: Canvas, head: Head) -> None:
    """The neck, widening to the shoulders, in the chin's shadow."""
    resolution, x, wide = canvas.resolution, head.x, head.neck
    top = head.chin - 0.14
    # The neck's foot stays at the middle while the head moves a little.
    outline = [
        (x - wide, top),
        (x + wide, top),
        (0.5 + wide, 0.86),
        (0.5 + wide + 0.09, 0.93),
        (0.5 + wide + 0.09, 1.0),
        (0.5 - wide - 0.09, 1.0),
        (0.5 - wide - 0.09, 0.93),
        (0.5 - wide, 0.86),
    ]
    cover = polygon(resolution, outline)
    across = (cover.xs - np.float32(x)) / np.float32(1.5 * wide)
    body = ball_light(across, np.zeros_like(cover.ys), head.light) * np.ones_like(cover.ys)
    chin = bump(cover, x - 0.03 * head.light, head.chin - 0.01, 1.6 * wide, 0.070)
    canvas.paint(cover, lit_skin(head, body * (1 - 0.72 * chin) - 0.05), LABEL["skin"])


def paint_ears(canvas: Canvas, head: Head) -> None:
    """Both ears, between the eyes and the foot of the nose; painted before the face."""
    for side in (-1, 1):
        x, y = head.x + side * (head.half + 0.008), (head.eye + head.nose) / 2
        ear = ellipse(canvas.resolution, x, y, 0.042, (head.nose - head.eye) / 2 + 0.012)
        across = (ear.xs - np.float32(x)) / np.float32(0.042)
        body = np.float32(0.78 + 0.16 * side * head.light) + 0.10 * side * across
        inner = bump(ear, x + 0.004 * side, y - 0.006, 0.020, 0.036)
        canvas.paint(ear, lit_skin(head, body - 0.55 * inner), LABEL["skin"])


def paint_skull(canvas: Canvas, head: Head) -> None:
    """The face without its features, modelled in light and shade."""
    x, half, chin = head.x, head.half, head.chin
    outline = both_sides(
        x,
        [
            (0, head.crown),
            (0.62 * half, head.crown + 0.045),
            (0.96 * half, head.eye - 0.12),
            (half, head.eye + 0.01),
            ((1.01 if head.child else 0.965) * half, head.nose - 0.02),
            (head.jaw, head.mouth + 0.005),
            (0.64 * head.jaw, chin - 0.029),
            (0.30 * head.jaw, chin - 0.004),
            (0, chin),
        ],
    )
    cover = polygon(canvas.resolution, spline(outline))
    across = (cover.xs - np.float32(x)) / np.float32(1.08 * half)
    middle, tall = (head.crown + chin) / 2, (chin - head.crown) / 2
    down = (cover.ys - np.float32(middle)) / np.float32(1.08 * tall)
    body = ball_light(across, down, head.light)
    glint = x + 0.045 * head.light
    body += 0.12 * bump(cover, glint, head.brow - 0.055, 0.10, 0.06)  # forehead
    body += 0.14 * bump(cover, glint, chin - 0.045, 0.050, 0.030)
    body -= 0.16 * bump(cover, x, head.mouth + 0.058, 0.060, 0.018)  # under the lip
    body -= 0.22 * bump(cover, x, head.nose + 0.012, 0.075, 0.022)  # under the nose
    blush = np.zeros_like(body)
    for side in (-1, 1):
        eye_x, cheek_x = x + side * head.eye_dx, x + side * 0.60 * half
        body -= 0.20 * bump(cover, eye_x, head.eye - 0.022, 0.085, 0.050)  # socket
        body += 0.12 * bump(cover, cheek_x + 0.02 * head.light, head.nose - 0.045, 0.055, 0.045)
        blush += bump(cover, cheek_x, head.nose + 0.008, 0.070, 0.050)
    rosy = colour(1.03, 0.82, 0.82) if head.child else colour(1.02, 0.91, 0.90)
    warm = 1 + (rosy - 1) * blush[:, :, None]
    canvas.paint(cover, lit_skin(head, np.clip(body, 0, 1.12)) * warm, LABEL["skin"])


def _strands(head: Head, cover: Cover, fall: float) -> np.ndarray:
    """(h, w, 3) hair: strands that leave the parting, a band of gloss, light from one side.

    fall: 0 for strands that run around the skull, 1 for strands that hang straight down.
    """
    across = (cover.xs - np.float32(head.x)) / np.float32(1.2 * head.half)
    down = (cover.ys - np.float32(head.eye)) / np.float32(1.25 * (head.eye - head.crown))
    radius = np.sqrt(across**2 + np.minimum(down, 0) ** 2)
    angle = across / np.sqrt(0.25 + np.minimum(down, 0) ** 2)
    course = np.float32(1 - fall) * angle + np.float32(fall) * across * np.ones_like(down)
    wave = np.cos(np.float32(17.0) * course + 1.2 * down)
    # Finer strands would alias at low resolutions; these are 4 pixels or more.
    factor = 0.93 + 0.085 * wave + np.float32(0.16 * head.light) * across
    factor -= 0.26 * np.clip(down - 0.2, 0, 1.2) * np.float32(fall)
    gloss = np.exp(-(((radius - 0.80) / 0.11) ** 2) - 2.2 * (across - 0.45 * head.light) ** 2)
    gloss *= (down < 0) * np.clip(-2.2 * down, 0, 1) * (0.86 + 0.14 * wave)
    shine = (0.30 * head.hair + 52) * gloss[:, :, None]
    return head.hair * factor[:, :, None] + shine


def _hairline(head: Head, values: dict[str, Any]) -> list[tuple[float, float]]:
    """The edge of the hair on the forehead, from the right temple to the left.

    It is highest at the parting, lower on the wider side of it, and stays above the brows.
    """
    x, half, low = head.x, head.half, head.brow - 0.046
    top = head.crown + 0.070 - 0.020 * values["fringe"]
    part = x + 0.090 * values["parting"]
    right, left = x + 0.86 * half, x - 0.86 * half
    sag, sweep = 0.52 - 0.22 * values["fringe"], 0.16 * values["parting"]
    return [
        (right, low),
        ((right + part) / 2 + 0.02, low + (top - low) * (sag + sweep)),
        (part, top),
        (part, top),
        ((left + part) / 2 - 0.02, low + (top - low) * (sag - sweep)),
        (left, low),
    ]


def _dome(half: float, foot: float, top: float) -> list[tuple[float, float]]:
    """Points of a quarter of an ellipse, (offset from the middle, y), from its side upwards."""
    turns = np.deg2rad((8.0, 36.0, 64.0))
    return [(half * np.cos(turn), foot + (top - foot) * np.sin(turn)) for turn in turns]


def paint_hair_behind(canvas: Canvas, head: Head, style: str) -> None:
    """The hair behind the face: long locks on the shoulders, a cloud of curls, a bun."""
    resolution, x, half = canvas.resolution, head.x, head.half
    top, label = head.crown - 0.045, LABEL["hair"]
    if style == "long":
        outline = both_sides(
            x,
            [
                (0, top),
                *_dome(1.22 * half, head.eye - 0.06, top)[::-1],
                (1.34 * half, head.mouth),
                (1.46 * half, 0.865),
                (1.22 * half, 0.945),
                (0.70 * half, 0.950),
                (0, 0.90),
            ],
        )
        cover = polygon(resolution, spline(outline))
        canvas.paint(cover, _strands(head, cover, 1.0) * 0.80, label)
    elif style == "curly":
        turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        reach = 1 + 0.05 * np.abs(np.sin(7 * turn))
        tall = np.where(np.sin(turn) > 0, head.eye - top + 0.01, 0.205)
        ring = np.stack([np.cos(turn) * 1.42 * half, -np.sin(turn) * tall], axis=1)
        cover = polygon(resolution, ring * reach[:, None] + (x, head.eye - 0.015))
        canvas.paint(cover, _curls(head, cover), label)
    elif style == "bun":
        y, radius = head.crown - 0.050, 0.098
        cover = ellipse(resolution, x, y, 1.12 * radius, 0.84 * radius)
        across = (cover.xs - np.float32(x)) / np.float32(1.12 * radius)
        down = (cover.ys - np.float32(y)) / np.float32(0.84 * radius)
        body = ball_light(across, down, head.light)
        body = body * (0.98 + 0.09 * np.cos(9 * (down - 0.55 * across**2)))
        canvas.paint(cover, head.hair * (0.30 + 0.80 * body[:, :, None]) + 8, label)


def _curls(head: Head, cover: Cover) -> np.ndarray:
    """(h, w, 3) soft curls: a bumpy pattern that is fixed to the head."""
    across = (cover.xs - np.float32(head.x)) / np.float32(head.half)
    down = (cover.ys - np.float32(head.eye)) / np.float32(head.half)
    bumps = np.cos(8.5 * across + 2.0 * np.cos(5 * down)) * np.cos(8.5 * down)
    body = ball_light(across / np.float32(1.5), down / np.float32(1.7) + 0.1, head.light)
    return head.hair * (0.42 + 0.64 * body + 0.13 * bumps)[:, :, None] + 6


def paint_hair(canvas: Canvas, head: Head, values: dict[str, Any], style: str) -> None:
    """The hair around the face: it frames the forehead and covers the skull."""
    x, half = head.x, head.half
    top = head.crown - {"short": 0.050, "long": 0.045, "bun": 0.030, "curly": 0.050}[style]
    # From the left temple over the top to the right one, then back along the hairline.
    foot = head.eye + (0.045 if style == "short" else -0.01)
    outer = [(0.95 * half, foot), (1.08 * half, foot)]
    if style == "long":
        end = head.chin - 0.005
        outer = [(0.93 * half, head.nose), (1.00 * half, head.chin), (1.18 * half, end + 0.075)]
        outer += [(1.37 * half, end + 0.02), (1.30 * half, head.nose), (1.19 * half, head.eye)]
    outer += _dome(1.15 * half, head.eye - 0.06, top)
    right = np.array(outer) + (x, 0)
    left = (np.array(outer) * (-1, 1) + (x, 0))[::-1]
    outline = np.concatenate([right, [(x, top)], left, _hairline(head, values)[::-1]])
    cover = polygon(canvas.resolution, spline(outline))
    if style == "curly":
        shade = _curls(head, cover)
    else:
        shade = _strands(head, cover, 0.75 if style == "long" else 0.0)
    canvas.paint(cover, shade, LABEL["hair"])
