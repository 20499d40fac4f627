"""Painting a portrait, back to front: backdrop, hair behind, neck, clothes, head and features."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from palimpsest.worlds.face.features import (
    paint_brows,
    paint_earrings,
    paint_eyes,
    paint_glasses,
    paint_moustache,
    paint_mouth,
    paint_nose,
    ribbon,
)
from palimpsest.worlds.face.head import (
    CLASSES,
    LABEL,
    Head,
    bump,
    lay_out,
    paint_ears,
    paint_hair,
    paint_hair_behind,
    paint_neck,
    paint_skull,
)
from palimpsest.worlds.painting import Canvas, blend, centres, colour, ellipse, glow, polygon

__all__ = ["BACKDROPS", "CLASSES", "HAIR_STYLES", "paint_face"]

HAIR_STYLES = ("short", "long", "bun", "curly")
BACKDROPS = {  # above, below
    "sky": (colour(120, 172, 214), colour(206, 226, 232)),
    "sage": (colour(122, 160, 136), colour(214, 222, 186)),
    "peach": (colour(232, 160, 128), colour(250, 220, 190)),
    "lilac": (colour(138, 122, 178), colour(214, 196, 222)),
}
CLOTHES = (
    colour(30, 120, 124),
    colour(44, 86, 168),
    colour(112, 62, 148),
    colour(190, 48, 72),
    colour(232, 132, 44),
)
PALE = colour(246, 242, 236)
BLOBS = ((0.10, 0.20, 0.13), (0.92, 0.36, 0.16), (0.13, 0.62, 0.11), (0.84, 0.08, 0.10))


@lru_cache(maxsize=32)
def _backdrop(resolution: int, name: str) -> np.ndarray:
    """(R, R, 3) gradient with a few large discs out of focus, always at one place; read-only."""
    above, below = BACKDROPS[name]
    canvas = Canvas(resolution)
    canvas.image[:] = above + (below - above) * centres(resolution)[:, None, None]
    for x, y, radius in BLOBS:
        canvas.paint(ellipse(resolution, x, y, radius, radius), colour(255, 255, 255), None, 0.09)
        inner = glow(resolution, x, y, 0.8 * radius, 0.8 * radius)
        canvas.paint(inner, colour(255, 255, 255), None, 0.06)
    canvas.image.flags.writeable = False
    return canvas.image


def _paint_backdrop(canvas: Canvas, values: dict[str, Any]) -> None:
    """The backdrop, brighter on the side of the light."""
    resolution, light = canvas.resolution, values["light"]
    canvas.image[:] = _backdrop(resolution, tuple(BACKDROPS)[values["backdrop"]])
    across = centres(resolution) * 2 - 1
    canvas.image *= (1 + np.float32(0.13 * light) * across)[None, :, None]


def _paint_clothes(canvas: Canvas, head: Head, values: dict[str, Any]) -> None:
    """Shoulders in a jumper with a ribbed neck, or in a shirt with a pale collar."""
    resolution, wide = canvas.resolution, head.neck
    reach = 0.37 if head.child else 0.46
    rise = 0.015 if head.child else 0.0
    cloth = blend(CLOTHES, values["clothes_colour"])
    outline = [
        (0.5 + wide + 0.014, 0.868 + rise),
        (0.5 + 0.62 * reach, 0.902 + rise),
        (0.5 + 0.93 * reach, 0.945 + rise),
        (0.5 + reach, 1.02),
        (0.5 - reach, 1.02),
        (0.5 - 0.93 * reach, 0.945 + rise),
        (0.5 - 0.62 * reach, 0.902 + rise),
        (0.5 - wide - 0.014, 0.868 + rise),
        (0.5 - 0.66 * wide, 0.918 + rise),
        (0.5, 0.938 + rise),
        (0.5 + 0.66 * wide, 0.918 + rise),
    ]
    cover = polygon(resolution, outline)
    across = (cover.xs - 0.5) / np.float32(reach)
    factor = 1.0 + np.float32(0.20 * head.light) * across - 0.22 * across**2
    factor = factor - 0.28 * bump(cover, 0.5 - 0.05 * head.light, 0.90, 0.17, 0.05)
    canvas.paint(cover, cloth * factor[:, :, None], LABEL["clothes"])
    if values["collar"]:
        for side in (-1, 1):
            flap = [(wide + 0.010, 0.846), (wide + 0.052, 0.884), (wide - 0.010, 0.985)]
            flap += [(0.004, 0.944), (0.60 * wide, 0.912)]
            flap = np.array(flap) * (side, 1) + (0.5, rise)
            leaf = polygon(resolution, flap)
            tone = 0.93 + 0.07 * side * head.light - 0.8 * (leaf.ys - 0.90) + 0 * leaf.xs
            canvas.paint(leaf, PALE * tone[:, :, None], LABEL["clothes"])
    else:
        line = [(wide + 0.010, 0.868), (0.70 * wide, 0.920), (0, 0.945)]
        line = np.array(line + [(-x, y) for x, y in line[1::-1]]) + (0.5, rise)
        band = polygon(resolution, ribbon(line, (0.034,) * 5))
        canvas.paint(band, cloth * 0.78, LABEL["clothes"])


def paint_face(values: dict[str, Any], resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """One scene → image uint8 (R, R, 3), labels uint8 (R, R)."""
    canvas, head = Canvas(resolution), lay_out(values)
    style = HAIR_STYLES[values["hair"]]
    _paint_backdrop(canvas, values)
    paint_hair_behind(canvas, head, style)
    paint_neck(canvas, head)
    _paint_clothes(canvas, head, values)
    paint_ears(canvas, head)
    paint_skull(canvas, head)
    paint_eyes(canvas, head, values)
    paint_brows(canvas, head, values)
    paint_nose(canvas, head, values)
    paint_mouth(canvas, head, values)
    if values["moustache"] and (values["child_moustache"] or not head.child):
        paint_moustache(canvas, head)
    paint_hair(canvas, head, values, style)
    if values["glasses"]:
        paint_glasses(canvas, head, values)
    if values["earrings"]:
        paint_earrings(canvas, head, values)
    return canvas.finish()
