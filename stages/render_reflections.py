"""Panel of Figure 6: windows off and on, before and after the rule is inverted.

    python -m stages.render_reflections --weights kitchen.safetensors \
        --edit invert_reflections.safetensors --world kitchen \
        --pairs 8 --seed 4 --out fig06_reflections.npz

With `--painted FILE`, on the half of the painted scenes that no edit was tuned to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.reflections.measure import switch_of
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.experiments.reflections.panel import painted_panel, reflection_panel
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import PaintedFile, PanelFile, Seed, Weights
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    edit: Annotated[Path, typer.Option(help="Low-rank edit by invert_reflections.")],
    out: PanelFile,
    world: Annotated[
        str, typer.Option(help="World that the generator learned; not used with `--painted`.")
    ] = "kitchen",
    pairs: Annotated[int, typer.Option(help="Number of samples shown.")] = 8,
    seed: Seed = 4,
    painted: PaintedFile = None,
    device: Device = "cpu",
) -> None:
    """Write the images of the samples, unedited and edited, with their windows off and on."""
    place = computing_device(device)
    g, inverted = load_generator(weights).to(place), Edit.load(edit)
    switch = switch_of([inverted])
    if painted is None:
        arrays, facts = reflection_panel(g, inverted, switch, get_world(world), pairs, seed)
    else:
        scenes = PaintedScenes.load(painted).halves()[1].first(pairs, "--pairs")
        arrays, facts = painted_panel(g, inverted, switch, scenes)
    save_panel(out, arrays, facts)
    print(f"fig06_reflections: {facts['rule_original']:+.3f} to {facts['rule_rewritten']:+.3f}")


if __name__ == "__main__":
    run(main)
