"""Train an encoder on a generator's samples, and measure the error of faces (opt-in; resumable).

    python -m stages.train_encoder --weights photo_faces.safetensors \\
        --segmenter photo_faces-parts.safetensors --archive faces.zip \\
        --out photo_faces-encoder.safetensors
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_segmenter
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.encoder_training import EncoderTraining
from palimpsest.photographs.face_limit import FaceLimit, errors_after_w
from palimpsest.photographs.settings import EncoderRecipe, InversionSettings
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import CheckpointBeside, Minutes, Weights
from palimpsest.settings import settings_from_json
from palimpsest.training.photograph_batches import grey_images
from palimpsest.training.photographs import Photographs
from palimpsest.training.recipe import hardware
from palimpsest.training.resumable import train_with_progress


def main(
    weights: Weights,
    out: Annotated[Path, typer.Option(help="Encoder to write (.safetensors, float16).")],
    recipe: Annotated[
        str, typer.Option(help="Settings as JSON (params.yaml, photographs, encoder).")
    ] = "{}",
    archive: Annotated[
        Path | None,
        typer.Option(
            help="Zip file of photographs; on the held-out ones the largest error of a face is"
            " measured. [not measured]"
        ),
    ] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Segmenter whose features compare images, for --archive.")
    ] = None,
    inversion: Annotated[
        str, typer.Option(help="Settings of the inversion as JSON, for --archive.")
    ] = "{}",
    faces: Annotated[
        int, typer.Option(help="Number of held-out photographs to measure.", min=2)
    ] = 64,
    minutes: Minutes = math.inf,
    checkpoint: CheckpointBeside = None,
) -> None:
    """Train or resume; the file is written when all steps are done."""
    asked = settings_from_json("--recipe", recipe, EncoderRecipe)
    settings = settings_from_json("--inversion", inversion, InversionSettings)
    if (archive is None) != (segmenter is None):
        raise ParameterError("--archive and --segmenter: give both or neither")
    held_out = None if archive is None else Photographs.read(archive).held_out
    distance = None if segmenter is None else PerceptualDistance(load_segmenter(segmenter))
    g = load_generator(weights)
    training = EncoderTraining(asked, g)
    checkpoint = checkpoint or out.with_suffix(".checkpoint.pt")
    if not train_with_progress(training, checkpoint, minutes=minutes):
        return
    encoder = training.finished()
    encoder.facts["hardware"] = hardware()
    encoder.save(out)
    if held_out is None or distance is None:
        return
    encoder = Encoder.load(out)  # measured as it ships: with float16 weights
    images = grey_images(held_out.images[:: max(1, len(held_out) // faces)][:faces])
    with tqdm(total=len(images), desc="faces", unit="photograph") as bar:
        errors = errors_after_w(g, images, distance, settings, encoder, progress=bar.update)
    encoder.facts["face_limit"] = FaceLimit.measured(errors, distance, settings, encoder).written()
    encoder.save(out)
    typer.echo(f"faces: {encoder.facts['face_limit']}", err=True)


if __name__ == "__main__":
    run(main)
