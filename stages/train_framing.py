"""Train the network that finds a face's square in a photograph (opt-in; resumable)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.photographs.framing import FramingNetwork
from palimpsest.photographs.framing_training import FramingTraining, grade_framing
from palimpsest.photographs.settings import FramingRecipe
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import Archive, CheckpointBeside, Minutes
from palimpsest.settings import settings_from_json
from palimpsest.training.photographs import Photographs
from palimpsest.training.recipe import hardware
from palimpsest.training.resumable import train_with_progress


def main(
    archive: Archive,
    out: Annotated[Path, typer.Option(help="Network to write (.safetensors, float16).")],
    recipe: Annotated[
        str, typer.Option(help="Settings as JSON (params.yaml, photographs, framing).")
    ] = "{}",
    graded: Annotated[
        int, typer.Option(help="Number of held-out photographs for grading.", min=1)
    ] = 60,
    minutes: Minutes = math.inf,
    checkpoint: CheckpointBeside = None,
) -> None:
    """Train or resume; the file is written, with its grades, when all steps are done."""
    asked = settings_from_json("--recipe", recipe, FramingRecipe)
    photographs = Photographs.read(archive)
    training = FramingTraining(asked, photographs.training.images)
    checkpoint = checkpoint or out.with_suffix(".checkpoint.pt")
    if not train_with_progress(training, checkpoint, minutes=minutes):
        return
    training.finished().save(out)
    network = FramingNetwork.load(out)  # graded as it ships: with float16 weights
    network.facts["hardware"] = hardware()
    network.facts["grade"] = grade_framing(network, photographs.held_out.images, graded)
    network.save(out)
    typer.echo(f"held-out photographs: {network.facts['grade']}", err=True)


if __name__ == "__main__":
    run(main)
