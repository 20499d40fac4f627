"""Stand-ins for the published documents: the parser's labels, the paper's sessions, painted scenes.

The labels have as many names as the published network has classes, where that is known. They
include the names that the paper's sessions use; the other names are numbers. Sessions and scenes
are discs on random samples, in the formats of the original's interfaces.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from palimpsest.experiments.reflections.painted_scenes import REFLECTIONS, WINDOWS
from palimpsest.instruments.segmenters.unified_parser import NOTHING, STAND_IN, ParsingLabels
from palimpsest.sessions.masks import encode_mask

COUNTS = {"object": 336, "scene": 366, "material": 26, "part": 200}
"""Number of classes of each kind; a part counts once for each owner."""

OBJECTS = {2: "sky", 4: "tree", 5: "building", 6: "person", 16: "door"}
"""Objects with a name, by number."""

PARTS = {
    "sky": (NOTHING, "cloud"),
    "building": (NOTHING, "window", "door", "roof", "balcony", "chimney", "dome"),
    "person": (NOTHING, "head", "torso", "arm", "leg", "hand"),
}
SAMPLES = 24
"""A session's samples are drawn from the first so many."""


def stand_in_labels() -> dict[str, Any]:
    """The content of ``labels.json``, marked as a stand-in."""
    objects = [NOTHING, *(OBJECTS.get(i, f"object {i}") for i in range(1, COUNTS["object"]))]
    parts = {owner: list(names) for owner, names in PARTS.items()}
    # the remaining parts belong to one more object
    left = COUNTS["part"] - sum(map(len, parts.values()))
    parts["object 100"] = [NOTHING, *(f"part {i}" for i in range(1, left))]
    labels = {
        "object": objects,
        "scene": [f"scene {i}" for i in range(COUNTS["scene"])],
        "material": [NOTHING, *(f"material {i}" for i in range(1, COUNTS["material"]))],
        "object_part": parts,
    }
    ParsingLabels.from_json("the stand-in's labels", labels)
    return {**labels, STAND_IN: True}


def stand_in_session(seed: int, side: int, context: int = 4) -> dict[str, Any]:
    """A session of the original's format, with masks of ``side`` pixels: object, paste, key."""
    stream = np.random.RandomState(seed)

    def painted() -> list[Any]:
        return [int(stream.randint(SAMPLES)), encode_mask(_disc(stream, side))]

    samples = stream.permutation(SAMPLES)[:context]
    return {
        "object": painted(),
        "paste": painted(),
        "key": [[int(sample), encode_mask(_disc(stream, side))] for sample in samples],
    }


def stand_in_scenes(seed: int, side: int, count: int = 6) -> dict[str, Any]:
    """Painted scenes in the format of `sessions.painted_scenes`: two discs on each of ``count``."""
    stream = np.random.RandomState(seed)
    numbers = sorted(stream.permutation(SAMPLES)[:count].tolist())
    return {
        str(number): {
            "value": "-5.0",
            **{field: encode_mask(_disc(stream, side)) for field in (WINDOWS, REFLECTIONS)},
        }
        for number in numbers
    }


def _disc(stream: np.random.RandomState, side: int) -> np.ndarray:
    """A disc (side, side) of an eighth to a sixth of the side, away from the edges."""
    radius = side * stream.uniform(1 / 8, 1 / 6)
    row, column = stream.uniform(side / 4, 3 * side / 4, 2)
    rows, columns = np.mgrid[:side, :side]
    return (np.hypot(rows - row, columns - column) <= radius).astype(np.float64)
