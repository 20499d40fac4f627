"""Train the classifier of one attribute of a world, grade it, write it (opt-in; resumable)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.instruments.classifiers.training import (
    AttributeRecipe,
    AttributeTraining,
    grade_classifier,
)
from palimpsest.pipeline.commands import run
from palimpsest.training.recipe import hardware
from palimpsest.training.renders import BLUR
from palimpsest.training.resumable import train_with_progress
from palimpsest.worlds import get_world


def main(
    world: Annotated[str, typer.Option(help="Name of the world to learn.")],
    attribute: Annotated[str, typer.Option(help="What to tell, such as smile.")],
    out: Annotated[Path, typer.Option(help="Classifier to write (.safetensors, float16).")],
    resolution: Annotated[int, typer.Option(help="Side of the images in pixels.")] = 128,
    scenes: Annotated[int, typer.Option(help="Scenes rendered for training.")] = 4000,
    steps: Annotated[int, typer.Option(help="Steps of the whole training.")] = 800,
    minutes: Annotated[float, typer.Option(help="Stop earlier; run again to go on.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Of scenes, weights and batches.")] = 1,
    graded: Annotated[int, typer.Option(help="Held-out renders to grade it on.")] = 1000,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Where to go on from and to save to; beside --out.")
    ] = None,
) -> None:
    """Train, or go on after an interruption; the file is written once all steps are done."""
    chosen = get_world(world)
    recipe = AttributeRecipe(attribute, resolution, scenes=scenes, steps=steps, seed=seed)
    with tqdm(total=scenes, desc="rendering", unit="image", mininterval=2) as bar:
        training = AttributeTraining(chosen, recipe, progress=bar.update)
    checkpoint = checkpoint or out.with_suffix(".checkpoint.pt")
    if not train_with_progress(training, checkpoint, minutes=minutes):
        return
    classifier = training.finished()
    classifier.facts["hardware"] = hardware()
    classifier.facts["grades"] = [
        grade_classifier(classifier, chosen, graded, blurred * resolution / 128)
        for blurred in (0.0, BLUR)
    ]
    classifier.save(out)
    for grade in classifier.facts["grades"]:
        typer.echo(
            f"blur {grade['blur']:g}: right {grade['accuracy']:.4f}, "
            f"{grade['false_positives']} false positives of {grade['negatives']}, "
            f"{grade['false_negatives']} false negatives of {grade['positives']}",
            err=True,
        )


if __name__ == "__main__":
    run(main)
