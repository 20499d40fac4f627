"""Solve one session at many settings and measure every edit, image by image, on the same samples.

    python -m stages.sweep_tradeoff --weights church.safetensors --statistics layer6.safetensors \
        --segmenter church-segmenter.safetensors --session dome2spire.json --source-classes dome \
        --target-classes spire,roof --samples 160 --seed 3 --out tradeoff.parquet \
        --grid '{"ranks": [1, 3], "exemplars": [1, 4], "mus": [1, 10], "iterations": 40}'
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import Change, RewrittenGenerator, measure
from palimpsest.experiments.tradeoff.sweep import Grid, sweep
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.pipeline.commands import json_settings, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.sessions import Session

KINDS = {
    "ranks": lambda numbers: tuple(map(int, numbers)),
    "exemplars": lambda numbers: tuple(map(int, numbers)),
    "mus": lambda numbers: tuple(map(float, numbers)),
    "iterations": int,
}


def main(
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    statistics: Annotated[Path, typer.Option(help="Key statistics of the session's layer.")],
    segmenter: Annotated[Path, typer.Option(help="What labels the images.")],
    session: Annotated[Path, typer.Option(help="Copy, paste and context; several exemplars.")],
    source_classes: Annotated[str, typer.Option(help="The classes that shall change: a,b,c.")],
    target_classes: Annotated[str, typer.Option(help="What they may become: a,b,c.")],
    grid: Annotated[str, typer.Option(help="ranks, exemplars, mus and iterations, as JSON.")],
    out: Annotated[Path, typer.Option(help="Measurements to write (.parquet).")],
    samples: Annotated[int, typer.Option(help="How many images.")] = 160,
    seed: Annotated[int, typer.Option(help="Of the samples; not the session's.")] = 3,
    batch: Annotated[
        int | None, typer.Option(help="Images at a time; rows do not depend on it. [by their size]")
    ] = None,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    perceptual: Annotated[
        str, typer.Option(help="best, encoder or lpips-alex; best is LPIPS where it is at hand.")
    ] = "best",
    alexnet: Annotated[
        Path | None, typer.Option(help="AlexNet's weights for LPIPS. [torchvision's folder]")
    ] = None,
    scale: Annotated[str, typer.Option(help="Scale to note in the rows.")] = "",
    device: Device = "cpu",
) -> None:
    """Write a row for each (sample, setting), measured as in Table 2 and on its first samples."""
    asked = Grid(**json_settings("--grid", grid, KINDS))
    drawn, stats = Session.load(session), KeyStatistics.load(statistics)
    if str(seed) in (str(drawn.seed), stats.metadata.get("seed")):
        raise ParameterError(f"--seed {seed}: that of the session or its statistics; give another")
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    solved = sweep(generator, drawn, stats, asked)
    trials = list(tqdm(solved, total=len(asked), desc="solve", unit="edit", mininterval=2))
    if left_out := len(asked) - len(trials):
        print(f"{left_out} settings left out: too few exemplars or context keys in the session")
    labels = load_segmenter(segmenter).to(place)
    change = Change(*(tuple(names.split(",")) for names in (source_classes, target_classes)))
    with tqdm(total=samples, desc="measure", unit="image", mininterval=2) as bar:
        table = measure(
            generator,
            labels,
            distance_named(perceptual, labels, alexnet).to(place),
            [
                RewrittenGenerator(t.setting.name, t.edit.apply(generator), t.edit.layer)
                for t in trials
            ],
            change,
            n=samples,
            seed=seed,
            batch=batch or images_at_once(generator.resolution, 16),
            scale=scale,
            progress=bar.update,
        )
    # an inner join, which leaves out the unmodified generator: nothing changed, nothing moved
    table = table.merge(pd.DataFrame([trial.record() for trial in trials]), on="method")
    table.insert(3, "session", drawn.name)
    facts = {
        "weights_sha256": generator.weights_sha256,
        "source_classes": source_classes,
        "target_classes": target_classes,
        "truncation": str(truncation),
        "layer": str(trials[0].edit.layer),
    }
    write_measurements(table, out, facts)


if __name__ == "__main__":
    run(main)
