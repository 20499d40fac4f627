"""The horse world: its attributes with their probabilities, and what each scene contains.

`horse.painting` draws the scene, `horse.body` the horse, `horse.rider` the rider and the hats. The
horse faces right unless the scene is mirrored. Pixels are those of an image 128 pixels wide.
"""

from __future__ import annotations

import numpy as np

from palimpsest.worlds.horse.painting import CLASSES, paint_horse
from palimpsest.worlds.scene import Choice, Flag, Real, Scene, World

RULES = {
    "pose": Choice(
        0, {"standing": 0.36, "walking": 0.32, "grazing": 0.32}, "what the horse is doing"
    ),
    "coat": Choice(
        1, {"bay": 0.28, "black": 0.22, "grey": 0.24, "chestnut": 0.26}, "coat, mane and tail"
    ),
    "coat_tone": Real(2, 0.0, 1.0, "the coat from dark to light"),
    "rider": Flag(3, 0.50, "a rider, in a saddle"),
    "rider_hat": Flag(4, 0.55, "the rider wears a hat"),
    # Probability 0: only the new rule hat puts a hat on a horse.
    "horse_hat": Flag(4, 0.0, "the horse wears a hat between its ears"),
    "tail": Choice(5, {"short": 0.50, "long": 0.50}, "tail, 18 or 45 pixels long"),
    "tail_swing": Real(6, 0.0, 0.10, "how far the tail swings away from the legs"),
    "mane_length": Real(7, 0.050, 0.085, "how far the mane falls down the neck"),
    "jacket": Choice(8, {"red": 0.34, "blue": 0.33, "green": 0.33}, "rider's jacket"),
    "hat_colour": Choice(9, {"yellow": 0.40, "blue": 0.30, "red": 0.30}, "colour of every hat"),
    "horse_x": Real(10, 0.485, 0.515, "middle of the horse"),
    "foot_y": Real(11, 0.875, 0.905, "where its hooves stand"),
    "horse_size": Real(12, 0.95, 1.02, "its size"),
    "sky": Choice(13, {"clear": 0.44, "overcast": 0.26, "sunset": 0.30}, "weather and hour"),
    "cloud_drift": Real(14, -1.0, 1.0, "how far the clouds have drifted"),
    "cloud_size": Real(15, 0.80, 1.20, "how large they are"),
    "ground": Choice(16, {"meadow": 0.40, "sand": 0.30, "snow": 0.30}, "what the horse stands on"),
    "hills": Real(17, 0.0, 1.0, "height and place of the distant hills"),
    "fence": Flag(18, 0.50, "a fence across the field, behind the horse"),
    "tree_behind": Flag(19, 0.45, "a tree behind the horse's tail"),
    "tree_ahead": Flag(20, 0.45, "a tree ahead of the horse"),
    "tree_kind": Choice(21, {"round": 0.5, "fir": 0.5}, "shape of all trees"),
    "tree_size": Real(22, 0.0, 1.0, "tree height, 40 to 49 pixels"),
    "light": Real(23, -1.0, 1.0, "sun from behind the horse (-1) to before it (1)"),
    "socks": Flag(24, 0.40, "white lower legs"),
    "blaze": Flag(25, 0.40, "a white blaze on the face"),
    "mirror": Flag(26, 0.50, "all is seen in a mirror: the horse faces left"),
}


def horse_presence(scene: Scene) -> dict[str, np.ndarray]:
    """What each scene shows, (B,) bool by name; `hat` is a rider's."""
    values, pose = scene.values, scene.named("pose")
    trees = values["tree_behind"] | values["tree_ahead"]
    return {
        "rider": values["rider"].copy(),
        "hat": values["rider"] & values["rider_hat"],
        "long_tail": scene.named("tail") == "long",
        "grazing": pose == "grazing",
        "walking": pose == "walking",
        "faces_left": values["mirror"].copy(),
        "grey": scene.named("coat") == "grey",
        "snow": scene.named("ground") == "snow",
        "sunset": scene.named("sky") == "sunset",
        "overcast": scene.named("sky") == "overcast",
        "fence": values["fence"].copy(),
        "tree": trees,
        "fir": trees & (scene.named("tree_kind") == "fir"),
    }


COUNTERFACTUALS = {
    "hat": {"horse_hat": True},
    "long_tail": {"tail": "long"},
    "remove_rider": {"rider": False},
}

HORSE = World("horse", CLASSES, RULES, paint_horse, horse_presence, COUNTERFACTUALS)
