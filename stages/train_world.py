"""Train the mini generator of one world and write its weights (opt-in; resumable)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import torch
import typer

from palimpsest.errors import ParameterError
from palimpsest.generators import save_generator
from palimpsest.pipeline.commands import run
from palimpsest.training.distillation import Distillation
from palimpsest.training.recipe import Interchange, Recipe, Stage, hardware, recipe_facts
from palimpsest.training.resumable import train_with_progress
from palimpsest.worlds import get_world


def main(
    world: Annotated[str, typer.Option(help="Name of the world to learn.")],
    recipe: Annotated[str, typer.Option(help="The recipe as JSON (params.yaml, worlds).")],
    out: Annotated[Path, typer.Option(help="Weights to write (.safetensors, float16).")],
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint to resume from and to write.")],
    every: Annotated[int, typer.Option(help="Number of steps between checkpoints.")] = 200,
    stop_at: Annotated[int | None, typer.Option(help="Stop after this step.")] = None,
) -> None:
    """Distil the world's renderer into a generator; run again to resume."""
    training = Distillation(get_world(world), parse_recipe(recipe))
    train_with_progress(training, checkpoint, every=every, stop_at=stop_at, workers=1)
    save_generator(
        training.finished(),
        out,
        {
            "world": world,
            "data": "rendered scenes, none shown twice",
            "recipe": recipe_facts(training.recipe),
            "steps": training.step,
            "seconds": round(training.seconds),
            "hardware": hardware(),
            "curve": training.curve,
        },
        dtype=torch.float16,
    )


def parse_recipe(text: str) -> Recipe:
    """The recipe in ``text``. Raises `ParameterError` for anything but a recipe."""
    try:
        given = json.loads(text)
        given["channels"] = {int(r): int(c) for r, c in given["channels"].items()}
        given["stages"] = tuple(Stage(**stage) for stage in given["stages"])
        if given.get("interchange") is not None:
            given["interchange"] = Interchange(**given["interchange"])
        return Recipe(**given)
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise ParameterError(f"recipe: {problem}") from problem


if __name__ == "__main__":
    run(main)
