"""Train the mini generator of one world and write its weights (opt-in; resumable)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from palimpsest.generators import save_generator
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import CheckpointFile, LearnedWorld
from palimpsest.settings import settings_from_json
from palimpsest.training.distillation import Distillation
from palimpsest.training.finishing import Finishing
from palimpsest.training.recipe import Recipe, hardware, recipe_facts
from palimpsest.training.resumable import train_with_progress
from palimpsest.worlds import get_world


def main(
    world: LearnedWorld,
    recipe: Annotated[str, typer.Option(help="The recipe as JSON (params.yaml, worlds).")],
    out: Annotated[Path, typer.Option(help="Weights to write (.safetensors, float16).")],
    checkpoint: CheckpointFile,
    every: Annotated[int, typer.Option(help="Number of steps between checkpoints.")] = 200,
    stop_at: Annotated[int | None, typer.Option(help="Stop after this step.")] = None,
) -> None:
    """Distil the world's renderer into a generator, then finish it; run again to resume."""
    learned, settings = get_world(world), settings_from_json("--recipe", recipe, Recipe)
    training = Distillation(learned, settings)
    done = train_with_progress(training, checkpoint, every=every, stop_at=stop_at, workers=1)
    generator = training.finished()
    about = {
        "world": world,
        "data": "rendered scenes, none shown twice",
        "recipe": recipe_facts(settings),
        "steps": training.step,
        "seconds": round(training.seconds),
        "hardware": hardware(),
        "curve": training.curve,
    }
    if done and settings.finish is not None:
        finishing = Finishing(learned, settings, generator)
        beside = checkpoint.with_name(f"finish.{checkpoint.name}")
        train_with_progress(finishing, beside, every=every, stop_at=stop_at, workers=1)
        generator = finishing.finished()
        about["finish"] = {
            "steps": finishing.step,
            "seconds": round(finishing.seconds),
            "curve": finishing.curve,
        }
    save_generator(generator, out, about, dtype=torch.float16)


if __name__ == "__main__":
    run(main)
