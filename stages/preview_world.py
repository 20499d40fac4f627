"""Contact sheet of a world: scenes, their labels, and each of their counterfactuals.

python -m stages.preview_world --world kitchen --scenes 8 --seed 1 --out kitchen.npz
"""

from __future__ import annotations

import colorsys
from typing import Annotated

import numpy as np
import typer

from palimpsest.files.panels import save_panel
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import PanelFile
from palimpsest.worlds import get_world

RESOLUTION = 128


def main(
    world: Annotated[str, typer.Option(help="Name of the world.")],
    out: PanelFile,
    scenes: Annotated[int, typer.Option(help="Number of scenes.", min=1)] = 8,
    seed: Annotated[int, typer.Option(help="Random seed of the scenes.")] = 1,
) -> None:
    """Write the panel that the figure of the world is drawn from."""
    chosen = get_world(world)
    z = np.random.RandomState(seed).standard_normal((scenes, chosen.z_dim))
    scene = chosen.scene(z)
    drawn = chosen.render(scene, RESOLUTION)
    colours = class_colours(len(chosen.classes))
    arrays = {"scenes": drawn.images, "labels": colours[drawn.labels]}
    for rule, changes in chosen.counterfactuals.items():
        arrays[rule] = chosen.render(scene.with_(**changes), RESOLUTION).images
    facts = {
        "world": chosen.name,
        "rules": list(chosen.counterfactuals),
        "classes": {
            name: "#{:02x}{:02x}{:02x}".format(*colour)
            for name, colour in zip(chosen.classes, colours, strict=True)
        },
        "seed": seed,
    }
    save_panel(out, arrays, facts)


def class_colours(count: int) -> np.ndarray:
    """Distinct colours (count, 3) uint8, their hues spread by the golden ratio."""
    hues = (0.58 + 0.618034 * np.arange(count)) % 1
    levels = [(0.55, 0.85), (0.75, 0.62), (0.35, 0.95)]
    return np.array(
        [
            [round(255 * part) for part in colorsys.hsv_to_rgb(hue, *levels[i % 3])]
            for i, hue in enumerate(hues)
        ],
        np.uint8,
    )


if __name__ == "__main__":
    run(main)
