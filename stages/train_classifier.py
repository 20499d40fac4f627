"""Train and grade the classifier of one attribute of a world (opt-in; resumable)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.instruments.classifiers.training import AttributeTraining, grade_classifier
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import (
    CheckpointBeside,
    GradedRenders,
    LearnedWorld,
    Minutes,
    RecipeJson,
)
from palimpsest.settings import settings_from_json
from palimpsest.training.instrument_recipes import ClassifierRecipe
from palimpsest.training.recipe import hardware
from palimpsest.training.renders import BLUR
from palimpsest.training.resumable import train_with_progress
from palimpsest.worlds import get_world


def main(
    world: LearnedWorld,
    attribute: Annotated[str, typer.Option(help="Attribute to detect, such as smile.")],
    out: Annotated[Path, typer.Option(help="Classifier to write (.safetensors, float16).")],
    recipe: RecipeJson = "{}",
    minutes: Minutes = math.inf,
    graded: GradedRenders = 1000,
    checkpoint: CheckpointBeside = None,
) -> None:
    """Train or resume; the file is written when all steps are done."""
    chosen = get_world(world)
    settings = settings_from_json("--recipe", recipe, ClassifierRecipe)
    with tqdm(total=settings.scenes, desc="rendering", unit="image", mininterval=2) as bar:
        training = AttributeTraining(chosen, attribute, settings, progress=bar.update)
    checkpoint = checkpoint or out.with_suffix(".checkpoint.pt")
    if not train_with_progress(training, checkpoint, minutes=minutes):
        return
    classifier = training.finished()
    classifier.facts["hardware"] = hardware()
    classifier.facts["grades"] = [
        grade_classifier(classifier, chosen, graded, blurred * settings.resolution / 128)
        for blurred in (0.0, BLUR)
    ]
    classifier.save(out)
    for grade in classifier.facts["grades"]:
        typer.echo(
            f"blur {grade['blur']:g}: accuracy {grade['accuracy']:.4f}, "
            f"{grade['false_positives']} false positives of {grade['negatives']}, "
            f"{grade['false_negatives']} false negatives of {grade['positives']}",
            err=True,
        )


if __name__ == "__main__":
    run(main)
