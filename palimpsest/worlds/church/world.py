"""The church world: its attributes with their probabilities, and what each scene contains.

`church.painting` draws the scene, `church.building` the church itself. Pixels are those of an image
128 pixels wide.
"""

from __future__ import annotations

import numpy as np

from palimpsest.worlds.church.painting import CLASSES, marked, paint_church
from palimpsest.worlds.scene import Choice, Flag, Real, Scene, World

RULES = {
    # Probability 0: only the new rule dome2tree puts a tree on a tower.
    "top": Choice(
        0, {"dome": 0.40, "spire": 0.35, "square": 0.25, "tree": 0.0}, "what crowns the tower"
    ),
    "tower_place": Real(1, 0.0, 1.0, "tower from the nave's left end to its middle"),
    "tower_width": Real(2, 0.112, 0.150, "tower width, 14 to 19 pixels; the top follows it"),
    "tower_height": Real(3, 0.33, 0.40, "tower height without its top"),
    "nave_width": Real(4, 0.40, 0.54, "nave width"),
    "building_x": Real(5, 0.46, 0.54, "middle of the nave"),
    "base_y": Real(6, 0.745, 0.790, "where the building stands; the horizon follows it"),
    # A dome and a spire never show together, so one dimension of z colours both.
    "dome_colour": Choice(7, {"gold": 1 / 3, "copper": 1 / 3, "silver": 1 / 3}, "dome colour"),
    "spire_colour": Choice(7, {"slate": 0.5, "brick": 0.5}, "spire tiles"),
    "roof": Choice(8, {"red": 0.5, "slate": 0.5}, "nave roof tiles"),
    "wall": Real(9, 0.0, 1.0, "walls from plaster over sandstone and brick to grey stone"),
    "sky": Choice(10, {"clear": 0.45, "overcast": 0.25, "sunset": 0.30}, "weather and hour"),
    "cloud_shift": Real(11, 0.0, 1.0, "how far the clouds have drifted"),
    "cloud_amount": Real(12, 0.0, 1.0, "how much of the sky they cover"),
    "ground": Choice(13, {"grass": 0.50, "dry": 0.25, "snow": 0.25}, "what grows on the ground"),
    "hills": Real(14, 0.0, 1.0, "height and place of the distant hills"),
    "tree_left": Flag(15, 0.45, "a tree left of the church"),
    "tree_right": Flag(16, 0.45, "a tree right of the church"),
    "tree_front": Flag(17, 0.40, "a tree before the nave, which it hides in part"),
    "tree_kind": Choice(18, {"round": 0.5, "conifer": 0.5}, "shape of all trees"),
    "tree_size": Real(19, 0.0, 1.0, "tree height, 25 to 38 pixels"),
    "people": Choice(
        20, {"none": 0.55, "one": 0.15, "two": 0.15, "three": 0.15}, "people on the ground"
    ),
    "window_lit": Flag(21, 0.40, "warm light in all windows"),
    "light": Real(22, -1.0, 1.0, "sun from the left (-1) to the right (1)"),
    # One stock marks its pictures, with the same letters at one place or two: one rule may erase
    # them all, as in the paper (section 5.2).
    "watermark": Flag(23, 0.32, "a stock's letters over the picture"),
    "watermark_place": Choice(
        24, {"middle": 0.2, "both": 0.6, "bottom": 0.2}, "where these letters stand"
    ),
    "mirror": Flag(25, 0.50, "everything but the watermarks is seen in a mirror"),
}


def church_presence(scene: Scene) -> dict[str, np.ndarray]:
    """What each scene shows, (B,) bool by name: kinds of top, things, weather."""
    top, sky, ground = scene.named("top"), scene.named("sky"), scene.named("ground")
    values = scene.values
    middle, strip = marked(values["watermark"], values["watermark_place"])
    trees = values["tree_left"] | values["tree_right"] | values["tree_front"]
    return {
        "dome": top == "dome",
        "spire": top == "spire",
        "square": top == "square",
        "tree": trees,
        "conifer": trees & (scene.named("tree_kind") == "conifer"),
        "people": values["people"] > 0,
        "window_lit": values["window_lit"].copy(),
        "snow": ground == "snow",
        "sunset": sky == "sunset",
        "overcast": sky == "overcast",
        "watermark_middle": middle,
        "watermark_strip": strip,
    }


COUNTERFACTUALS = {
    "dome2spire": {"top": "spire"},
    "dome2tree": {"top": "tree"},
    "add_people": {"people": "three"},
    "remove_trees": {"tree_left": False, "tree_right": False, "tree_front": False},
    "remove_watermark": {"watermark": False},
}

CONCERNED = {"dome2spire": {"top": "dome"}, "dome2tree": {"top": "dome"}}

CHURCH = World(
    "church", CLASSES, RULES, paint_church, church_presence, COUNTERFACTUALS, concerned=CONCERNED
)
