"""Brightness of the reflections with and without windows, image by image, for every edit.

    python -m stages.measure_reflections --weights kitchen.safetensors \
        --segmenter kitchen-segmenter.safetensors --edit full6.safetensors \
        --edit invert_reflections.safetensors --samples 100 --seed 4 --out reflections.parquet

With `--painted FILE`, on the half of the painted scenes that no edit was tuned to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.errors import EditError
from palimpsest.experiments.reflections.measure import measure_rule, switch_of
from palimpsest.experiments.reflections.painted_rule import measure_painted_rule
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import (
    Measurements,
    PaintedFile,
    Samples,
    Scale,
    Seed,
    Weights,
)
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    segmenter: Annotated[Path, typer.Option(help="Segmenter with the class `--units-of`.")],
    edit: Annotated[list[Path], typer.Option(help="Edit by invert_reflections; repeatable.")],
    out: Measurements,
    units_of: Annotated[str, typer.Option(help="Class that the table mirrors.")] = "window",
    samples: Samples = 100,
    seed: Seed = 4,
    scale: Scale = "",
    painted: PaintedFile = None,
    device: Device = "cpu",
) -> None:
    """Write one row for each sample and edit, and one for the unedited generator."""
    place = computing_device(device)
    generator, labels = load_generator(weights).to(place), load_segmenter(segmenter).to(place)
    edits = [Edit.load(file) for file in edit]
    facts = {"weights_sha256": generator.weights_sha256}
    if painted is not None:
        scenes = PaintedScenes.load(painted).halves()[1].first(samples, "--samples")
        with tqdm(total=samples, desc="reflections", unit="sample", mininterval=2) as bar:
            table = measure_painted_rule(
                generator,
                edits,
                switch_of(edits),
                scenes,
                labels,
                units_of,
                scale=scale,
                progress=bar.update,
            )
        write_measurements(table, out, facts)
        return
    used = {one.metadata.get("pairs_seed") for one in edits}
    if str(seed) in used:
        raise EditError(
            f"--seed {seed}: the edits were tuned on samples of this seed; give another"
        )
    with tqdm(total=samples, desc="reflections", unit="sample", mininterval=2) as bar:
        table = measure_rule(
            generator,
            edits,
            switch_of(edits),
            get_world(labels.world),
            labels,
            units_of,
            n=samples,
            seed=seed,
            scale=scale,
            progress=bar.update,
        )
    write_measurements(table, out, facts)


if __name__ == "__main__":
    run(main)
