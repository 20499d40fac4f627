"""The detector of letters laid over pictures, which counts watermarks where no world labels them.

    python -m stages.train_letters --weights church.safetensors --out letters.safetensors

Backgrounds are renders of all worlds and images of the given generator (docs/instruments.md).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from palimpsest.estimates.error_rates import Errors
from palimpsest.generators import load_generator
from palimpsest.instruments.detectors.letter_training import (
    LetterTraining,
    backgrounds,
    generated_truth,
)
from palimpsest.instruments.detectors.letters import LetterDetector
from palimpsest.instruments.detectors.watermarks import MARKS, grade_detectors, mark_shares
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import Weights
from palimpsest.settings import settings_from_json
from palimpsest.training.instrument_recipes import LetterRecipe
from palimpsest.training.renders import BLUR, GRADING_STREAM
from palimpsest.training.resumable import train_with_progress
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    out: Annotated[Path, typer.Option(help="Detector to write (.safetensors).")],
    recipe: Annotated[
        str,
        typer.Option(help="Settings as JSON: backgrounds, generated, lettered, steps, and so on."),
    ] = "{}",
    graded: Annotated[
        int, typer.Option(help="Number of renders that the detector is graded on.", min=20)
    ] = 1000,
    world: Annotated[
        str | None,
        typer.Option(help="World that the generator learned; its images are graded as well."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="Minutes of training; run again to resume.")
    ] = math.inf,
) -> None:
    """Train or resume; the detector is written, with its grades, when all steps are done."""
    asked = settings_from_json("--recipe", recipe, LetterRecipe)
    generator = load_generator(weights)
    training = LetterTraining(asked, backgrounds(asked, generator))
    if not train_with_progress(training, out.with_suffix(".checkpoint.pt"), minutes=minutes):
        return
    training.finished().save(out)
    # graded as it ships: with float16 weights
    detector = LetterDetector.load(out)
    grade(detector, graded)
    if world is not None:
        images, bears = generated_truth(generator, get_world(world), graded, GRADING_STREAM)
        found = mark_shares(detector, images) >= np.array(detector.shares)
        told = {m: Errors.of(bears[:, i], found[:, i]).facts() for i, m in enumerate(MARKS)}
        detector.facts["generated"] = {"n": graded, **told}
    detector.save(out)


def grade(detector: LetterDetector, n: int) -> None:
    """Write the errors on ``n`` renders of its world, sharp and blurred, into the facts."""
    world = get_world(detector.world)
    detector.facts["grades"] = []
    for blurred in (0.0, BLUR):
        errors = grade_detectors(detector, world, n=n, blurred=blurred, shares=detector.shares)
        told = {mark: error.facts() for mark, error in errors._asdict().items()}
        detector.facts["grades"].append({"blur": blurred, "n": n, **told})
        typer.echo(f"blur {blurred:g}: {errors}", err=True)


if __name__ == "__main__":
    run(main)
