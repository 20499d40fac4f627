"""Measure how far a model's edits are from the world's counterfactuals, image by image.

    python -m stages.measure_counterfactuals --weights church.safetensors --world church \
        --segmenter church-segmenter.safetensors --edit dome2spire=dome2spire.safetensors \
        --samples 300 --seed 3 --out church.parquet
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.comparison.measure import load_method
from palimpsest.experiments.counterfactuals.measure import measure_counterfactuals
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.pipeline.commands import method_path, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.worlds import get_world


def main(
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    segmenter: Annotated[Path, typer.Option(help="Its features make the perceptual distance.")],
    world: Annotated[str, typer.Option(help="The world that the generator learned.")],
    edit: Annotated[list[str], typer.Option(help="RULE=PATH of a session's edit; repeat.")],
    out: Annotated[Path, typer.Option(help="Measurements to write (.parquet).")],
    samples: Annotated[int, typer.Option(help="How many images.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 3,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    perceptual: Annotated[
        str, typer.Option(help="best, encoder or lpips-alex; best is LPIPS where it is at hand.")
    ] = "best",
    scale: Annotated[str, typer.Option(help="Scale to note in the rows.")] = "",
    device: Device = "cpu",
) -> None:
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    distance = distance_named(perceptual, load_segmenter(segmenter)).to(place)
    methods = [load_method(*method_path(text), generator) for text in edit]
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
