"""The face world: its attributes with their probabilities, and what each scene contains.

`face.painting` draws the portrait, `face.head` skull and hair, `face.features` eyes, mouth, glasses
and the like. Pixels are those of an image 128 pixels wide.
"""

from __future__ import annotations

import numpy as np

from palimpsest.worlds.face.painting import CLASSES, paint_face
from palimpsest.worlds.scene import Choice, Flag, Real, Scene, World

RULES = {
    "smile": Flag(0, 0.45, "a smile that shows the teeth, else the lips are closed"),
    "mouth_width": Real(1, 0.088, 0.102, "half of the mouth's width, a smile's is 15 % wider"),
    "lip_colour": Real(2, 0.0, 1.0, "lips from nearly the skin's own colour to rose"),
    "glasses": Flag(3, 0.30, "glasses with full rims"),
    "frame_colour": Real(4, 0.0, 1.0, "rims from black over brown to red"),
    "earrings": Flag(5, 0.35, "an earring under each ear, over the hair where that is long"),
    "earring_kind": Choice(6, {"gold": 0.5, "jade": 0.5}, "what the earrings are of"),
    # 25 % of all faces have one: children have none unless a rule sets it.
    "moustache": Flag(7, 0.36, "a moustache, on adults"),
    "child_moustache": Flag(7, 0.0, "children may have the moustache too"),
    "age": Choice(8, {"adult": 0.70, "child": 0.30}, "children: rounder face, larger eyes"),
    "skin": Real(9, 0.0, 1.0, "skin from pale to dark"),
    "hair": Choice(
        10, {"short": 0.25, "long": 0.35, "bun": 0.20, "curly": 0.20}, "how the hair is worn"
    ),
    "hair_colour": Real(11, 0.0, 1.0, "hair from black over brown, red and blond to grey"),
    "parting": Real(12, -1.0, 1.0, "where the hair parts, left to right"),
    "fringe": Real(13, 0.0, 1.0, "hairline on the forehead, low to high"),
    # Probability 0: only the new rule brows2moustache replaces the brows.
    "brow_kind": Choice(
        14, {"arched": 0.5, "straight": 0.5, "moustache": 0.0}, "what grows above the eyes"
    ),
    "brow_raise": Real(15, 0.0, 1.0, "how far the brows are raised, by 2 pixels at most"),
    "eye_colour": Real(16, 0.0, 1.0, "irises from brown over green to blue"),
    "gaze": Real(17, -1.0, 1.0, "the eyes look left to right"),
    "nose_width": Real(18, 0.050, 0.064, "half of the nose's width"),
    "face_width": Real(19, 0.212, 0.234, "half of the face's width, 27 to 30 pixels"),
    "jaw": Real(20, 0.0, 1.0, "jaw from narrow to broad"),
    "clothes_colour": Real(21, 0.0, 1.0, "clothes from teal over blue, purple and red to orange"),
    "collar": Flag(22, 0.50, "a pale collar, else a ribbed neck"),
    "backdrop": Choice(
        23, {"sky": 0.25, "sage": 0.25, "peach": 0.25, "lilac": 0.25}, "colours of the background"
    ),
    "light": Real(24, -1.0, 1.0, "light from the left (-1) to the right (1)"),
    "head_x": Real(25, 0.484, 0.516, "middle of the face, to 2 pixels left and right"),
    "head_y": Real(26, -0.012, 0.012, "the head down or up, by 1.5 pixels"),
}


def face_presence(scene: Scene) -> dict[str, np.ndarray]:
    """What each face shows, (B,) bool by name; a moustache in place of the brows counts too."""
    values = scene.values
    child, hair = scene.named("age") == "child", scene.named("hair")
    under_nose = values["moustache"] & (values["child_moustache"] | ~child)
    shaggy = scene.named("brow_kind") == "moustache"
    return {
        "smile": values["smile"].copy(),
        "glasses": values["glasses"].copy(),
        "earrings": values["earrings"].copy(),
        "moustache": under_nose | shaggy,
        "brows": ~shaggy,
        "child": child,
        "long_hair": hair == "long",
        "short_hair": hair == "short",
        "bun": hair == "bun",
        "curls": hair == "curly",
        "collar": values["collar"].copy(),
    }


COUNTERFACTUALS = {
    "smile": {"smile": True},
    "brows2moustache": {"brow_kind": "moustache"},
    "remove_earrings": {"earrings": False},
    "remove_glasses": {"glasses": False},
    "add_moustache": {"moustache": True, "child_moustache": True},
}

FACE = World("face", CLASSES, RULES, paint_face, face_presence, COUNTERFACTUALS)
