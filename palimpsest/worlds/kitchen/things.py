"""What stands and hangs in the kitchen: table, stove, fridge, cupboards, pots, plant, lamp, chairs.

Numbers here are pixels of an image 128 pixels wide, like the grid of the windows
(`kitchen.windows`). Except the table and the lamp's halo on the wall behind the windows, nothing
here overlaps a window's slot or its reflection.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from palimpsest.worlds.kitchen.shapes import (
    FLOOR_TOP,
    GRID,
    LABEL,
    SHADOW,
    block,
    disc,
    fall,
    outline,
    rounded,
    shaded,
    shadow,
    slab,
    turned,
)
from palimpsest.worlds.painting import (
    Canvas,
    Cover,
    blend,
    centres,
    colour,
    polygons,
    soft_noise,
)

TABLE_TOP = 64.0  # the table's far edge, the line that reflections start from
TABLE_NEAR = 92.0

TABLES = (colour(122, 66, 38), colour(96, 42, 36), colour(58, 60, 70), colour(38, 62, 70))
CUPBOARDS = (
    colour(240, 232, 214),
    colour(134, 168, 142),
    colour(66, 104, 138),
    colour(198, 138, 78),
)
APPLIANCES = (
    colour(238, 238, 232),
    colour(150, 206, 190),
    colour(120, 168, 208),
    colour(206, 66, 58),
)
ENAMELS = (colour(212, 58, 46), colour(226, 146, 56), colour(62, 150, 140), colour(56, 88, 150))
LAMPS = (colour(66, 152, 146), colour(240, 204, 112), colour(214, 76, 56), colour(244, 232, 206))
CHAIRS = (colour(208, 152, 88), colour(222, 206, 172), colour(92, 148, 150), colour(190, 74, 58))
CUSHIONS = (colour(196, 62, 54), colour(70, 122, 160), colour(240, 206, 120), colour(236, 222, 190))
STEEL = colour(196, 202, 208)


@lru_cache(maxsize=8)
def _grain(resolution: int) -> np.ndarray:
    """(R, R) brightness of the table top: fixed grain, a little lighter towards the viewer."""
    rise = np.clip((centres(resolution) * GRID - TABLE_TOP) / (TABLE_NEAR - TABLE_TOP), 0, 1)
    wood = 0.045 * soft_noise(resolution, 11, 0.14, 0.007)
    grain = (0.90 + 0.16 * rise[:, None] + wood).astype(np.float32)
    grain.flags.writeable = False
    return grain


def paint_table(canvas: Canvas, tone: float) -> None:
    """A long table seen from a little above; the far edge of its top is y = 64."""
    resolution, label = canvas.resolution, LABEL["table"]
    wood = blend(TABLES, tone)
    shadow(canvas, 72, 113, 62, 17, 0.75)
    for left, right, bottom in ((34, 39, 111), (105, 110, 111)):
        leg = block(resolution, left, FLOOR_TOP, right, bottom)
        canvas.paint(leg, wood * np.float32(0.50), label)
    for left, right in ((22, 29), (115, 122)):
        leg = outline(
            resolution,
            ((left, 96), (right, 96), (right - 1.2, 126), (left + 1.2, 126)),
        )
        canvas.paint(leg, shaded(wood, turned(leg, left, right), leg), label)
    apron = block(resolution, 21, 94, 123, 101)
    canvas.paint(apron, shaded(wood, 0.58 + 0.14 * fall(apron, 94, 101), apron), label)
    top = outline(
        resolution, ((30, TABLE_TOP), (114, TABLE_TOP), (125, TABLE_NEAR), (19, TABLE_NEAR))
    )
    canvas.paint(top, shaded(wood, _grain(resolution)[top.window], top), label)
    edge = slab(resolution, 18.5, TABLE_NEAR - 0.5, 125.5, TABLE_NEAR + 4, 1.5)
    pale = wood * np.float32(1.20) + np.float32(22)
    canvas.paint(edge, shaded(pale, 1.06 - 0.34 * fall(edge, 92, 96), edge), label)


def paint_stove(canvas: Canvas, tone: float) -> None:
    """A stove with a lit oven, and the hood over it."""
    resolution, label = canvas.resolution, LABEL["stove"]
    enamel = blend(APPLIANCES, tone)
    # the hood: a duct, a funnel and its lip
    duct = block(resolution, 10.5, 0, 21.5, 20)
    canvas.paint(duct, shaded(STEEL, turned(duct, 10, 22), duct), label)
    funnel = outline(resolution, ((10.5, 17), (21.5, 17), (30, 30), (2, 30)))
    slope = turned(funnel, 1, 31) * (1.06 - 0.22 * fall(funnel, 17, 30))
    canvas.paint(funnel, shaded(STEEL, slope, funnel), label)
    lip = slab(resolution, 1.5, 29, 30.5, 35, 1)
    canvas.paint(lip, shaded(STEEL, 0.72 + 0.30 * (1 - fall(lip, 29, 35)), lip), label)
    # the stove
    shadow(canvas, 16, 104, 20, 6, 0.8)
    body = slab(resolution, 1.5, 58, 30.5, 104, 1.5)
    side = turned(body, -2, 34) * (1.03 - 0.12 * fall(body, 58, 104))
    canvas.paint(body, shaded(enamel, side, body), label)
    hob = slab(resolution, 0.5, 56, 31.5, 60.5, 1.5)
    canvas.paint(hob, shaded(colour(58, 60, 66), 1.25 - 0.5 * fall(hob, 56, 60), hob), label)
    for x in (6, 12.5, 19, 25.5):
        canvas.paint(disc(canvas, x, 65.5, 2.2, 2.2), colour(64, 62, 64), label)
        canvas.paint(disc(canvas, x - 0.4, 65.0, 1.2, 1.2), colour(172, 172, 172), label)
    door = slab(resolution, 3.5, 70.5, 28.5, 100, 2)
    canvas.paint(door, shaded(enamel, turned(door, -6, 36) * np.float32(0.84), door), label)
    handle = slab(resolution, 5, 72.5, 27, 75.5, 1.2)
    canvas.paint(handle, shaded(STEEL, 1.2 - 0.35 * fall(handle, 72, 75.5), handle), label)
    glass = slab(resolution, 6, 79, 26, 94, 2)
    warm = fall(glass, 79, 94)[:, :, None]
    near = np.exp(-(((glass.xs * GRID - 15) / 8) ** 2))[:, :, None]
    canvas.paint(glass, colour(62, 34, 30) + colour(190, 112, 34) * warm * near, label)


def paint_fridge(canvas: Canvas, tone: float) -> None:
    """A round-shouldered fridge with a freezer door above."""
    resolution, label = canvas.resolution, LABEL["fridge"]
    enamel = blend(APPLIANCES, tone)
    shadow(canvas, 16, 104, 21, 6, 0.8)
    canvas.paint(block(resolution, 4, 100, 28, 105), colour(52, 50, 54), label)
    body = slab(resolution, 2, 18, 30.5, 101.5, 5)
    canvas.paint(body, shaded(enamel, turned(body, -1, 33) * np.float32(0.86), body), label)
    for top, bottom in ((18.5, 44), (45.5, 101)):
        door = slab(resolution, 2.5, top, 30, bottom, 4)
        bulge = turned(door, -1, 34) * (1.06 - 0.10 * fall(door, top, bottom))
        canvas.paint(door, shaded(enamel, bulge, door), label)
    for top, bottom in ((28, 40), (50, 66)):
        canvas.paint(slab(resolution, 24.2, top + 1, 27.6, bottom + 1, 1.6), SHADOW, None, 0.3)
        handle = slab(resolution, 23.5, top, 26.7, bottom, 1.6)
        canvas.paint(handle, shaded(STEEL, 1.25 - 0.3 * fall(handle, top, bottom), handle), label)
    gleam = slab(resolution, 6, 23, 8.6, 39, 1.3)
    canvas.paint(gleam, colour(255, 255, 255), None, 0.5)
    gleam = slab(resolution, 6, 51, 8.6, 84, 1.3)
    canvas.paint(gleam, colour(255, 255, 255), None, 0.4)
    canvas.paint(slab(resolution, 11, 55, 19, 64, 0.5), colour(250, 222, 110), label)


def _paint_door(
    canvas: Canvas,
    tone: np.ndarray,
    frame: tuple[float, float, float, float],
    knob: tuple[float, float],
) -> None:
    """A panelled cupboard door with a brass knob; `frame`: left, top, right, bottom."""
    left, top, right, bottom = frame
    resolution, label = canvas.resolution, LABEL["cupboard"]
    door = slab(resolution, left, top, right, bottom, 1)
    canvas.paint(door, shaded(tone, 1.04 - 0.06 * fall(door, top, bottom), door), label)
    groove = slab(resolution, left + 2.5, top + 2.5, right - 2.5, bottom - 2.5, 1)
    canvas.paint(groove, tone * np.float32(0.76), label)
    panel = slab(resolution, left + 3.5, top + 3.5, right - 2.5, bottom - 2.5, 1)
    canvas.paint(panel, shaded(tone, 1.00 - 0.08 * fall(panel, top, bottom), panel), label)
    canvas.paint(disc(canvas, knob[0] + 0.3, knob[1] + 0.5, 1.9, 1.9), SHADOW, None, 0.4)
    canvas.paint(disc(canvas, *knob, 1.7, 1.7), colour(232, 190, 96), label)


def paint_cupboards(canvas: Canvas, tone: float) -> None:
    """A row of five wall cupboards over the windows."""
    resolution, label = canvas.resolution, LABEL["cupboard"]
    paint = blend(CUPBOARDS, tone)
    shade = block(resolution, 34, 27, 112, 32)
    canvas.paint(shade, SHADOW, None, 0.22)
    canvas.paint(block(resolution, 32, 0, 112, 28), paint * np.float32(0.66), label)
    for number in range(5):
        left = 32.0 + 16 * number
        knob_x = left + (13.2 if number % 2 == 0 else 2.8)
        _paint_door(canvas, paint, (left + 0.5, 3, left + 15.5, 27), (knob_x, 23.2))
    cornice = block(resolution, 31, 0, 113, 3)
    canvas.paint(cornice, shaded(paint, 1.08 - 0.2 * fall(cornice, 0, 3), cornice), label)


def paint_pantry(canvas: Canvas, tone: float) -> None:
    """A tall cupboard at the right, cut by the edge of the image."""
    resolution, label = canvas.resolution, LABEL["cupboard"]
    paint = blend(CUPBOARDS, tone)
    shadow(canvas, 122, 103, 14, 5, 0.8)
    canvas.paint(block(resolution, 114, 3, 128, 104), paint * np.float32(0.66), label)
    canvas.paint(block(resolution, 113, 3, 128, 7), paint * np.float32(1.04), label)
    _paint_door(canvas, paint, (115, 8, 131, 48), (118.0, 43))
    _paint_door(canvas, paint, (115, 50, 131, 100), (118.0, 56))


def paint_pans(canvas: Canvas, tone: float) -> None:
    """Four pans on a rail over the windows."""
    resolution, label = canvas.resolution, LABEL["pot"]
    metal = blend(ENAMELS, tone)
    rail = slab(resolution, 34, 5, 110, 8, 1.4)
    canvas.paint(rail, shaded(STEEL, 1.1 - 0.5 * fall(rail, 5, 8), rail), label)
    for x, y, radius in ((39.5, 21, 7.2), (53, 19.5, 5.6), (91, 19.5, 5.6), (104.5, 21, 7.2)):
        shadow(canvas, x + 1.5, y + 1.5, radius + 1.5, radius + 1.5, 0.4)
        handle = slab(resolution, x - 1.5, 4.5, x + 1.5, y - 4, 1.3)
        canvas.paint(handle, colour(92, 66, 52), label)
        canvas.paint(disc(canvas, x, y, radius, radius), metal * np.float32(0.80), label)
        face = disc(canvas, x, y, radius - 1.6, radius - 1.6)
        round_x = (face.xs * GRID - np.float32(x)) / np.float32(radius)
        round_y = (face.ys * GRID - np.float32(y)) / np.float32(radius)
        shine = np.exp(-3.5 * ((round_x + 0.4) ** 2 + (round_y + 0.4) ** 2))[:, :, None]
        canvas.paint(face, metal + (255 - metal) * np.float32(0.62) * shine, label)


def paint_pot(canvas: Canvas, tone: float) -> None:
    """A pot with a lid on the stove."""
    resolution, label = canvas.resolution, LABEL["pot"]
    enamel = blend(ENAMELS, tone)
    canvas.paint(slab(resolution, 3.5, 47, 28.5, 50, 1.4), enamel * np.float32(0.60), label)
    body = slab(resolution, 6, 43.5, 26, 57.5, 2.5)
    canvas.paint(body, shaded(enamel, turned(body, 5, 27), body), label)
    lid = slab(resolution, 5, 41, 27, 45.5, 2.2)
    pale = enamel * np.float32(0.90) + np.float32(34)
    canvas.paint(lid, shaded(pale, turned(lid, 4, 28), lid), label)
    canvas.paint(slab(resolution, 13.5, 38, 18.5, 41.5, 1.7), colour(62, 54, 54), label)


@lru_cache(maxsize=8)
def _foliage(resolution: int) -> tuple[Cover, Cover]:
    """Two layers of leaves fanning out from the pot's middle; read-only."""
    layers = []
    for leaves in (
        ((-17, 19, 2.4), (18, 17, 2.4), (1, 28, 2.8)),
        ((-9, 23, 2.5), (11, 21, 2.5), (2, 16, 2.5)),
    ):
        along = np.linspace(0, 1, 9)
        parts = []
        for degrees, length, half in leaves:
            turn = np.radians(degrees)
            swell = half * np.sin(np.pi * along) ** 0.8
            side = np.concatenate([swell, -swell[::-1]])
            step = np.concatenate([along, along[::-1]]) * length
            x = 72 + 0.08 * degrees + np.sin(turn) * step + np.cos(turn) * side
            y = 76 - np.cos(turn) * step + np.sin(turn) * side
            parts.append(np.stack([x, y], axis=1) / GRID)
        cover = polygons(resolution, parts)
        cover.mask.flags.writeable = False
        layers.append(cover)
    return layers[0], layers[1]


def paint_plant(canvas: Canvas) -> None:
    """A plant in a clay pot on the table, in the gap between the windows' columns."""
    resolution, label = canvas.resolution, LABEL["plant"]
    shadow(canvas, 72, 84.5, 7.5, 2.6, 0.8)
    back, front = _foliage(resolution)
    canvas.paint(back, shaded(colour(58, 128, 66), 1.15 - 0.45 * fall(back, 50, 76), back), label)
    canvas.paint(front, shaded(colour(112, 180, 82), 1.1 - 0.3 * fall(front, 54, 76), front), label)
    clay = colour(214, 120, 76)
    pot = outline(resolution, ((66.5, 74), (77.5, 74), (76, 85), (68, 85)))
    canvas.paint(pot, shaded(clay, turned(pot, 66, 78), pot), label)
    rim = slab(resolution, 65.5, 72.5, 78.5, 76.5, 1)
    canvas.paint(rim, shaded(clay * np.float32(1.10), turned(rim, 65, 79), rim), label)


def paint_lamp(canvas: Canvas, tone: float, lit: bool) -> None:
    """A pendant lamp over the table, its rim above the windows."""
    resolution, label = canvas.resolution, LABEL["lamp"]
    canvas.paint(block(resolution, 71, 0, 73, 10), colour(60, 54, 54), label)
    bulb = disc(canvas, 72, 26.5, 6, 4.5)
    canvas.paint(bulb, colour(255, 248, 214) if lit else colour(206, 204, 198), label)
    shade = outline(
        resolution,
        ((69, 8), (75, 8), (79, 13), (84, 20), (86.5, 27), (57.5, 27), (60, 20), (65, 13)),
    )
    enamel = blend(LAMPS, tone)
    if lit:
        enamel = enamel * np.float32(0.85) + colour(62, 52, 24)
    side = turned(shade, 56, 88) * (0.92 + 0.22 * fall(shade, 8, 27))
    canvas.paint(shade, shaded(enamel, side, shade), label)
    rim = slab(resolution, 57, 25, 87, 28, 1.4)
    glowing = colour(255, 240, 176) if lit else enamel * np.float32(0.70)
    canvas.paint(rim, glowing, label)


def paint_chair(canvas: Canvas, x: float, out: float, tone: float) -> None:
    """A chair seen from behind, `out` pixels from its nearest place to the table."""
    resolution, label = canvas.resolution, LABEL["chair"]
    top = 86.5 + out
    wood, cloth = blend(CHAIRS, tone), blend(CUSHIONS, tone)
    shadow(canvas, x, top + 36, 17, 5, 0.8)

    def part(left: float, right: float, high: float, low: float, radius: float) -> Cover:
        return rounded(resolution, x + left, top + high, x + right, top + low, radius)

    for left in (-9.5, 6.5):  # the far legs
        canvas.paint(part(left, left + 3, 22, 33, 1), wood * np.float32(0.52), label)
    cushion = part(-11.5, 11.5, 19, 25.5, 3)
    canvas.paint(cushion, shaded(cloth, 1.08 - 0.4 * fall(cushion, top + 19, top + 26), cushion))
    canvas.labels[cushion.window][cushion.mask >= 0.5] = label
    for left in (-5.2, 1.8):
        slat = part(left, left + 3.4, 4, 18, 0.5)
        canvas.paint(slat, shaded(wood, 1.0 - 0.16 * fall(slat, top + 4, top + 18), slat), label)
    lower = part(-10, 10, 15, 18.5, 0.5)
    canvas.paint(lower, wood * np.float32(0.84), label)
    for left in (-12, 8.2):
        post = part(left, left + 3.8, 2, 37, 1.2)
        rod = turned(post, x + left - 0.6, x + left + 4.4)
        canvas.paint(post, shaded(wood, rod, post), label)
    rail = part(-12.5, 12.5, 0, 6.5, 2.8)
    canvas.paint(rail, shaded(wood, 1.16 - 0.34 * fall(rail, top, top + 6.5), rail), label)
