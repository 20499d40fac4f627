"""The moving picture of a rule: a walk through z, before and after its edit.

    python -m stages.render_walk --weights church.safetensors --edit dome2spire.safetensors \
        --settings '{"stops": 6, "between": 14, "samples": 1000, "seed": 3}' --out walk.webp
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.edits.settings import WalkSettings
from palimpsest.experiments.edits.walk import walk_frames, write_walk
from palimpsest.files.atomic import atomic_write_text
from palimpsest.generators import load_generator
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import Truncation, Weights
from palimpsest.settings import settings_from_json


def main(
    weights: Weights,
    edit: Annotated[Path, typer.Option(help="Edit whose rule is shown (.safetensors).")],
    out: Annotated[Path, typer.Option(help="Moving picture to write (.webp).")],
    settings: Annotated[
        str,
        typer.Option(help="The walk, as JSON: stops, between, samples, seed, milliseconds."),
    ] = "{}",
    truncation: Truncation = 1.0,
    device: Device = "cpu",
) -> None:
    """Write the moving picture with its caption beside it."""
    how = settings_from_json("--settings", settings, WalkSettings)
    generator = load_generator(weights, truncation=truncation).to(computing_device(device))
    rule = Edit.load(edit)
    frames = walk_frames(
        generator,
        rule,
        stops=how.stops,
        between=how.between,
        samples=how.samples,
        seed=how.seed,
    )
    size = write_walk(frames, out, how.milliseconds)
    atomic_write_text(out.with_suffix(".txt"), f"{how.caption(rule.layer, rule.rank)}\n")
    print(f"{out}: {len(frames)} frames, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    run(main)
