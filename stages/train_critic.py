"""Train and grade the critic of one world's generator (opt-in; resumable)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.generators import load_generator
from palimpsest.instruments.critics.grading import grade_critic
from palimpsest.instruments.critics.training import CriticTraining
from palimpsest.instruments.loading import load_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import (
    CheckpointBeside,
    LearnedWorld,
    Minutes,
    Model,
    RecipeJson,
    SegmenterFile,
    Weights,
)
from palimpsest.settings import settings_from_json
from palimpsest.training.instrument_recipes import CriticRecipe
from palimpsest.training.recipe import hardware
from palimpsest.training.resumable import train_with_progress
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    segmenter: SegmenterFile,
    model: Model,
    world: LearnedWorld,
    out: Annotated[Path, typer.Option(help="Critic to write (.safetensors, float16).")],
    recipe: RecipeJson = "{}",
    minutes: Minutes = math.inf,
    graded: Annotated[int, typer.Option(help="Scenes of each rule that grade it.", min=1)] = 200,
    checkpoint: CheckpointBeside = None,
) -> None:
    """Train or resume; the file is written when all steps are done."""
    chosen = get_world(world)
    settings = settings_from_json("--recipe", recipe, CriticRecipe)
    training = CriticTraining(
        load_generator(weights), model, load_segmenter(segmenter), settings, chosen
    )
    checkpoint = checkpoint or out.with_suffix(".checkpoint.pt")
    if not train_with_progress(training, checkpoint, minutes=minutes):
        return
    critic = training.finished()
    critic.facts["hardware"] = hardware()
    critic.facts["grades"] = grade_critic(critic, chosen, graded)
    critic.save(out)
    for grade in critic.facts["grades"]:
        told = f"{grade['rule']} above {grade['kind']}: {grade['right']} of {grade['n']}"
        typer.echo(told, err=True)


if __name__ == "__main__":
    run(main)
