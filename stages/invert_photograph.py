"""Invert one photograph in a generator and adapt the weights until it is reproduced."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.photographs.own_photograph import Studio
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import ComparingSegmenter, Weights
from palimpsest.settings import settings_from_json


def main(
    photograph: Annotated[Path, typer.Option(help="The photograph: JPEG, PNG and so on.")],
    weights: Weights,
    segmenter: ComparingSegmenter,
    out: Annotated[Path, typer.Option(help="Inverted photograph to write (.safetensors).")],
    above: Annotated[int, typer.Option(help="Adapt the weights above this layer.")],
    encoder: Annotated[
        Path | None, typer.Option(help="Encoder that gives the start. [starts near the mean w]")
    ] = None,
    framing: Annotated[
        Path | None, typer.Option(help="Network that finds the face. [the middle is taken]")
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(help="The face in the photograph: left,top,size in pixels. [searched for]"),
    ] = None,
    inversion: Annotated[
        str, typer.Option(help="Settings as JSON (params.yaml, photographs, inversion).")
    ] = "{}",
    adaptation: Annotated[
        str, typer.Option(help="Settings as JSON (params.yaml, photographs, adaptation).")
    ] = "{}",
    device: Device = "cpu",
) -> None:
    """Write the latent and the change of the weights, with their errors."""
    studio = Studio.open(
        weights,
        segmenter,
        encoder,
        framing,
        computing_device(device),
        settings_from_json("--inversion", inversion, InversionSettings),
        settings_from_json("--adaptation", adaptation, AdaptationSettings),
    )
    found = studio.invert(studio.read(photograph, box), out, above=above)
    typer.echo(studio.summary(found), err=True)


if __name__ == "__main__":
    run(main)
