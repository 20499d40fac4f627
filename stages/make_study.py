"""Make a realism study: the page that judges open, and the key that tells which side is which.

    python -m stages.make_study --weights church.safetensors --edit newton=newton.safetensors \
        --edit finetune_all=finetune_all.safetensors --samples 1000 --seed 3 --pairs 50 \
        --key realism-key.csv --out realism.html

Send judges the page, and keep it and the key with what they send back, which ``stages.read_study``
reads. Answers belong to the very pictures that were judged: made again on another machine, where a
pixel may be rounded otherwise, or with an edit made anew, it is another study.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.measure import (
    ChangedImages,
    RewrittenGenerator,
    load_method,
)
from palimpsest.experiments.realism.study import write_key
from palimpsest.experiments.realism.study_page import make_study, pick, render_study, take_shots
from palimpsest.files.atomic import atomic_write_text
from palimpsest.generators import load_generator, sample_z
from palimpsest.instruments.loading import load_segmenter
from palimpsest.methods.registry import UNMODIFIED, image_changes, image_settings
from palimpsest.pipeline.commands import json_settings, method_path, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.sessions import Session


def main(
    weights: Annotated[Path, typer.Option(help="The unedited generator.")],
    edit: Annotated[
        list[str], typer.Option(help="METHOD=PATH, an edit or rewritten weights; repeat.")
    ],
    key: Annotated[Path, typer.Option(help="Answer key to write (.csv); not for judges.")],
    out: Annotated[Path, typer.Option(help="Page to write (.html), for judges.")],
    samples: Annotated[int, typer.Option(help="Samples that pairs are drawn from.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.", min=0)] = 3,
    pairs: Annotated[int, typer.Option(help="Pairs of each method.", min=1)] = 50,
    order_seed: Annotated[int, typer.Option(help="Of the draw, sides and order.", min=0)] = 0,
    against: Annotated[
        str, typer.Option(help="What methods are compared with: unmodified, or one of them.")
    ] = UNMODIFIED,
    least_change: Annotated[
        float, typer.Option(help="Mean difference of a pair, in levels of 255, to be asked about.")
    ] = 0.0,
    session: Annotated[
        Path | None, typer.Option(help="The session, whose pasted picture best buddies bring.")
    ] = None,
    segmenter: Annotated[Path | None, typer.Option(help="Its features find best buddies.")] = None,
    image_methods: Annotated[
        str, typer.Option(help="Methods that change images, with their settings, as JSON.")
    ] = "{}",
    batch: Annotated[int, typer.Option(help="Images at a time.", min=1)] = 16,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    device: Device = "cpu",
) -> None:
    if key.resolve() == out.resolve():
        raise ParameterError(f"--key and --out are both {key}; judges must not get the key")
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    loaded: list[RewrittenGenerator | ChangedImages] = [
        load_method(*method_path(text), generator) for text in edit
    ]
    asked = image_settings("--image-methods", json_settings("--image-methods", image_methods))
    if asked:
        if session is None or segmenter is None:
            raise ParameterError("--image-methods: needs --session and --segmenter")
        labels = load_segmenter(segmenter).to(place)
        changes = image_changes(generator, Session.load(session), labels, asked)
        loaded += [ChangedImages(name, change) for name, change in changes.items()]
    judged, reference = pick(loaded, against)
    with tqdm(total=len(judged) * pairs, desc="study", unit="pair", mininterval=2) as bar:
        shots = take_shots(
            generator,
            judged,
            reference,
            pairs=pairs,
            z=sample_z(generator, samples, seed),
            order_seed=order_seed,
            least_change=least_change,
            batch=batch,
            progress=bar.update,
        )
    study, content = make_study(shots, against=against, seed=seed, order_seed=order_seed)
    write_key(study, key)
    atomic_write_text(out, render_study(content))
    print(f"study {study.id}: {len(study.pairs)} pairs in {out}; the key is {key}")


if __name__ == "__main__":
    run(main)
