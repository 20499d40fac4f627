"""`palimpsest info`: what a file is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.pipeline.shipped_models import shipped_models, weights_called


def info(
    file: Annotated[
        Path,
        typer.Argument(
            help="The file, of any kind that this project reads, or the name of a shipped model."
        ),
    ],
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            help="Generator that the file should fit: a file, or the name of a shipped model;"
            " repeatable. [the shipped ones]"
        ),
    ] = None,
) -> None:
    """Say what a file is, what it holds and which models it fits.

    Generators, key statistics, edits, sessions, inverted photographs, segmenters, classifiers and
    encoders are told apart by their content.

      palimpsest info data/weights/mini/church.safetensors
      palimpsest info spires.safetensors --weights my_stylegan2.pt
    """
    # imported here, so that --help is quick
    from palimpsest.commands.contents import contents_of, fits

    if not file.exists():
        file = shipped_models().get(str(file), file)
    found = contents_of(file)
    lines = {"file": str(file), "kind": found.kind, **found.facts}
    if found.depends_on_weights:
        given = {str(one): weights_called(one) for one in weights or []}
        models = given or shipped_models()
        label = "is the model" if found.kind == "generator" else "fits"
        if found.session is not None and not found.session.model:
            models = given  # samples of what generator it was drawn on is not written in it
        if models:
            none = f"none of {', '.join(models)}"
            lines[label] = ", ".join(fits(found, models, by_name=not given)) or none
        elif found.kind != "generator":
            lines[label] = "unknown; give a generator with --weights"
    width = max(map(len, lines))
    for name, text in lines.items():
        typer.echo(f"{name:<{width}}  {text}")
