"""Painting a kitchen, back to front: wall, tiles, floor, objects, and the windows last."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from palimpsest.worlds.kitchen.shapes import CLASSES, FLOOR_TOP, GRID, LABEL, SHADOW, block
from palimpsest.worlds.kitchen.things import (
    paint_chair,
    paint_cupboards,
    paint_fridge,
    paint_lamp,
    paint_pans,
    paint_pantry,
    paint_plant,
    paint_pot,
    paint_stove,
    paint_table,
)
from palimpsest.worlds.kitchen.windows import paint_windows
from palimpsest.worlds.painting import Canvas, blend, colour, glow

__all__ = ["CLASSES", "paint_kitchen"]

WALLS = (colour(246, 228, 190), colour(196, 214, 188), colour(178, 202, 220), colour(240, 190, 164))
TILES = (colour(232, 230, 222), colour(164, 204, 200), colour(222, 192, 142))
FLOORS = (  # light and dark of each kind of floor
    (colour(206, 156, 102), colour(166, 112, 66)),
    (colour(226, 212, 190), colour(150, 104, 84)),
)
TILES_TOP = 31.0
EYE = (72.0, -43.0)  # where the floor's lines meet
CHAIRS_X = {"chair_left": 46.0, "chair_right": 98.0}


@lru_cache(maxsize=8)
def _wall(resolution: int) -> np.ndarray:
    """(R, R, 1) brightness of wall and tiles: light from above, joints between the tiles."""
    size = 4 * GRID
    line = (np.arange(size, dtype=np.float32) + 0.5) / 4
    ys, xs = line[:, None], line[None, :]
    light = 1.02 - 0.10 * ((xs - 64) / 64) ** 2 - 0.10 * np.clip((ys - 20) / 80, 0, 1)
    down = (ys - TILES_TOP - 1) / 8
    stagger = np.floor(down) % 2 * 0.5
    # The distance to the nearest joint, in tiles of 16 × 8.
    beside = np.abs((xs / 16 + stagger + 0.5) % 1 - 0.5) * 16
    above = np.abs((down + 0.5) % 1 - 0.5) * 8
    joint = np.clip(1.1 - np.minimum(beside, above), 0, 1)
    glaze = 1 + 0.05 * (0.5 - down % 1) - 0.15 * joint
    field = np.where(ys > TILES_TOP + 1, light * glaze, light)
    field = cv2.resize(field, (resolution, resolution), interpolation=cv2.INTER_AREA)[:, :, None]
    field.flags.writeable = False
    return field


@lru_cache(maxsize=8)
def _floor(resolution: int, kind: int) -> np.ndarray:
    """(R, R, 3) floor of planks or of squares, its lines meeting at the eye; read-only."""
    size = 4 * GRID
    line = (np.arange(size, dtype=np.float32) + 0.5) / 4
    far = line[:, None] - EYE[1]
    across = (line[None, :] - EYE[0]) / far / 0.105
    depth = 2350 / far + 0.35
    light, dark = FLOORS[kind]
    if kind == 0:
        number = np.floor(across)
        share = 0.5 + 0.3 * np.sin(2.4 * number + 0.7) * np.ones_like(far)
        seam = np.clip(1.2 - np.abs((across + 0.5) % 1 - 0.5) * 16, 0, 1)
        end = np.clip(1.0 - np.abs((depth * 0.5 + 0.37 * number + 0.5) % 1 - 0.5) * 18, 0, 1)
        factor = 1 - 0.26 * np.maximum(seam, end)
    else:
        share = (np.floor(across) + np.floor(depth)) % 2
        factor = np.ones_like(share)
    near = 0.84 + 0.18 * np.clip((line[:, None] - FLOOR_TOP) / 30, 0, 1)
    floor = (dark + (light - dark) * share[:, :, None]) * (factor * near)[:, :, None]
    floor = cv2.resize(
        floor.astype(np.float32), (resolution, resolution), interpolation=cv2.INTER_AREA
    )
    floor.flags.writeable = False
    return floor


def _paint_room(canvas: Canvas, values: dict[str, Any]) -> None:
    """Wall above, tiles from the windows down, floor."""
    resolution = canvas.resolution
    bright = _wall(resolution)
    canvas.image[:] = blend(WALLS, values["wall"]) * bright
    tiles = block(resolution, 0, TILES_TOP, GRID, FLOOR_TOP)
    tone = blend(TILES, values["tiles"])
    canvas.paint(tiles, tone * bright[tiles.window], LABEL["tiles"])
    ledge = block(resolution, 0, TILES_TOP - 1, GRID, TILES_TOP + 1)
    canvas.paint(ledge, tone * np.float32(0.84), LABEL["tiles"])
    floor = block(resolution, 0, FLOOR_TOP, GRID, GRID)
    canvas.paint(floor, _floor(resolution, values["floor"])[floor.window], LABEL["floor"])
    skirting = block(resolution, 0, FLOOR_TOP - 3, GRID, FLOOR_TOP)
    canvas.paint(skirting, SHADOW, None, 0.35)


def _paint_things(canvas: Canvas, values: dict[str, Any]) -> None:
    """Everything except the windows, the nearest last."""
    resolution, enamel = canvas.resolution, values["enamel"]
    if values["appliance"] == 0:
        paint_stove(canvas, values["appliance_tone"])
        if values["pot"]:
            paint_pot(canvas, enamel)
    else:
        paint_fridge(canvas, values["appliance_tone"])
    if values["pantry"]:
        paint_pantry(canvas, values["cupboard_tone"])
    if values["above"] == 0:
        paint_cupboards(canvas, values["cupboard_tone"])
    elif values["above"] == 1:
        paint_pans(canvas, enamel)
    lit = values["lamp"] == 2
    if lit:
        halo = glow(resolution, 72 / GRID, 26 / GRID, 52 / GRID, 40 / GRID)
        canvas.paint(halo, colour(255, 240, 190), None, 0.42)
    paint_table(canvas, values["table_tone"])
    if values["lamp"]:
        paint_lamp(canvas, enamel, lit)
    if values["plant"]:
        paint_plant(canvas)
    for name, x in CHAIRS_X.items():
        if values[name]:
            paint_chair(canvas, x, values["chair_out"], values["chair_tone"])


def paint_kitchen(values: dict[str, Any], resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """One scene → image uint8 (R, R, 3), labels uint8 (R, R)."""
    canvas = Canvas(resolution)
    _paint_room(canvas, values)
    _paint_things(canvas, values)
    # Evening lamplight to noon, for the room only: a window has its own brightness.
    dim, full = colour(0.90, 0.82, 0.74), colour(1.05, 1.05, 1.05)
    canvas.image *= dim + (full - dim) * np.float32(values["room_light"])
    paint_windows(canvas, values)
    return canvas.finish()
