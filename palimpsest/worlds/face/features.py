"""What is in a face and on it: eyes, brows, nose, mouth, moustache, glasses, earrings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from palimpsest.worlds.face.head import LABEL, Head, both_sides, bump, spline
from palimpsest.worlds.painting import (
    Canvas,
    Cover,
    blend,
    colour,
    ellipse,
    glow,
    polygon,
    polygons,
)

IRISES = (colour(92, 56, 32), colour(112, 122, 60), colour(62, 132, 190))
FRAMES = (colour(30, 30, 38), colour(36, 66, 150), colour(206, 40, 58))
EARRINGS = {"gold": colour(250, 190, 48), "jade": colour(34, 190, 168)}
WHITE = colour(250, 248, 246)
ROSE = colour(204, 62, 76)

# An eye and its upper lashes, from the inner corner; the outer one is at x = 1.
ALMOND = np.array(
    [(-1, 0.25), (-0.55, -0.62), (0.05, -1.0), (0.62, -0.72), (1, 0.0)]
    + [(0.60, 0.66), (0.0, 0.92), (-0.58, 0.74)]
)
LASH = np.array([(-1.02, 0.22), (-0.55, -0.66), (0.05, -1.04), (0.62, -0.76), (1.12, -0.12)])

# One wing of a moustache: full next to the nose, its tip turned up. x 0..1 outwards, y -1..1 down.
WING = np.array(
    [(-0.02, -0.55), (0.20, -0.95), (0.50, -0.62), (0.78, -0.22), (1.0, -0.78), (1.0, -0.78)]
    + [(0.93, 0.18), (0.66, 0.80), (0.34, 0.98), (0.10, 0.72), (-0.02, 0.45)]
)


def ribbon(points: Sequence[Sequence[float]], widths: Sequence[float]) -> np.ndarray:
    """Outline of a stroke along a few points, with its full width at each of them."""
    line = np.asarray(points, dtype=np.float64)
    along = np.concatenate([line[1:2] - line[:1], line[2:] - line[:-2], line[-1:] - line[-2:-1]])
    normal = along[:, ::-1] * (-1, 1) / np.hypot(along[:, :1], along[:, 1:])
    offset = normal * (np.asarray(widths)[:, None] / 2)
    return spline(np.concatenate([line + offset, (line - offset)[::-1]]))


def tint(canvas: Canvas, cover: Cover, factor: np.ndarray, label: int | None = None) -> None:
    """Multiply what is painted under the cover by a factor, (h, w) or (h, w, 3)."""
    factor = factor if factor.ndim == 3 else factor[:, :, None]
    canvas.paint(cover, canvas.image[cover.window] * factor, label)


def paint_eyes(canvas: Canvas, head: Head, values: dict[str, Any]) -> None:
    """White, iris, pupil, a spark of light and the upper lashes; one label for all of it."""
    resolution, rx, ry, y = canvas.resolution, head.eye_rx, head.eye_ry, head.eye
    iris_colour = blend(IRISES, values["eye_colour"])
    radius, lashes = (0.96 if head.child else 1.06) * ry, []
    for side in (-1, 1):
        x = head.x + side * head.eye_dx
        cover = polygon(resolution, spline(ALMOND * (side * rx, ry) + (x, y)))
        iris_x = x + 0.012 * values["gaze"]
        across, down = cover.xs - np.float32(iris_x), cover.ys - np.float32(y - 0.06 * ry)
        distance = np.sqrt(across**2 + down**2)
        lid = np.clip((cover.ys - np.float32(y - ry)) / np.float32(0.9 * ry), 0, 1)
        shade = WHITE * (0.74 + 0.26 * lid)[:, :, None]
        rim = iris_colour * (1.30 - 0.55 * distance / np.float32(radius))[:, :, None]
        rim = rim + 44 * np.clip(down / np.float32(radius), 0, 1)[:, :, None]
        for size, ink in ((radius, rim), (0.48 * radius, colour(20, 16, 20))):
            inside = np.clip((np.float32(size) - distance) * resolution + 0.5, 0, 1)
            shade = shade + (ink - shade) * inside[:, :, None]
        canvas.paint(cover, shade, LABEL["eye"])
        spark = (iris_x + 0.30 * radius * values["light"], y - 0.36 * radius)
        size = 0.30 * radius
        canvas.paint(ellipse(resolution, *spark, size, size), WHITE, None, 0.95)
        lash = LASH * (side * rx, ry) + (x, y)
        lashes.append(ribbon(lash, (0.008, 0.019, 0.022, 0.022, 0.010)))
    ink = head.hair * np.float32(0.22) + colour(22, 14, 14)
    canvas.paint(polygons(resolution, lashes), ink, LABEL["eye"])


def _paint_wings(
    canvas: Canvas, head: Head, y: float, inner: float, length: float, height: float
) -> None:
    """A moustache: two wings that start `inner` from the middle of the face."""
    outlines = [
        spline(WING * (side * length, height / 2) + (head.x + side * inner, y)) for side in (-1, 1)
    ]
    rim = [(one - one.mean(axis=0)) * (1.06, 1.16) + one.mean(axis=0) for one in outlines]
    canvas.paint(polygons(canvas.resolution, rim), head.skin * colour(0.30, 0.20, 0.18), None, 0.4)
    cover = polygons(canvas.resolution, outlines)
    across = np.abs(cover.xs - np.float32(head.x)) - np.float32(inner)
    down = (cover.ys - np.float32(y)) / np.float32(height)
    strands = np.cos((2 * np.pi / 0.050) * (across + 0.024 * down)) * np.ones_like(down)
    side = (cover.xs - np.float32(head.x)) / np.float32(length + inner)
    factor = 0.76 - 0.40 * down + 0.10 * strands + np.float32(0.12 * head.light) * side
    canvas.paint(cover, head.whiskers * factor[:, :, None] + 6, LABEL["moustache"])


def paint_brows(canvas: Canvas, head: Head, values: dict[str, Any]) -> None:
    """Arched or straight brows; by the rule brows2moustache, a moustache in their place."""
    if values["brow_kind"] == 2:
        _paint_wings(canvas, head, head.brow - 0.012, 0.022, 0.185, 0.088)
        return
    bend = (0.030, 0.008)[values["brow_kind"]]
    for side in (-1, 1):
        x, size = head.x + side * head.eye_dx, 0.86 if head.child else 1.0
        line = [(-0.068, 0.10), (-0.028, -0.42), (0.026, -0.62), (0.078, 0.20)]
        line = [(x + side * size * along, head.brow + bend * up) for along, up in line]
        widths = np.array((0.026, 0.034, 0.031, 0.014)) * size
        cover = polygon(canvas.resolution, ribbon(line, widths))
        tone = 0.70 + 0.10 * side * head.light + 0 * cover.mask
        canvas.paint(cover, head.whiskers * tone[:, :, None] + 4, LABEL["brow"])


def paint_nose(canvas: Canvas, head: Head, values: dict[str, Any]) -> None:
    """A nose modelled in light and shade: a lit ridge, a dark flank, wings and nostrils."""
    x, foot = head.x, head.nose
    wide = values["nose_width"] * (0.80 if head.child else 1.0)
    top = head.eye + (0.030 if head.child else -0.005)
    tall = foot - top
    outline = both_sides(
        x,
        [
            (0, top),
            (0.42 * wide, top + 0.10 * tall),
            (0.50 * wide, top + 0.55 * tall),
            (0.94 * wide, top + 0.74 * tall),
            (0.98 * wide, foot - 0.014),
            (0.55 * wide, foot + 0.004),
            (0, foot + 0.014),
        ],
    )
    cover = polygon(canvas.resolution, spline(outline))
    down = np.clip((cover.ys - np.float32(top)) / np.float32(tall), 0, 1.2)
    across = (cover.xs - np.float32(x)) / np.float32(wide)
    # The flank away from the light is in shade, the other one a little, to show the shape.
    flank = np.abs(across) ** 1.5 * 0.15 + np.clip(-np.float32(head.light) * across, 0, 1) * 0.26
    factor = 1 - flank * np.clip(2.6 * down, 0, 1) - 0.24 * np.clip(4 * (down - 0.80), 0, 1)
    ridge = bump(cover, x + 0.012 * head.light, foot - 0.35 * tall, 0.014, 0.42 * tall)
    tip = bump(cover, x + 0.012 * head.light, foot - 0.030, 0.024, 0.022)
    factor = factor + 0.07 * ridge + 0.15 * tip
    rosy = colour(1.0, 0.955, 0.945)
    tint(canvas, cover, factor[:, :, None] * rosy, LABEL["nose"])
    for side in (-1, 1):
        nostril = glow(canvas.resolution, x + side * 0.46 * wide, foot - 0.003, 0.021, 0.015)
        canvas.paint(nostril, head.skin * colour(0.34, 0.22, 0.20), None, 0.85)


def paint_mouth(canvas: Canvas, head: Head, values: dict[str, Any]) -> None:
    """Closed lips, or a smile that shows the teeth."""
    resolution, x, y = canvas.resolution, head.x, head.mouth
    natural = head.skin * colour(0.83, 0.51, 0.49)
    ink = natural + (ROSE - natural) * np.float32(0.18 + 0.5 * values["lip_colour"])
    wide = values["mouth_width"] * (0.90 if head.child else 1.0)
    if values["smile"]:
        wide *= 1.15
        for side in (-1, 1):  # dimples at the corners
            dimple = glow(resolution, x + side * (wide + 0.008), y - 0.024, 0.022, 0.030)
            canvas.paint(dimple, head.skin * colour(0.52, 0.36, 0.34), None, 0.50)
        outer = [(0, -0.020), (0.26, -0.028), (0.62, -0.027), (1.0, -0.036), (1.0, -0.036)]
        outer += [(0.80, 0.022), (0.45, 0.056), (0, 0.066)]
        inner = [(0, -0.003), (0.45, -0.010), (0.84, -0.020), (0.84, -0.020)]
        inner += [(0.66, 0.016), (0.36, 0.037), (0, 0.044)]
    else:
        outer = [(0, -0.019), (0.22, -0.029), (0.60, -0.020), (1.0, -0.008), (1.0, -0.008)]
        outer += [(0.62, 0.030), (0.30, 0.039), (0, 0.040)]
        inner = []
    lips = polygon(resolution, spline(both_sides(x, np.array(outer) * (wide, 1) + (0, y))))
    down = (lips.ys - np.float32(y)) / np.float32(0.04)
    across = (lips.xs - np.float32(x)) / np.float32(wide)
    factor = 0.93 + 0.10 * down + np.float32(0.10 * head.light) * across
    low = y + (0.056 if values["smile"] else 0.022)
    shine = 46 * bump(lips, x + 0.02 * head.light, low, 0.040, 0.009)
    canvas.paint(lips, ink * factor[:, :, None] + shine[:, :, None], LABEL["lips"])
    if values["smile"]:
        teeth = polygon(resolution, spline(both_sides(x, np.array(inner) * (wide, 1) + (0, y))))
        across = (teeth.xs - np.float32(x)) / np.float32(wide)
        down = (teeth.ys - np.float32(y - 0.01)) / np.float32(0.05)
        fade = (1.0 - 0.34 * across**2) * (1.03 - 0.22 * np.clip(down, 0, 1) ** 2)
        canvas.paint(teeth, WHITE * fade[:, :, None], LABEL["teeth"])
    else:
        line = [(-0.98, -0.007), (-0.5, 0.005), (-0.16, 0.005), (0, 0.009)]
        line += [(0.16, 0.005), (0.5, 0.005), (0.98, -0.007)]
        line = np.array(line) * (wide, 1) + (x, y)
        seam = polygon(resolution, ribbon(line, (0.006, 0.013, 0.015, 0.015, 0.015, 0.013, 0.006)))
        canvas.paint(seam, ink * colour(0.46, 0.36, 0.38), None, 0.85)


def paint_moustache(canvas: Canvas, head: Head) -> None:
    """A big moustache, 39 by 10 pixels, between the nose and the mouth."""
    _paint_wings(canvas, head, head.nose + 0.046, 0.0, 0.152, 0.078)


def paint_glasses(canvas: Canvas, head: Head, values: dict[str, Any]) -> None:
    """Full rims with a bridge and the arms; the eyes are a little paler behind the glass."""
    resolution, x, y = canvas.resolution, head.x, head.eye + 0.006
    half_wide, half_high, rim = head.eye_dx - 0.014, head.eye_ry + 0.034, 0.024
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    squarish = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    squarish = np.sign(squarish) * np.abs(squarish) ** 0.78
    label, frame = LABEL["glasses"], blend(FRAMES, values["frame_colour"])
    for side in (-1, 1):
        lens_x = x + side * head.eye_dx
        glass = polygon(resolution, squarish * (half_wide, half_high) + (lens_x, y))
        slant = (glass.xs - np.float32(lens_x)) + (glass.ys - np.float32(y))
        gleam = 0.10 + 0.26 * np.exp(-(((slant + 0.045) / 0.022) ** 2))
        pale = Cover(glass.top, glass.left, glass.mask * gleam, resolution)
        canvas.paint(pale, colour(226, 240, 252))
        hole = polygon(resolution, squarish * (half_wide - rim, half_high - rim) + (lens_x, y))
        ring, (height, width) = glass.mask.copy(), hole.mask.shape
        top, left = hole.top - glass.top, hole.left - glass.left
        ring[top : top + height, left : left + width] -= hole.mask
        down = (glass.ys - np.float32(y)) / np.float32(half_high)
        shade = frame + 26 * np.clip(-down, 0, 1)[:, :, None] ** 2
        canvas.paint(Cover(glass.top, glass.left, ring, resolution), shade, label)
    hinge, temple = head.eye_dx + half_wide - 0.012, head.half + 0.016
    arm = np.array([(hinge, -0.030), (temple, -0.024), (temple, 0.0), (hinge, -0.006)])
    gap = head.eye_dx - half_wide + 0.010
    bridge = ribbon([(x - gap, y - 0.016), (x, y - 0.030), (x + gap, y - 0.016)], (0.022,) * 3)
    bars = [arm * (side, 1) + (x, y) for side in (-1, 1)] + [bridge]
    canvas.paint(polygons(resolution, bars), frame, label)


def paint_earrings(canvas: Canvas, head: Head, values: dict[str, Any]) -> None:
    """A stud and a drop, 10 by 18 pixels, under each ear; over the hair where that is long."""
    resolution, label = canvas.resolution, LABEL["earring"]
    metal = tuple(EARRINGS.values())[values["earring_kind"]]
    for side in (-1, 1):
        x, y = head.x + side * (head.half + 0.024), head.nose + 0.012
        drop = [(0, 0.016), (0.026, 0.050), (0.041, 0.080), (0.028, 0.110), (0, 0.119)]
        drop = both_sides(x, np.array(drop) + (0, y))
        cover = polygon(resolution, spline(drop))
        across = (cover.xs - np.float32(x)) / np.float32(0.036)
        down = (cover.ys - np.float32(y + 0.075)) / np.float32(0.040)
        factor = 0.92 + np.float32(0.20 * head.light) * across - 0.22 * down
        shine = bump(cover, x + 0.012 * head.light - 0.004, y + 0.070, 0.013, 0.017)
        canvas.paint(
            cover, metal * factor[:, :, None] + (255 - metal) * 0.85 * shine[:, :, None], label
        )
        canvas.paint(ellipse(resolution, x, y + 0.002, 0.021, 0.021), metal * 1.02, label)
