"""Train the instruments of photographs and grade them on held-out ones (opt-in; resumable).

    python -m stages.train_photograph_instruments --archive faces.zip \\
        --out-smile photo_faces-smile.safetensors --out-parts photo_faces-parts.safetensors \\
        --out-reference photo_faces-reference.safetensors
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.classifiers.photograph_training import (
    SmileTraining,
    grade_on_photographs,
)
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.segmenters.backbone_training import BackboneTraining
from palimpsest.instruments.segmenters.photograph_parts import PhotographParts, parts_of
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.shared_options import Archive
from palimpsest.settings import settings_from_json
from palimpsest.training.instrument_recipes import PhotographInstruments
from palimpsest.training.photograph_batches import grey_images
from palimpsest.training.photographs import Photographs
from palimpsest.training.recipe import hardware
from palimpsest.training.renders import BLUR
from palimpsest.training.resumable import train_with_progress


def main(
    archive: Archive,
    out_smile: Annotated[Path, typer.Option(help="Smile classifier to write (.safetensors).")],
    out_parts: Annotated[
        Path, typer.Option(help="Segmenter of the mouth region to write, with the backbone.")
    ],
    out_reference: Annotated[
        Path, typer.Option(help="Statistics of the held-out photographs' features to write.")
    ],
    recipe: Annotated[
        str, typer.Option(help="Settings as JSON (params.yaml, photographs, instruments).")
    ] = "{}",
    minutes: Annotated[
        float, typer.Option(help="Minutes for each of the two runs; run again to resume.")
    ] = math.inf,
) -> None:
    """Train or resume; the files are written when all steps are done."""
    asked = settings_from_json("--recipe", recipe, PhotographInstruments)
    photographs = Photographs.read(archive)
    smiling = SmileTraining(asked.smile, photographs.training)
    backbone = BackboneTraining(asked.backbone, photographs.training)
    for training, out in ((smiling, out_smile), (backbone, out_parts)):
        if not train_with_progress(training, out.with_suffix(".checkpoint.pt"), minutes=minutes):
            return
    classifier = smiling.finished()
    classifier.facts["hardware"] = hardware()
    classifier.save(out_smile)
    # graded as it ships: with float16 weights
    classifier = AttributeClassifier.load(out_smile)
    classifier.facts["grades"] = [
        grade_on_photographs(classifier, photographs.held_out, blurred) for blurred in (0.0, BLUR)
    ]
    classifier.save(out_smile)
    facts = {"smile": classifier.facts, "backbone": backbone.facts(), "hardware": hardware()}
    parts_of(classifier, backbone.finished(), backbone.architecture, asked.mouth, facts).save(
        out_parts
    )
    reference(PhotographParts.load(out_parts), photographs, asked.backbone.seed).save(out_reference)
    for grade in classifier.facts["grades"]:
        typer.echo(
            f"blur {grade['blur']:g}: accuracy {grade['accuracy']:.4f}, balanced "
            f"{grade['balanced_accuracy']:.4f}, {grade['false_positives']} false positives of "
            f"{grade['negatives']}, {grade['false_negatives']} false negatives of "
            f"{grade['positives']}",
            err=True,
        )


def reference(parts: PhotographParts, photographs: Photographs, seed: int) -> FrechetReference:
    """Held-out photographs, and as many others drawn at random from the training set."""
    known, held_out = photographs.training.images, photographs.held_out.images
    if len(known) < len(held_out):
        held_out = held_out[: len(known)]
    drawn = np.random.RandomState(seed).permutation(len(known))[: len(held_out)]
    features = [parts.pooled(grey_images(images)) for images in (held_out, known[np.sort(drawn)])]
    return FrechetReference.of(*features, network=parts.backbone_sha256)


if __name__ == "__main__":
    run(main)
