"""Measure one session's edits, image by image, every method on the same samples.

    python -m stages.measure --weights church.safetensors --segmenter church-segmenter.safetensors \
        --session dome2spire.json --edit newton=newton.safetensors --samples 1000 --seed 3 \
        --source-class dome --target-classes spire,roof --out dome2spire.parquet
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.commands import method_path, run
from palimpsest.generators import load_generator
from palimpsest.instruments.measuring import Change, load_method, measure, write_measurements
from palimpsest.instruments.perceptual import distance_named
from palimpsest.instruments.segmenter import Segmenter


def main(
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    segmenter: Annotated[Path, typer.Option(help="What labels the images.")],
    session: Annotated[Path, typer.Option(help="The session; its name goes into the rows.")],
    source_class: Annotated[str, typer.Option(help="The class that shall change.")],
    target_classes: Annotated[str, typer.Option(help="What it may become: a,b,c.")],
    out: Annotated[Path, typer.Option(help="Measurements to write (.parquet).")],
    edit: Annotated[
        list[str] | None, typer.Option(help="METHOD=PATH, an edit or rewritten weights; repeat.")
    ] = None,
    samples: Annotated[int, typer.Option(help="How many images.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 3,
    batch: Annotated[int, typer.Option(help="Images at a time; rows do not depend on it.")] = 16,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    perceptual: Annotated[
        str, typer.Option(help="best, encoder or lpips-alex; best is LPIPS where it is at hand.")
    ] = "best",
    scale: Annotated[str, typer.Option(help="Scale to note in the rows.")] = "",
) -> None:
    """Generate each sample once, apply every edit to it, and write a row a (sample, method)."""
    generator = load_generator(weights, truncation=truncation)
    labels = Segmenter.load(segmenter)
    methods = [load_method(*method_path(text), generator) for text in edit or []]
    change = Change(source_class, tuple(name for name in target_classes.split(",") if name))
    with tqdm(total=samples, desc=f"measure {session.stem}", unit="image", mininterval=2) as bar:
        table = measure(
            generator,
            labels,
            distance_named(perceptual, labels),
            methods,
            change,
            n=samples,
            seed=seed,
            batch=batch,
            scale=scale,
            progress=bar.update,
        )
    table.insert(3, "session", session.stem)
    facts = {
        "weights_sha256": generator.weights_sha256,
        "source_class": source_class,
        "target_classes": target_classes,
        "truncation": str(truncation),
    }
    write_measurements(table, out, facts)


if __name__ == "__main__":
    run(main)
