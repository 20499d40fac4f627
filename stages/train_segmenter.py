"""Train and grade the segmenter of one world on exact labels (opt-in; resumable)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.instruments.segmenters.training import SegmenterTraining, grade_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import (
    CheckpointBeside,
    GradedRenders,
    LearnedWorld,
    Minutes,
    RecipeJson,
)
from palimpsest.settings import settings_from_json
from palimpsest.training.instrument_recipes import SegmenterRecipe
from palimpsest.training.recipe import hardware
from palimpsest.training.renders import BLUR
from palimpsest.training.resumable import train_with_progress
from palimpsest.worlds import get_world


def main(
    world: LearnedWorld,
    out: Annotated[Path, typer.Option(help="Segmenter to write (.safetensors, float16).")],
    recipe: RecipeJson = "{}",
    minutes: Minutes = math.inf,
    graded: GradedRenders = 1000,
    checkpoint: CheckpointBeside = None,
) -> None:
    """Train or resume; the file is written when all steps are done."""
    checkpoint = checkpoint or out.with_suffix(".checkpoint.pt")
    chosen = get_world(world)
    settings = settings_from_json("--recipe", recipe, SegmenterRecipe)
    with tqdm(total=2 * settings.scenes, desc="rendering", unit="image", mininterval=2) as bar:
        training = SegmenterTraining(chosen, settings, progress=bar.update)
    if not train_with_progress(training, checkpoint, minutes=minutes):
        return
    segmenter = training.finished()
    sizes = [
        size for size in (settings.resolution, settings.resolution // 2) if size >= segmenter.stride
    ]
    segmenter.facts["hardware"] = hardware()
    segmenter.facts["grades"] = [
        grade_segmenter(segmenter, chosen, graded, size, blurred * size / 128)
        for size in sizes
        for blurred in (0.0, BLUR)
    ]
    segmenter.save(out)
    for grade in segmenter.facts["grades"]:
        typer.echo(
            f"{grade['resolution']} px, blur {grade['blur']:g}: "
            f"mean IoU {grade['mean_iou']:.3f}, worst {worst(grade['iou'])}",
            err=True,
        )


def worst(figures: dict[str, float | None]) -> str:
    """The class with the lowest score, and the score."""
    name, value = min(
        ((name, value) for name, value in figures.items() if value is not None),
        key=lambda item: item[1],
    )
    return f"{name} {value:.3f}"


if __name__ == "__main__":
    run(main)
