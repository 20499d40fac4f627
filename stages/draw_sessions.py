"""Draw copy-paste-context sessions from the labels of generated samples, one file for each.

    python -m stages.draw_sessions --model church --weights church.safetensors \
        --segmenter church-segmenter.safetensors --layer 6 --seed 1 --out-dir sessions
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from palimpsest.drawing.draw import draw, drawings_of
from palimpsest.drawing.survey import survey_samples
from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator
from palimpsest.instruments.loading import load_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import Drawings, Model, SegmenterFile, Truncation, Weights


def main(
    weights: Weights,
    segmenter: SegmenterFile,
    out_dir: Annotated[Path, typer.Option(help="Folder for the session files.")],
    model: Model,
    layer: Annotated[int, typer.Option(help="Layer to change, for sessions given without one.")],
    drawings: Drawings = "",
    session: Annotated[
        list[str] | None,
        typer.Option(help="Session to draw, as NAME or NAME@LAYER; repeatable. [all]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the samples.")] = 1,
    n: Annotated[int, typer.Option(help="Number of samples that the session may name.")] = 1000,
    samples: Annotated[
        int, typer.Option(help="Number of samples to survey, from the first.")
    ] = 400,
    truncation: Truncation = 1.0,
    device: Device = "cpu",
) -> None:
    """Write each session as NAME.json; either all of them or none."""
    place = computing_device(device)
    labels = load_segmenter(segmenter).to(place)
    known = drawings_of(drawings or labels.world)
    if not known:
        raise ParameterError(f"--drawings: {drawings or labels.name} has no sessions to draw")
    layers = dict(_place(one, layer, known) for one in session or known)
    if not 1 <= samples <= n:
        raise ParameterError(f"--samples: {samples} is outside 1 to {n}, the stream's length")
    generator = load_generator(weights, truncation=truncation).to(place)
    if lacking := generator.lacking(sorted({layer, *layers.values()})):
        raise ParameterError(f"--layer: {weights} has {lacking}")
    survey = survey_samples(generator, labels, layer, samples, seed)
    # all are drawn before any is written, so that a failure leaves no incomplete set
    drawn = [
        draw(
            name,
            replace(survey, cells=generator.layer(at).value_size),
            model=model,
            layer=at,
            seed=seed,
            n=n,
        )
        for name, at in layers.items()
    ]
    for one in drawn:
        one.save(out_dir / f"{one.name}.json")
        first = one.exemplars[0]
        print(
            f"{one.name}: {len(one.exemplars)} exemplars, {len(one.context)} places of context; "
            f"first copied from sample {first.object.sample} to {first.paste.sample}"
        )


def _place(text: str, layer: int, known: Iterable[str]) -> tuple[str, int]:
    """Name and layer of NAME or NAME@LAYER."""
    name, _, at = text.partition("@")
    if name not in known:
        raise ParameterError(f"--session: {name} is none of {', '.join(known)}")
    if at and not at.isdigit():
        raise ParameterError(f"--session: {text}: the layer {at!r} is not a number")
    return name, int(at) if at else layer


if __name__ == "__main__":
    run(main)
