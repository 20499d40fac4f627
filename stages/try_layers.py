"""Measurements of one session solved at every layer of a generator, image by image.

    python -m stages.try_layers --model church --weights church.safetensors \
        --segmenter church-segmenter.safetensors --session dome2spire --layer 5 --layer 6 \
        --settings '{"exemplars": 8, "mus": [10], "iterations": 30, "statistics_samples": 200,
                     "surveyed": 400, "survey_seed": 1, "samples": 120, "seed": 3}' \
        --out church.parquet

The session is drawn from the labels of a world's segmenter. A session given with `--drawn` is used
for all layers as it is; `--change` then sets the counted classes.
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
from palimpsest.experiments.comparison.settings import ChangedClasses
from palimpsest.experiments.layers.settings import TrialSettings
from palimpsest.experiments.layers.trials import (
    drawing_for,
    session_at_layers,
    sessions_at,
    trials_at,
)
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.generators.batch_sizes import fitted_batch
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.pipeline import shared_options as shared
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.sessions import Session
from palimpsest.settings import settings_from_json


def main(
    model: shared.Model,
    weights: shared.Weights,
    segmenter: shared.SegmenterFile,
    session: Annotated[str, typer.Option(help="Name of the session to solve at every layer.")],
    layer: Annotated[list[int], typer.Option(help="Layer to edit; repeatable.")],
    settings: Annotated[
        str,
        typer.Option(
            help="How to solve and measure, as JSON: exemplars, mus, iterations,"
            " statistics_samples, surveyed, survey_seed, samples, seed."
        ),
    ],
    out: shared.Measurements,
    drawn: Annotated[
        Path | None, typer.Option(help="Session file to use at every layer. [drawn from labels]")
    ] = None,
    drawings: shared.Drawings = "",
    change: shared.ChangeJson = "{}",
    truncation: shared.Truncation = 1.0,
    perceptual: shared.Perceptual = "best",
    alexnet: shared.AlexNet = None,
    scale: shared.Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each sample, layer and mu, measured as in Table 2."""
    how = settings_from_json("--settings", settings, TrialSettings)
    place = computing_device(device)
    labels = load_segmenter(segmenter).to(place)
    g = load_generator(weights, truncation=truncation).to(place)
    if lacking := g.lacking(sorted(layer)):
        raise ParameterError(f"--layer: {weights} has {lacking}")
    if drawn:
        sessions = session_at_layers(Session.load(drawn), layer)
        classes = settings_from_json("--change", change, ChangedClasses)
        meant = Change(classes.source, classes.targets)
    else:
        drawing = drawing_for(session, labels, drawings)
        survey = survey_samples(g, labels, layer[0], how.surveyed, how.survey_seed)
        sessions = sessions_at(session, survey, g, layer, model=model, seed=how.survey_seed)
        meant = Change(drawing.source, drawing.targets)
    stats = KeyStatistics.collect(
        g, layers=list(sessions), n=how.statistics_samples, seed=how.survey_seed
    )
    trials = list(trials_at(g, sessions, stats, how))
    with tqdm(total=how.samples, desc=f"try {model}", unit="image", mininterval=2) as bar:
        table = measure(
            g,
            labels,
            distance_named(perceptual, labels, alexnet).to(place),
            [RewrittenGenerator(trial.name, trial.edit.apply(g), trial.layer) for trial in trials],
            meant,
            n=how.samples,
            seed=how.seed,
            batch=fitted_batch(g, 16),
            scale=scale,
            progress=bar.update,
        )
    # an inner join leaves out the rows of the unmodified generator
    table = table.merge(pd.DataFrame([trial.record() for trial in trials]), on="method")
    table.insert(0, "generator", model)
    table.insert(1, "session", session)
    left_out = ",".join(str(number) for number in layer if number not in sessions)
    facts = {"weights_sha256": g.weights_sha256, "session": session, "left_out": left_out}
    write_measurements(table, out, facts)
    print(f"{model}: {len(trials)} edits; layers without a session: {left_out or 'none'}")


if __name__ == "__main__":
    run(main)
