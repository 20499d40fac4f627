"""Measurements of one session by every method, image by image, on the same samples.

    python -m stages.measure --weights church.safetensors --segmenter church-segmenter.safetensors \
        --model church --session dome2spire.json --edit newton=newton.safetensors --samples 1000 \
        --seed 3 --change '{"source": ["dome"], "targets": ["spire", "roof"]}' \
        --out dome2spire.parquet
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from palimpsest.experiments.comparison.image_features import FeatureRows
from palimpsest.experiments.comparison.measure import Change, ChangedImages, load_method, measure
from palimpsest.experiments.comparison.settings import ChangedClasses
from palimpsest.experiments.counterfactuals.new_rules import rule_called
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.generators.batch_sizes import fitted_batch, told_batch
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.methods.registry import image_changes, image_settings
from palimpsest.pipeline import shared_options as shared
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shards import Shard
from palimpsest.sessions import Session
from palimpsest.settings import object_from_json, settings_from_json


def main(
    weights: shared.Weights,
    segmenter: shared.SegmenterFile,
    model: shared.Model,
    session: Annotated[Path, typer.Option(help="Session file; its name is written to each row.")],
    change: shared.ChangeJson,
    out: shared.Measurements,
    edit: shared.Edits = [],  # noqa: B006
    critic: shared.CriticFile = None,
    image_methods: shared.ImageMethods = "{}",
    classifier: Annotated[
        Path | None, typer.Option(help="Classifier of the attribute that the edit adds.")
    ] = None,
    world: Annotated[
        str, typer.Option(help="World whose counterfactuals the images are compared with. [none]")
    ] = "",
    out_features: Annotated[
        Path | None, typer.Option(help="Image features to write (.parquet).")
    ] = None,
    samples: shared.Samples = 1000,
    seed: shared.Seed = 3,
    shard: Annotated[str, typer.Option(help="Part of the samples to measure: 3-of-20.")] = "1-of-1",
    batch: shared.FittedBatch = None,
    truncation: shared.Truncation = 1.0,
    perceptual: shared.Perceptual = "best",
    alexnet: shared.AlexNet = None,
    inception: shared.Inception = None,
    half: shared.HalfPrecision = False,
    scale: shared.Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each sample and method; each sample is generated once."""
    classes = settings_from_json("--change", change, ChangedClasses)
    chosen = Shard.called(shard).samples(samples)
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    labels = load_segmenter(segmenter, critic).to(place)
    shows = load_classifier(classifier).to(place) if classifier else None
    rule = rule_called(session.stem, world)
    meant = Change(classes.source, classes.targets, shows, rule)
    methods: list[Any] = [
        load_method(name, file, generator) for name, file in named_files("--edit", edit).items()
    ]
    asked = image_settings("--image-methods", object_from_json("--image-methods", image_methods))
    if asked:
        changes = image_changes(generator, Session.load(session), labels, asked)
        methods += [ChangedImages(name, changed) for name, changed in changes.items()]
    looks = InceptionFeatures.load(inception).to(place) if inception else labels
    features = FeatureRows(looks, chosen.start) if out_features else None
    distance = distance_named(perceptual, labels, alexnet).to(place)
    instruments = [one.name for one in (labels, distance, looks, shows) if one]
    fitted = told_batch(generator, batch, 16)
    batch = batch or fitted_batch(generator, 16)
    with tqdm(total=len(chosen), desc=session.stem, unit="image", mininterval=2) as bar:
        table = measure(
            generator,
            labels,
            distance,
            methods,
            meant,
            n=chosen.stop,
            seed=seed,
            first=chosen.start,
            batch=batch,
            half=half,
            scale=scale,
            watch=features.watch if features else None,
            progress=bar.update,
        )
    of_session = {"model": model, "session": session.stem}
    for at, (column, name) in enumerate(of_session.items(), start=3):
        table.insert(at, column, name)
    facts = {"weights_sha256": generator.weights_sha256, "truncation": str(truncation)}
    facts |= {"image_methods": image_methods, "instruments": ",".join(instruments)}
    facts |= {"scale": scale, **of_session, **meant.facts}
    facts |= {"samples": str(samples), "seed": str(seed), "batch": fitted, "shard": shard}
    if features and out_features:
        if rule is not None:
            features.watch_renders(rule, chosen, seed, generator.resolution)
        write_measurements(features.table(), out_features, facts)
    write_measurements(table, out, facts)


if __name__ == "__main__":
    run(main)
