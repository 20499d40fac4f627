"""Measurements of one session solved at many settings, image by image, on the same samples.

    python -m stages.sweep_tradeoff --weights church.safetensors --statistics layer6.safetensors \
        --segmenter church-segmenter.safetensors --session dome2spire.json \
        --change '{"source": ["dome"], "targets": ["spire", "roof"]}' --samples 160 --seed 3 \
        --grid '{"ranks": [1, 3], "exemplars": [1, 4], "mus": [1, 10], "iterations": 40}' \
        --out tradeoff.parquet
"""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import Change, RewrittenGenerator, measure
from palimpsest.experiments.comparison.settings import ChangedClasses
from palimpsest.experiments.tradeoff.settings import SweepSettings
from palimpsest.experiments.tradeoff.sweep import sweep
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
    weights: shared.Weights,
    statistics: shared.StatisticsFile,
    segmenter: shared.SegmenterFile,
    session: shared.SessionFile,
    change: shared.ChangeJson,
    grid: Annotated[
        str, typer.Option(help="Settings to solve, as JSON: ranks, exemplars, mus, iterations.")
    ],
    out: shared.Measurements,
    samples: shared.Samples = 160,
    seed: shared.Seed = 3,
    batch: shared.FittedBatch = None,
    truncation: shared.Truncation = 1.0,
    perceptual: shared.Perceptual = "best",
    alexnet: shared.AlexNet = None,
    scale: shared.Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each sample and setting, measured as in Table 2."""
    classes = settings_from_json("--change", change, ChangedClasses)
    settings = settings_from_json("--grid", grid, SweepSettings)
    drawn, stats = Session.load(session), KeyStatistics.load(statistics)
    if str(seed) in (str(drawn.seed), stats.metadata.get("seed")):
        raise ParameterError(
            f"--seed {seed} is the seed of the session or its statistics; give another"
        )
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    solved = sweep(generator, drawn, stats, settings)
    trials = list(tqdm(solved, total=settings.edits, desc="solve", unit="edit", mininterval=2))
    if left_out := settings.edits - len(trials):
        print(f"{left_out} settings left out: too few exemplars or context keys in the session")
    labels = load_segmenter(segmenter).to(place)
    with tqdm(total=samples, desc="measure", unit="image", mininterval=2) as bar:
        table = measure(
            generator,
            labels,
            distance_named(perceptual, labels, alexnet).to(place),
            [
                RewrittenGenerator(t.setting.name, t.edit.apply(generator), t.edit.layer)
                for t in trials
            ],
            Change(classes.source, classes.targets),
            n=samples,
            seed=seed,
            batch=batch or fitted_batch(generator, 16),
            scale=scale,
            progress=bar.update,
        )
    # an inner join leaves out the rows of the unmodified generator
    table = table.merge(pd.DataFrame([trial.record() for trial in trials]), on="method")
    table.insert(3, "session", session.stem)
    facts = {
        "weights_sha256": generator.weights_sha256,
        "source_classes": ",".join(classes.source),
        "target_classes": ",".join(classes.targets),
        "truncation": str(truncation),
        "layer": str(trials[0].edit.layer),
    }
    write_measurements(table, out, facts)


if __name__ == "__main__":
    run(main)
