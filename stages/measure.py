"""Measure one session's edits, image by image, every method on the same samples.

    python -m stages.measure --weights church.safetensors --segmenter church-segmenter.safetensors \
        --session dome2spire.json --edit newton=newton.safetensors --samples 1000 --seed 3 \
        --source-classes dome --target-classes spire,roof --out dome2spire.parquet
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from palimpsest.experiments.comparison.image_features import FeatureRows
from palimpsest.experiments.comparison.measure import Change, ChangedImages, load_method, measure
from palimpsest.experiments.counterfactuals.new_rules import rule_called
from palimpsest.files.measurements import write_measurements
from palimpsest.generators import load_generator
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.distances.perceptual import distance_named
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.methods.registry import image_changes, image_settings
from palimpsest.pipeline.commands import json_settings, method_path, names, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shards import Shard
from palimpsest.sessions import Session


def main(
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    segmenter: Annotated[Path, typer.Option(help="What labels the images.")],
    session: Annotated[Path, typer.Option(help="The session; its name goes into the rows.")],
    source_classes: Annotated[str, typer.Option(help="The classes that may change: a,b,c.")],
    out: Annotated[Path, typer.Option(help="Measurements to write (.parquet).")],
    target_classes: Annotated[str, typer.Option(help="What they may become: a,b,c.")] = "",
    edit: Annotated[
        list[str] | None, typer.Option(help="METHOD=PATH, an edit or rewritten weights; repeat.")
    ] = None,
    image_methods: Annotated[
        str, typer.Option(help="Methods that change images, with their settings, as JSON.")
    ] = "{}",
    classifier: Annotated[Path | None, typer.Option(help="What tells of an attribute.")] = None,
    world: Annotated[str, typer.Option(help="The world learned, as judge of the new rule.")] = "",
    out_features: Annotated[Path | None, typer.Option(help="Features to write (.parquet).")] = None,
    samples: Annotated[int, typer.Option(help="How many images.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 3,
    shard: Annotated[str, typer.Option(help="Which of them to measure: 3-of-20.")] = "1-of-1",
    batch: Annotated[int | None, typer.Option(help="Images at a time. [by their size]")] = None,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    perceptual: Annotated[
        str, typer.Option(help="best, encoder or lpips-alex; best is LPIPS where it is at hand.")
    ] = "best",
    alexnet: Annotated[Path | None, typer.Option(help="For LPIPS. [torchvision's folder]")] = None,
    inception: Annotated[
        Path | None, typer.Option(help="Inception's weights for features. [the segmenter's own]")
    ] = None,
    scale: Annotated[str, typer.Option(help="Scale to note in the rows.")] = "",
    device: Device = "cpu",
) -> None:
    """Generate each sample once, apply every edit to it, and write a row a (sample, method)."""
    chosen = Shard.called(shard).samples(samples)
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    labels = load_segmenter(segmenter).to(place)
    sources = names("--source-classes", source_classes)
    targets = names("--target-classes", target_classes)
    shows = load_classifier(classifier).to(place) if classifier else None
    change = Change(sources, targets, shows, rule_called(session.stem, world))
    methods: list[Any] = [load_method(*method_path(text), generator) for text in edit or []]
    asked = image_settings("--image-methods", json_settings("--image-methods", image_methods))
    if asked:
        changes = image_changes(generator, Session.load(session), labels, asked)
        methods += [ChangedImages(name, changed) for name, changed in changes.items()]
    looks = InceptionFeatures.load(inception).to(place) if inception else labels
    features = FeatureRows(looks, chosen.start) if out_features else None
    distance = distance_named(perceptual, labels, alexnet).to(place)
    instruments = [one.name for one in (labels, distance, looks, change.shows) if one]
    batch = batch or images_at_once(generator.resolution, 16)
    with tqdm(total=len(chosen), desc=session.stem, unit="image", mininterval=2) as bar:
        table = measure(
            generator,
            labels,
            distance,
            methods,
            change,
            n=chosen.stop,
            seed=seed,
            first=chosen.start,
            batch=batch,
            scale=scale,
            watch=features.watch if features else None,
            progress=bar.update,
        )
    table.insert(3, "session", session.stem)
    facts = {
        "weights_sha256": generator.weights_sha256,
        "source_classes": source_classes,
        "target_classes": target_classes,
        "truncation": str(truncation),
        "image_methods": image_methods,
        "instruments": ",".join(instruments),
        "scale": scale,
        "session": session.stem,
    }
    facts |= {"samples": str(samples), "seed": str(seed), "batch": str(batch), "shard": shard}
    if features and out_features:
        if change.rule is not None:
            features.watch_renders(change.rule, chosen, seed, generator.resolution)
        write_measurements(features.table(), out_features, facts)
    write_measurements(table, out, facts)


if __name__ == "__main__":
    run(main)
