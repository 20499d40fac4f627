"""Compute what figure 6 shows: windows off and on, before and after their rule is turned round.

    python -m stages.render_reflections --weights kitchen.safetensors \
        --edit invert_reflections.safetensors --world kitchen \
        --pairs 8 --seed 4 --out fig06_reflections.npz

With `--painted FILE`, as the edit was tuned: painted scenes that tuned nothing.
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
from palimpsest.worlds import get_world


def main(
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    edit: Annotated[Path, typer.Option(help="What invert_reflections wrote.")],
    out: Annotated[Path, typer.Option(help="Panel to write (.npz).")],
    world: Annotated[
        str, typer.Option(help="What the generator draws; not read where windows are painted.")
    ] = "kitchen",
    pairs: Annotated[int, typer.Option(help="Samples shown.")] = 8,
    seed: Annotated[
        int, typer.Option(help="Of the samples, not that of the pairs; not of painted ones.")
    ] = 4,
    painted: Annotated[Path | None, typer.Option(help="Scenes with painted windows.")] = None,
    device: Device = "cpu",
) -> None:
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
