"""Watermarks left by every edit, image by image, and the images of Figure 5.

    python -m stages.measure_watermarks --weights church.safetensors \
        --segmenter church-segmenter.safetensors --edit rank_one=rank_one.safetensors \
        --samples 1000 --seed 3 --out watermarks.parquet --out-panel fig05_watermarks.npz
"""

from __future__ import annotations

from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.comparison.measure import load_method
from palimpsest.experiments.watermarks.measure import measure_marks, write_marks
from palimpsest.experiments.watermarks.panel import compute_watermarks, first_marked
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.instruments.detectors.letters import shares_of
from palimpsest.instruments.detectors.watermarks import SHARES, grade_detectors
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import (
    AlexNet,
    Batch,
    Edits,
    Measurements,
    PanelFile,
    Perceptual,
    Samples,
    Scale,
    Seed,
    SegmenterFile,
    Truncation,
    Weights,
)
from palimpsest.training.renders import BLUR
from palimpsest.worlds import get_world


def main(
    weights: Weights,
    segmenter: SegmenterFile,
    edit: Edits,
    out: Measurements,
    out_panel: PanelFile,
    samples: Samples = 1000,
    seed: Seed = 3,
    batch: Batch = 16,
    truncation: Truncation = 1.0,
    graded: Annotated[
        int, typer.Option(help="Number of renders that the detectors are graded on.", min=20)
    ] = 1000,
    pairs: Annotated[int, typer.Option(help="Number of images in the figure.", min=2)] = 8,
    perceptual: Perceptual = "best",
    alexnet: AlexNet = None,
    scale: Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each sample and method, the detectors' grades, and the figure's panel."""
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    labels = load_segmenter(segmenter).to(place)
    files = named_files("--edit", edit)
    methods = [load_method(name, file, generator) for name, file in files.items()]
    units = {name: _silenced(Edit.load(file)) for name, file in files.items()}
    shares = shares_of(labels) or SHARES
    errors = grade_detectors(labels, get_world(labels.world), n=graded, blurred=BLUR, shares=shares)
    with tqdm(total=samples, desc="measure watermarks", unit="image", mininterval=2) as bar:
        table = measure_marks(
            generator,
            labels,
            distance_named(perceptual, labels, alexnet).to(place),
            methods,
            n=samples,
            seed=seed,
            units=units,
            shares=shares,
            batch=batch,
            scale=scale,
            progress=bar.update,
        )
    # raises if there are too few samples for the figure, before anything is written
    first_marked(table, pairs)
    facts = {"weights_sha256": generator.weights_sha256, "truncation": str(truncation)}
    write_marks(table, out, errors, facts)
    save_panel(out_panel, *compute_watermarks(generator, methods, table, pairs))


def _silenced(edit: Edit) -> int:
    """Number of units that an edit silences: 0 unless unit ablation made it."""
    return len(edit.metadata["units"].split(",")) if edit.metadata.get("units") else 0


if __name__ == "__main__":
    run(main)
