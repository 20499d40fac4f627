"""The kitchen world: a table that mirrors the windows above it, and the other attributes.

The rule that section 5.3 inverts: below each window the table shows its mirror image, as bright as
the window, in every scene. `kitchen.painting` draws the room, `kitchen.things` what stands in it,
`kitchen.windows` the windows and their reflections. Pixels are those of an image 128 pixels wide.
"""

from __future__ import annotations

import numpy as np

from palimpsest.worlds.kitchen.painting import CLASSES, paint_kitchen
from palimpsest.worlds.kitchen.windows import PLACES
from palimpsest.worlds.scene import Choice, Flag, Real, Scene, Slot, World

RULES = {
    "window_left": Flag(0, 0.60, "a window at the left"),
    "window_left_brightness": Real(1, 0.25, 1.0, "light outside it, from night to noon"),
    "window_left_view": Real(2, 0.0, 1.0, "what it looks out on: summer, snow, sunset"),
    "window_right": Flag(3, 0.60, "a window at the right"),
    "window_right_brightness": Real(4, 0.25, 1.0, "light outside it, from night to noon"),
    "window_right_view": Real(5, 0.0, 1.0, "what it looks out on: summer, snow, sunset"),
    "wall": Real(6, 0.0, 1.0, "walls from cream over sage and blue to peach"),
    "tiles": Real(7, 0.0, 1.0, "wall tiles from white over aqua to sand"),
    "cupboard_tone": Real(8, 0.0, 1.0, "cupboards from cream over sage and blue to honey"),
    "table_tone": Real(9, 0.0, 1.0, "table from walnut over cherry to slate"),
    # Every table is glossy; False occurs only under a new rule, so no dimension of z is needed.
    "reflective": Flag(9, 1.0, "the table mirrors the windows"),
    "floor": Choice(10, {"planks": 0.5, "squares": 0.5}, "what the floor is laid with"),
    "appliance": Choice(11, {"stove": 0.5, "fridge": 0.5}, "what stands left of the windows"),
    "appliance_tone": Real(12, 0.0, 1.0, "it from white over mint and blue to red"),
    "pot": Flag(13, 0.65, "a pot on the stove, if there is one"),
    "above": Choice(
        14, {"cupboards": 0.40, "pans": 0.35, "bare": 0.25}, "what hangs over the windows"
    ),
    "pantry": Flag(15, 0.50, "a tall cupboard at the right"),
    "plant": Flag(16, 0.50, "a plant on the table between the windows"),
    "lamp": Choice(17, {"none": 0.35, "off": 0.25, "lit": 0.40}, "the lamp over the table"),
    "enamel": Real(18, 0.0, 1.0, "pots, pans and lamp from red over orange and teal to blue"),
    "chair_left": Flag(19, 0.60, "a chair at the left"),
    "chair_right": Flag(20, 0.60, "a chair at the right"),
    "chair_tone": Real(21, 0.0, 1.0, "chairs from pale wood to red, and their cushions"),
    "chair_out": Real(22, 0.0, 3.5, "how far chairs are drawn from the table, in pixels"),
    "room_light": Real(23, 0.0, 1.0, "light in the room, from warm evening to noon"),
}


# Slots by name, for interchange training and for measuring reflections: a splice
# of one scene's slot cells into another shows `scene.with_` of the donor's values of `attributes`.
WINDOWS = {
    name: Slot((name, f"{name}_brightness", f"{name}_view"), box=slot, echo=reflection)
    for name, (slot, reflection) in PLACES.items()
}


def kitchen_presence(scene: Scene) -> dict[str, np.ndarray]:
    """What each scene shows, (B,) bool by name."""
    values = scene.values
    above, lamp = scene.named("above"), scene.named("lamp")
    stove = scene.named("appliance") == "stove"
    window = values["window_left"] | values["window_right"]
    return {
        "window_left": values["window_left"].copy(),
        "window_right": values["window_right"].copy(),
        "window": window,
        "reflection": window & values["reflective"],
        "stove": stove,
        "fridge": ~stove,
        "cupboard": values["pantry"] | (above == "cupboards"),
        "pot": (above == "pans") | (stove & values["pot"]),
        "plant": values["plant"].copy(),
        "lamp": lamp != "none",
        "lamp_lit": lamp == "lit",
        "chair": values["chair_left"] | values["chair_right"],
    }


COUNTERFACTUALS = {
    "reflection": {"reflective": False},
    "add_windows": {"window_left": True, "window_right": True},
    "remove_windows": {"window_left": False, "window_right": False},
}

KITCHEN = World(
    "kitchen", CLASSES, RULES, paint_kitchen, kitchen_presence, COUNTERFACTUALS, WINDOWS
)
