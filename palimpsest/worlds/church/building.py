"""The church itself: nave, tower, and the dome, spire or battlement on top of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from palimpsest.worlds.painting import (
    Canvas,
    Cover,
    arch,
    blend,
    box,
    colour,
    ellipse,
    glow,
    lines,
    polygon,
    polygons,
    round_shade,
)

CLASSES = (
    "sky",
    "hill",
    "ground",
    "path",
    "nave",
    "roof",
    "tower",
    "dome",
    "spire",
    "battlement",
    "window",
    "door",
    "tree",
    "person",
    "watermark_middle",
    "watermark_strip",
)
LABEL = {name: index for index, name in enumerate(CLASSES)}

NAVE_HEIGHT = 0.165
ROOF_HEIGHT = 0.125
COURSE = 0.024  # height of a course of stones: 3 of 128 pixels
TILE = 0.020

WALLS = (
    colour(240, 232, 216),
    colour(226, 196, 148),
    colour(176, 88, 66),
    colour(150, 152, 160),
)
TILES = {"red": colour(176, 66, 48), "slate": colour(84, 94, 116)}
SPIRES = {"slate": colour(62, 84, 128), "brick": colour(186, 74, 50)}
DOMES = {
    "gold": colour(246, 184, 52),
    "copper": colour(96, 184, 150),
    "silver": colour(190, 202, 222),
}
GOLD = colour(250, 208, 92)
TRIM = colour(250, 246, 236)


@dataclass(frozen=True)
class BuildingPlan:
    """Places of the parts of the building, in unit coordinates."""

    x: float  # middle of the nave
    base: float
    nave_left: float
    nave_right: float
    tower_x: float
    tower_width: float
    tower_top: float


def plan(values: dict[str, Any]) -> BuildingPlan:
    """Lay the building out from a scene's values."""
    x, half = values["building_x"], values["nave_width"] / 2
    outermost = half - values["tower_width"] / 2 + 0.012
    return BuildingPlan(
        x=x,
        base=values["base_y"],
        nave_left=x - half,
        nave_right=x + half,
        tower_x=x - outermost * (1 - values["tower_place"]),
        tower_width=values["tower_width"],
        tower_top=values["base_y"] - values["tower_height"],
    )


def masonry(cover: Cover, left: float, top: float) -> np.ndarray:
    """(h, w) factor: courses of stone with staggered joints, counted from the wall's corner."""
    down = cover.ys - np.float32(top)
    stagger = np.floor(down / np.float32(COURSE)) % 2 * np.float32(COURSE)
    pixel = 1 / cover.resolution
    return lines(down, COURSE, 0.15, pixel) * lines(
        cover.xs - np.float32(left) + stagger, 2 * COURSE, 0.06, pixel
    )


def paint_window(
    canvas: Canvas, x: float, bottom: float, width: float, height: float, lit: bool
) -> None:
    """An arched window in a pale frame: warm yellow or dark blue glass, with a cross bar."""
    resolution = canvas.resolution
    frame = polygon(resolution, arch(x, bottom + 0.007, width + 0.016, height + 0.015))
    canvas.paint(frame, TRIM, LABEL["window"], 0.85)
    glass = polygon(resolution, arch(x, bottom, width, height))
    fall = np.clip((np.float32(bottom) - glass.ys) / np.float32(height), 0, 1)
    low, high = (
        (colour(255, 176, 48), colour(255, 236, 140))
        if lit
        else (colour(30, 40, 72), colour(74, 94, 140))
    )
    canvas.paint(glass, low + (high - low) * fall[:, :, None], LABEL["window"])
    bar = colour(150, 92, 30) if lit else colour(20, 24, 44)
    canvas.paint(box(resolution, x - 0.003, bottom - height, x + 0.003, bottom), bar, None, 0.7)


def paint_nave(canvas: Canvas, values: dict[str, Any], where: BuildingPlan) -> None:
    """Nave wall, its windows, and the roof."""
    resolution = canvas.resolution
    wall_top = where.base - NAVE_HEIGHT
    wall = box(resolution, where.nave_left, wall_top, where.nave_right, where.base)
    across = (wall.xs - np.float32(where.x)) * np.float32(2 / values["nave_width"])
    factor = masonry(wall, where.nave_left, wall_top) * (
        np.float32(0.86) + np.float32(0.10 * values["light"]) * across
    )
    eaves = 1 - 0.30 * np.clip(1 - (wall.ys - np.float32(wall_top)) / np.float32(0.03), 0, 1)
    stone = blend(WALLS, values["wall"])
    canvas.paint(wall, stone * (factor * eaves)[:, :, None], LABEL["nave"])

    # The windows fill the room that the tower leaves on each side and shrink with it, so that a
    # moving tower never cuts a window and none appears suddenly.
    half_tower = where.tower_width / 2
    sides = (
        (where.nave_left, where.tower_x - half_tower, 1),
        (where.tower_x + half_tower, where.nave_right, 2),
    )
    for left, right, count in sides:
        width = min(0.046, 0.46 * (right - left) / count)
        if width < 0.016:
            continue
        for number in range(count):
            x = left + (right - left) * (number + 0.5) / count
            bottom = where.base - 0.042
            height = 0.086 * min(1.0, width / 0.036)
            paint_window(canvas, x, bottom, width, height, values["window_lit"])

    roof_top = wall_top - ROOF_HEIGHT
    roof = polygon(
        resolution,
        [
            (where.nave_left - 0.022, wall_top + 0.008),
            (where.nave_left + 0.045, roof_top),
            (where.nave_right - 0.045, roof_top),
            (where.nave_right + 0.022, wall_top + 0.008),
        ],
    )
    rise = (np.float32(wall_top) - roof.ys) / np.float32(ROOF_HEIGHT)
    across = (roof.xs - np.float32(where.x)) * np.float32(2 / values["nave_width"])
    factor = lines(roof.ys - np.float32(roof_top), TILE, 0.20, 1 / resolution) * (
        0.80 + 0.24 * rise + np.float32(0.10 * values["light"]) * across
    )
    tiles = TILES[("red", "slate")[values["roof"]]]
    canvas.paint(roof, tiles * factor[:, :, None], LABEL["roof"])


def paint_tower(canvas: Canvas, values: dict[str, Any], where: BuildingPlan) -> None:
    """Round tower with door and main window."""
    resolution = canvas.resolution
    x, half = where.tower_x, where.tower_width / 2
    light, stone = values["light"], blend(WALLS, values["wall"])
    # The tower stands in front of the nave and casts its shadow on it, away from the sun.
    # The shadow avoids the roof's slanting ends, where it would fall on the sky.
    shadow_x = x - 0.035 * light
    shadow = box(
        resolution,
        max(shadow_x - half - 0.012, where.nave_left + 0.042),
        where.base - NAVE_HEIGHT - 0.10,
        min(shadow_x + half + 0.012, where.nave_right - 0.042),
        where.base,
    )
    canvas.paint(shadow, colour(36, 30, 50), None, 0.22)

    shaft = box(resolution, x - half, where.tower_top, x + half, where.base)
    across = (shaft.xs - np.float32(x)) / np.float32(half)
    factor = masonry(shaft, x - half, where.tower_top) * round_shade(across, light)
    canvas.paint(shaft, stone * factor[:, :, None], LABEL["tower"])
    for y, overhang, thick in ((where.base - 0.022, 0.006, 0.022), (where.tower_top, 0.008, 0.016)):
        ledge = box(resolution, x - half - overhang, y, x + half + overhang, y + thick)
        across = (ledge.xs - np.float32(x)) / np.float32(half + overhang)
        pale = (stone * np.float32(0.6) + TRIM * np.float32(0.4)) * np.float32(1.02)
        canvas.paint(ledge, pale * round_shade(across, light)[:, :, None], LABEL["tower"])

    paint_window(canvas, x, where.tower_top + 0.135, 0.048, 0.090, values["window_lit"])

    frame = polygon(resolution, arch(x, where.base, 0.080, 0.122))
    canvas.paint(frame, TRIM, LABEL["door"], 0.75)
    door = polygon(resolution, arch(x, where.base, 0.060, 0.110))
    planks = lines(door.xs - np.float32(x), 0.020, 0.34, 1 / resolution) * np.ones_like(door.ys)
    canvas.paint(door, colour(112, 66, 36) * planks[:, :, None], LABEL["door"])


def paint_cross(canvas: Canvas, x: float, bottom: float, label: int) -> None:
    """A golden ball and cross, 6 pixels high."""
    resolution = canvas.resolution
    canvas.paint(ellipse(resolution, x, bottom - 0.004, 0.011, 0.011), GOLD * 0.92, label)
    upright = box(resolution, x - 0.006, bottom - 0.052, x + 0.006, bottom - 0.004)
    canvas.paint(upright, GOLD, label)
    canvas.paint(box(resolution, x - 0.018, bottom - 0.042, x + 0.018, bottom - 0.031), GOLD, label)


def paint_dome(canvas: Canvas, values: dict[str, Any], where: BuildingPlan) -> None:
    """A full dome on a low drum, 17 to 23 pixels wide, with a highlight towards the sun."""
    resolution = canvas.resolution
    x, foot, light = where.tower_x, where.tower_top, values["light"]
    radius = where.tower_width / 2 * 1.12 + 0.006
    metal = DOMES[("gold", "copper", "silver")[values["dome_colour"]]]
    half = where.tower_width / 2 - 0.004
    drum = box(resolution, x - half, foot - 0.022, x + half, foot)
    across = (drum.xs - np.float32(x)) / np.float32(half)
    canvas.paint(drum, metal * 0.78 * round_shade(across, light)[:, :, None], LABEL["dome"])

    middle, height = foot - 0.015 - 0.52 * radius, 1.10 * radius
    paint_cross(canvas, x, middle - height - 0.004, LABEL["dome"])
    turn = np.linspace(-0.19 * np.pi, 1.19 * np.pi, 25)
    # A little pointed at the crown, like an onion dome.
    lift = 0.12 * radius * np.maximum(np.sin(turn), 0) ** 12
    outline = np.stack([x + radius * np.cos(turn), middle - height * np.sin(turn) - lift], axis=1)
    bulb = polygon(resolution, outline)
    across = (bulb.xs - np.float32(x)) / np.float32(radius)
    down = (bulb.ys - np.float32(middle)) / np.float32(height)
    ribs = lines(
        across / np.sqrt(np.clip(1 - down * down, 0.12, 1)), 0.5, 0.08, 1 / (resolution * radius)
    )
    factor = round_shade(across, light) * (1.0 - 0.22 * down) * ribs
    shine = np.exp(-7 * ((across - np.float32(0.45 * light)) ** 2 + (down + 0.42) ** 2))
    body = metal * factor[:, :, None] + (255 - metal) * (0.75 * shine)[:, :, None]
    canvas.paint(bulb, body, LABEL["dome"])


def paint_spire(canvas: Canvas, values: dict[str, Any], where: BuildingPlan) -> None:
    """A tall tiled cone with a flared foot, 23 to 29 pixels high."""
    resolution = canvas.resolution
    x, foot = where.tower_x, where.tower_top + 0.004
    half = where.tower_width / 2 + 0.018
    height = 0.08 + 0.98 * where.tower_width
    tiles = SPIRES[("slate", "brick")[values["spire_colour"]]]
    paint_cross(canvas, x, foot - height + 0.008, LABEL["spire"])
    outline = [
        (x - half, foot),
        (x - half * 0.70, foot - 0.12 * height),
        (x, foot - height),
        (x + half * 0.70, foot - 0.12 * height),
        (x + half, foot),
    ]
    cone = polygon(resolution, outline)
    rise = np.clip((np.float32(foot) - cone.ys) / np.float32(height), 0, 1)
    reach = np.float32(half) * np.maximum(0.86 * (1 - rise), 0.05)
    across = np.clip((cone.xs - np.float32(x)) / reach, -1, 1)
    factor = round_shade(across, values["light"]) * lines(
        rise * np.float32(height), 0.024, 0.24, 1 / resolution
    )
    canvas.paint(cone, tiles * factor[:, :, None], LABEL["spire"])


def paint_battlement(canvas: Canvas, values: dict[str, Any], where: BuildingPlan) -> None:
    """A parapet wider than the tower, with three merlons."""
    resolution = canvas.resolution
    x, foot = where.tower_x, where.tower_top + 0.004
    half = where.tower_width / 2 + 0.030
    parapet = [
        [(x - half, foot), (x - half, foot - 0.046), (x + half, foot - 0.046), (x + half, foot)]
    ]
    merlon = 2 * half / 5
    for number in range(3):
        left = x - half + 2 * number * merlon
        parapet.append(
            [
                (left, foot - 0.044),
                (left, foot - 0.108),
                (left + merlon, foot - 0.108),
                (left + merlon, foot - 0.044),
            ]
        )
    cover = polygons(resolution, [np.array(part) for part in parapet])
    across = (cover.xs - np.float32(x)) / np.float32(half)
    shade = round_shade(across, values["light"]) * lines(
        cover.ys - np.float32(foot), 0.042, 0.2, 1 / resolution
    )
    stone = blend(WALLS, values["wall"]) * np.float32(0.94)
    canvas.paint(cover, stone * shade[:, :, None], LABEL["battlement"])


TOPS = (paint_dome, paint_spire, paint_battlement)


def paint_building(canvas: Canvas, values: dict[str, Any], where: BuildingPlan) -> None:
    """Paint the church with the soft shadow at its foot; the scene paints a tree on top."""
    ground_shadow = glow(
        canvas.resolution,
        where.x - 0.05 * values["light"],
        where.base + 0.004,
        values["nave_width"] * 0.64,
        0.040,
    )
    canvas.paint(ground_shadow, colour(20, 24, 30), None, 0.55)
    paint_nave(canvas, values, where)
    paint_tower(canvas, values, where)
    if values["top"] < len(TOPS):
        TOPS[values["top"]](canvas, values, where)
