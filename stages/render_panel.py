"""Compute what one figure shows.

    python -m stages.render_panel --figure fig09_windows --weights church.safetensors \
        --segmenter church-segmenter.safetensors --edit remove_window=remove_window.safetensors \
        --session remove_window=remove_window.json --statistics layer6.safetensors \
        --settings '{"pairs": 12, "samples": 1000, "seed": 3}' --out fig09_windows.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.panel_sources import Sources
from palimpsest.experiments.panels import compute_panel
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.methods.registry import image_settings
from palimpsest.pipeline.commands import json_settings, named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.sessions import Session

NEEDED = {"pairs": int, "samples": int, "seed": int}


def main(
    figure: Annotated[str, typer.Option(help="Name of the figure.")],
    weights: Annotated[Path, typer.Option(help="The generator.")],
    edit: Annotated[list[str], typer.Option(help="NAME=FILE of an edit, in the figure's order.")],
    session: Annotated[list[str], typer.Option(help="NAME=FILE of a session.")],
    settings: Annotated[str, typer.Option(help="pairs, samples, seed, as JSON.")],
    out: Annotated[Path, typer.Option(help="Panel to write (.npz).")],
    segmenter: Annotated[Path | None, typer.Option(help="What labels the images.")] = None,
    statistics: Annotated[Path | None, typer.Option(help="Key statistics of the layer.")] = None,
    image_methods: Annotated[
        str, typer.Option(help="Methods that change images, with their settings, as JSON.")
    ] = "{}",
    device: Device = "cpu",
) -> None:
    asked = json_settings("--settings", settings, NEEDED)
    place = computing_device(device)
    sources = Sources(
        generator=load_generator(weights, truncation=_truncation(statistics)).to(place),
        edits=named_files("--edit", edit),
        sessions={
            name: Session.load(file) for name, file in named_files("--session", session).items()
        },
        segmenter=None if segmenter is None else load_segmenter(segmenter).to(place),
        statistics=statistics,
        image_methods=image_settings(
            "--image-methods", json_settings("--image-methods", image_methods)
        ),
        **asked,
    )
    arrays, facts = compute_panel(figure, sources)
    save_panel(out, arrays, facts)
    print(f"{figure}: {', '.join(f'{name} {array.shape}' for name, array in arrays.items())}")


def _truncation(statistics: Path | None) -> float:
    """The truncation that the layer's keys were counted with; none where there is no telling."""
    if statistics is None:
        return 1.0
    return float(KeyStatistics.load(statistics).metadata.get("truncation", 1.0))


if __name__ == "__main__":
    run(main)
