"""Count the watermarks that are left after every edit, and render the images of Figure 5.

    python -m stages.measure_watermarks --weights church.safetensors \
        --segmenter church-segmenter.safetensors --edit rank_one=rank_one.safetensors \
        --samples 1000 --seed 3 --out watermarks.parquet --out-panel fig05_watermarks.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.experiments.comparison.measure import load_method
from palimpsest.experiments.watermarks.measure import measure_marks, write_marks
from palimpsest.experiments.watermarks.panel import compute_watermarks, first_marked
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.instruments.detectors.watermarks import grade_detectors
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit
from palimpsest.pipeline.commands import method_path, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.training.renders import BLUR
from palimpsest.worlds import get_world


def main(
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    segmenter: Annotated[Path, typer.Option(help="What labels the images.")],
    edit: Annotated[list[str], typer.Option(help="METHOD=PATH of an edit; repeat.")],
    out: Annotated[Path, typer.Option(help="Measurements to write (.parquet).")],
    out_panel: Annotated[Path, typer.Option(help="Images to write (.npz).")],
    samples: Annotated[int, typer.Option(help="How many images.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 3,
    batch: Annotated[int, typer.Option(help="Images at a time; rows do not depend on it.")] = 16,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    graded: Annotated[
        int, typer.Option(help="Renders that the detectors are graded on.", min=20)
    ] = 1000,
    pairs: Annotated[int, typer.Option(help="Images that the figure shows.", min=2)] = 8,
    perceptual: Annotated[
        str, typer.Option(help="best, encoder or lpips-alex; best is LPIPS where it is at hand.")
    ] = "best",
    scale: Annotated[str, typer.Option(help="Scale to note in the rows.")] = "",
    device: Device = "cpu",
) -> None:
    """Generate each sample once, apply every edit to it, and write a row a (sample, method)."""
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    labels = load_segmenter(segmenter).to(place)
    files = [method_path(text) for text in edit]
    methods = [load_method(name, path, generator) for name, path in files]
    units = {name: _silenced(Edit.load(path)) for name, path in files}
    errors = grade_detectors(labels, get_world(labels.world), n=graded, blurred=BLUR)
    with tqdm(total=samples, desc="measure watermarks", unit="image", mininterval=2) as bar:
        table = measure_marks(
            generator,
            labels,
            distance_named(perceptual, labels).to(place),
            methods,
            n=samples,
            seed=seed,
            units=units,
            batch=batch,
            scale=scale,
            progress=bar.update,
        )
    # too few marked samples for the figure end here, before anything is written
    first_marked(table, pairs)
    facts = {"weights_sha256": generator.weights_sha256, "truncation": str(truncation)}
    write_marks(table, out, errors, facts)
    save_panel(out_panel, *compute_watermarks(generator, methods, table, pairs))


def _silenced(edit: Edit) -> int:
    """How many units an edit silences: none, unless unit ablation made it."""
    return len(edit.metadata["units"].split(",")) if edit.metadata.get("units") else 0


if __name__ == "__main__":
    run(main)
