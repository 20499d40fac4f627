"""Distances of a model's edits to their world's counterfactuals, image by image.

    python -m stages.measure_counterfactuals --weights church.safetensors --world church \
        --segmenter church-segmenter.safetensors --edit dome2spire=dome2spire.safetensors \
        --samples 300 --seed 3 --out church.parquet
"""

from __future__ import annotations

from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.comparison.measure import load_method
from palimpsest.experiments.counterfactuals.measure import measure_counterfactuals
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import (
    ComparingSegmenter,
    Measurements,
    Perceptual,
    Samples,
    Scale,
    Seed,
    Truncation,
    Weights,
    WorldName,
)
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    segmenter: ComparingSegmenter,
    world: WorldName,
    edit: Annotated[
        list[str], typer.Option(help="RULE=FILE: edit by the session of that rule; repeatable.")
    ],
    out: Measurements,
    samples: Samples = 300,
    seed: Seed = 3,
    truncation: Truncation = 1.0,
    perceptual: Perceptual = "best",
    scale: Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each sample that a rule changes, unedited and edited."""
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    distance = distance_named(perceptual, load_segmenter(segmenter)).to(place)
    methods = [
        load_method(name, file, generator) for name, file in named_files("--edit", edit).items()
    ]
    with tqdm(
        total=samples, desc=f"counterfactuals of {world}", unit="image", mininterval=2
    ) as bar:
        table = measure_counterfactuals(
            generator,
            get_world(world),
            distance,
            methods,
            n=samples,
            seed=seed,
            progress=bar.update,
        )
    table["scale"] = scale
    facts = {"weights_sha256": generator.weights_sha256, "truncation": str(truncation)}
    write_measurements(table, out, facts)


if __name__ == "__main__":
    run(main)
