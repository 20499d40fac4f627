"""A realism study: the page for judges, and the answer key (which image is on which side).

    python -m stages.make_study --weights church.safetensors --edit newton=newton.safetensors \
        --edit finetune_all=finetune_all.safetensors --samples 1000 --seed 3 \
        --study '{"pairs": 50, "against": "newton", "seed": 0}' \
        --key realism-key.csv --out realism.html

Send the page to the judges. Keep the page and the key with the answers they send back, for
``stages.read_study``. Answers are valid only for the images that were judged: a study made again on
another machine, where pixels may be rounded differently, or with a new edit, is another study.
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
from palimpsest.experiments.realism.settings import StudySettings
from palimpsest.experiments.realism.study import write_key
from palimpsest.experiments.realism.study_page import make_study, pick, render_study, take_shots
from palimpsest.files.atomic import atomic_write_text
from palimpsest.generators import load_generator, sample_z
from palimpsest.instruments.loading import load_segmenter
from palimpsest.methods.registry import image_changes, image_settings
from palimpsest.pipeline import shared_options as shared
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.sessions import Session
from palimpsest.settings import object_from_json, settings_from_json


def main(
    weights: shared.Weights,
    edit: shared.Edits,
    study: Annotated[
        str,
        typer.Option(
            help="The study, as JSON: pairs (of each method), against (the method to compare with,"
            " or unmodified), seed (of the draw, the sides and the order)."
        ),
    ],
    key: Annotated[Path, typer.Option(help="Answer key to write (.csv); not for judges.")],
    out: Annotated[Path, typer.Option(help="Page for the judges to write (.html).")],
    samples: shared.Samples = 1000,
    seed: shared.Seed = 3,
    least_change: Annotated[
        float,
        typer.Option(help="Smallest mean difference of a pair, in levels of 255, to be shown."),
    ] = 0.0,
    session: Annotated[
        Path | None, typer.Option(help="Session file, needed for `--image-methods`.")
    ] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Segmenter, needed for `--image-methods`.")
    ] = None,
    image_methods: shared.ImageMethods = "{}",
    batch: shared.Batch = 16,
    truncation: shared.Truncation = 1.0,
    device: Device = "cpu",
) -> None:
    """Write the page and the key of a study that compares every method with one other."""
    settings = settings_from_json("--study", study, StudySettings)
    if key.resolve() == out.resolve():
        raise ParameterError(f"--key and --out are both {key}; judges must not get the key")
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    loaded: list[RewrittenGenerator | ChangedImages] = [
        load_method(name, file, generator) for name, file in named_files("--edit", edit).items()
    ]
    asked = image_settings("--image-methods", object_from_json("--image-methods", image_methods))
    if asked:
        if session is None or segmenter is None:
            raise ParameterError("--image-methods: needs --session and --segmenter")
        labels = load_segmenter(segmenter).to(place)
        changes = image_changes(generator, Session.load(session), labels, asked)
        loaded += [ChangedImages(name, change) for name, change in changes.items()]
    judged, reference = pick(loaded, settings.against)
    with tqdm(total=len(judged) * settings.pairs, desc="study", unit="pair", mininterval=2) as bar:
        shots = take_shots(
            generator,
            judged,
            reference,
            pairs=settings.pairs,
            z=sample_z(generator, samples, seed),
            order_seed=settings.seed,
            least_change=least_change,
            batch=batch,
            progress=bar.update,
        )
    made, content = make_study(shots, against=settings.against, seed=seed, order_seed=settings.seed)
    write_key(made, key)
    atomic_write_text(out, render_study(content))
    print(f"study {made.id}: {len(made.pairs)} pairs in {out}; the key is {key}")


if __name__ == "__main__":
    run(main)
