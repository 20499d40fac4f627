"""Held-out photographs reproduced, edited and measured, and the panel of Figure S5.

    python -m stages.measure_photographs --archive faces.zip --weights photo_faces.safetensors \
        --segmenter photo_faces-parts.safetensors --classifier photo_faces-smile.safetensors \
        --edit photo_smile.safetensors --settings '{...}' --out photographs.parquet \
        --out-panel figS5_photographs.npz
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import torch
import typer

from palimpsest.experiments.photographs.measure import (
    PhotographInstruments,
    first_held_out,
    measure_photographs,
)
from palimpsest.experiments.photographs.nearest_sample import start_of_inversion
from palimpsest.experiments.photographs.panels import photographs_panel
from palimpsest.experiments.photographs.settings import PhotographSettings
from palimpsest.files.measurements import write_measurements
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import (
    Archive,
    Measurements,
    PanelFile,
    Scale,
    SegmenterFile,
    Truncation,
    Weights,
)
from palimpsest.settings import settings_from_json
from palimpsest.training.photographs import Photographs


def main(
    archive: Archive,
    weights: Weights,
    segmenter: SegmenterFile,
    classifier: Annotated[Path, typer.Option(help="Classifier of what the edit adds.")],
    edit: Annotated[Path, typer.Option(help="Edit applied to the reproduced photographs.")],
    settings: Annotated[
        str, typer.Option(help="Photographs, inversion, adaptation and switch, as JSON.")
    ],
    out: Measurements,
    out_panel: PanelFile,
    encoder: Annotated[
        Path | None,
        typer.Option(help="Encoder that gives the start of the inversion. [the nearest sample]"),
    ] = None,
    truncation: Truncation = 1.0,
    scale: Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each photograph and picture, and the panel of the first photographs."""
    chosen = settings_from_json("--settings", settings, PhotographSettings)
    place = computing_device(device)
    g = load_generator(weights, truncation=truncation).to(place)
    parts = load_segmenter(segmenter).to(place)
    smiles = AttributeClassifier.load(classifier).to(place)
    changed = torch.tensor(parts.numbers(*chosen.region))
    region = torch.isin(parts.labels(torch.zeros(1, 3, g.resolution, g.resolution))[0], changed)
    rule = Edit.load(edit)
    distance = PerceptualDistance(parts)
    measured = measure_photographs(
        g,
        rule,
        first_held_out(Photographs.read(archive), chosen.photographs),
        PhotographInstruments(distance, smiles, region),
        chosen,
        start_of_inversion(g, distance, chosen.inversion, encoder),
    )
    table = measured.table.assign(scale=scale, perceptual=f"{parts.name}-encoder")
    table = table.assign(classifier=smiles.name, rank=rule.rank, strength=chosen.strength)
    facts = {"weights_sha256": g.weights_sha256, "truncation": str(truncation)}
    errors = smiles.errors(blurred=False).facts()
    write_measurements(table, out, facts | {"errors": json.dumps(errors)})
    arrays, about = photographs_panel(measured, chosen)
    facts |= {"session": rule.metadata.get("session", edit.stem), "layer": rule.layer}
    facts |= {"rank": rule.rank, "strength": chosen.strength}
    save_panel(out_panel, arrays, facts | about)


if __name__ == "__main__":
    run(main)
