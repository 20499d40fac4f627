"""Make the same edit at every layer of a generator, and measure what each reaches.

    python -m stages.try_layers --model church --weights church.safetensors \
        --segmenter church-segmenter.safetensors --session dome2spire --layer 5 --layer 6 \
        --settings '{"exemplars": 8, "mus": [10], "iterations": 30, "statistics_samples": 200,
                     "surveyed": 400, "survey_seed": 1, "samples": 120, "seed": 3}' \
        --out church.parquet

The session is drawn from the labels of a segmenter of ours, or is given with `--drawn`: then it is
the same for all layers, and `--source-classes` and `--target-classes` say what is counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from tqdm import tqdm

from palimpsest.drawing.survey import survey_samples
from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import Change, RewrittenGenerator, measure
from palimpsest.experiments.layers.trials import (
    drawing_for,
    session_at_layers,
    sessions_at,
    trials_at,
)
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.pipeline.commands import json_settings, names, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.sessions import Session

COUNTS = ("exemplars", "iterations", "statistics_samples", "surveyed", "samples")
NEEDED = {
    **dict.fromkeys((*COUNTS, "survey_seed", "seed"), int),
    "mus": lambda numbers: tuple(map(float, numbers)),
}


def main(
    model: Annotated[str, typer.Option(help="Name of the generator in the rows.")],
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    segmenter: Annotated[Path, typer.Option(help="What draws the sessions, and labels.")],
    session: Annotated[str, typer.Option(help="What to make at every layer, by its name.")],
    layer: Annotated[list[int], typer.Option(help="A layer to edit; repeat.")],
    settings: Annotated[str, typer.Option(help="How to edit and to measure, as JSON.")],
    out: Annotated[Path, typer.Option(help="Measurements to write (.parquet).")],
    drawn: Annotated[
        Path | None, typer.Option(help="The session as others drew it, to be used as it is.")
    ] = None,
    source_classes: Annotated[str, typer.Option(help="Its classes that may change: a,b,c.")] = "",
    target_classes: Annotated[str, typer.Option(help="What they may become: a,b,c.")] = "",
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    perceptual: Annotated[
        str, typer.Option(help="best, encoder or lpips-alex; best is LPIPS where it is at hand.")
    ] = "best",
    alexnet: Annotated[Path | None, typer.Option(help="For LPIPS. [torchvision's folder]")] = None,
    scale: Annotated[str, typer.Option(help="Scale to note in the rows.")] = "",
    device: Device = "cpu",
) -> None:
    """Write a row for each (sample, layer, mu), measured as in Table 2."""
    asked = json_settings("--settings", settings, NEEDED)
    place = computing_device(device)
    labels = load_segmenter(segmenter).to(place)
    if asked["seed"] == asked["survey_seed"]:
        raise ParameterError(f"seed {asked['seed']} is that of the sessions; measure on another")
    g = load_generator(weights, truncation=truncation).to(place)
    if lacking := g.lacking(sorted(layer)):
        raise ParameterError(f"--layer: {weights} has {lacking}")
    if drawn:
        sessions = session_at_layers(Session.load(drawn), layer)
        sources = names("--source-classes", source_classes)
        change = Change(sources, names("--target-classes", target_classes))
    else:
        drawing = drawing_for(session, labels)
        survey = survey_samples(g, labels, layer[0], asked["surveyed"], asked["survey_seed"])
        sessions = sessions_at(session, survey, g, layer, model=model, seed=asked["survey_seed"])
        change = Change(drawing.source, drawing.targets)
    stats = KeyStatistics.collect(
        g, layers=list(sessions), n=asked["statistics_samples"], seed=asked["survey_seed"]
    )
    how = {name: asked[name] for name in ("exemplars", "mus", "iterations")}
    trials = list(trials_at(g, sessions, stats, **how))
    with tqdm(total=asked["samples"], desc=f"try {model}", unit="image", mininterval=2) as bar:
        table = measure(
            g,
            labels,
            distance_named(perceptual, labels, alexnet).to(place),
            [RewrittenGenerator(trial.name, trial.edit.apply(g), trial.layer) for trial in trials],
            change,
            n=asked["samples"],
            seed=asked["seed"],
            batch=images_at_once(g.resolution, 16),
            scale=scale,
            progress=bar.update,
        )
    # an inner join, which leaves out the unmodified generator: nothing changed, nothing moved
    table = table.merge(pd.DataFrame([trial.record() for trial in trials]), on="method")
    for place, (column, value) in enumerate({"generator": model, "session": session}.items()):
        table.insert(place, column, value)
    left_out = ",".join(str(number) for number in layer if number not in sessions)
    told = {"weights_sha256": g.weights_sha256, "session": session, "left_out": left_out}
    write_measurements(table, out, told)
    print(f"{model}: {len(trials)} edits; layers without a session: {left_out or 'none'}")


if __name__ == "__main__":
    run(main)
