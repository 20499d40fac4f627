"""Train a generator on photographs, adversarially, and write its weights (opt-in; resumable).

    python -m stages.train_photographs --archive faces.zip --recipe '{...}' \\
        --checkpoint photo_faces.checkpoint.pt --minutes 60 --out photo_faces.safetensors
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import torch
import typer

from palimpsest.files.atomic import atomic_path
from palimpsest.generators import sample_z, save_generator
from palimpsest.generators.pictures import contact_sheet
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import Archive, CheckpointFile, Minutes
from palimpsest.settings import settings_from_json
from palimpsest.training.adversarial import AdversarialTraining
from palimpsest.training.adversarial_recipe import AdversarialRecipe
from palimpsest.training.photographs import Photographs
from palimpsest.training.recipe import hardware
from palimpsest.training.resumable import Progress, train_with_progress

SHOWN = 64
"""Samples on the sheet beside the checkpoint."""


def main(
    archive: Archive,
    recipe: Annotated[
        str, typer.Option(help="The recipe as JSON (params.yaml, photographs, recipe).")
    ],
    out: Annotated[Path, typer.Option(help="Weights to write (.safetensors, float16).")],
    checkpoint: CheckpointFile,
    every: Annotated[int, typer.Option(help="Number of steps between checkpoints.")] = 300,
    minutes: Minutes = math.inf,
    stop_at: Annotated[int | None, typer.Option(help="Stop after this step.")] = None,
    snapshots: Annotated[
        Path | None, typer.Option(help="Folder for the weights at every second checkpoint.")
    ] = None,
) -> None:
    """Write the averaged generator each time the run stops, and a sheet of samples as it goes."""
    asked = settings_from_json("--recipe", recipe, AdversarialRecipe)
    photographs = Photographs.read(archive).training
    training = AdversarialTraining(asked, photographs.images)

    def show(progress: Progress) -> None:
        if progress.step % every == 0:
            g = training.finished()
            with torch.no_grad():
                sheet = contact_sheet(g(sample_z(g, SHOWN, seed=1)))
            with atomic_path(checkpoint.with_suffix(".png")) as temporary:
                sheet.save(temporary, "PNG")
        if snapshots is not None and progress.step % (2 * every) == 0:
            shown = asked.images_until(progress.step)
            name = f"{out.stem}_{shown:07d}.safetensors"
            save_generator(
                training.finished(), snapshots / name, {"images": shown}, dtype=torch.float16
            )

    train_with_progress(
        training, checkpoint, every=every, minutes=minutes, stop_at=stop_at, watch=show
    )
    save_generator(
        training.finished(),
        out,
        {
            "data": f"{len(photographs)} photographs of faces (SMILEs, from LFW), grey, 64 x 64",
            "recipe": asked.model_dump(mode="json"),
            "steps": training.step,
            "images": asked.images_until(training.step),
            "seconds": round(training.seconds),
            "hardware": hardware(),
            "curve": training.curve,
        },
        dtype=torch.float16,
    )


if __name__ == "__main__":
    run(main)
