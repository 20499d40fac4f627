"""Panel of one figure of edits: the arrays and facts that it is drawn from.

    python -m stages.render_panel --figure fig09_windows --model church \
        --weights church.safetensors --segmenter church-segmenter.safetensors \
        --edit remove_window=remove_window.safetensors \
        --session remove_window=remove_window.json --statistics layer6.safetensors \
        --settings '{"pairs": 12, "samples": 1000, "seed": 3}' --out fig09_windows.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.experiments.panel_settings import PanelSettings
from palimpsest.experiments.panel_sources import Sources
from palimpsest.experiments.panels import compute_panel
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import KeyStatistics
from palimpsest.methods.registry import image_settings
from palimpsest.pipeline.commands import named_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import ImageMethods, Model, PanelFile, Weights
from palimpsest.sessions import Session
from palimpsest.settings import object_from_json, settings_from_json


def main(
    figure: Annotated[str, typer.Option(help="Name of the figure.")],
    model: Model,
    weights: Weights,
    edit: Annotated[
        list[str], typer.Option(help="NAME=FILE: edit; repeatable, in the order shown.")
    ],
    session: Annotated[list[str], typer.Option(help="NAME=FILE: session; repeatable.")],
    settings: Annotated[str, typer.Option(help="Samples shown, as JSON: pairs, samples, seed.")],
    out: PanelFile,
    segmenter: Annotated[
        Path | None, typer.Option(help="Segmenter that labels the images.")
    ] = None,
    statistics: Annotated[
        Path | None, typer.Option(help="Key statistics of the edited layer.")
    ] = None,
    image_methods: ImageMethods = "{}",
    device: Device = "cpu",
) -> None:
    """Write the panel: the samples that match the first session's rule best, before and after."""
    shown = settings_from_json("--settings", settings, PanelSettings)
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
            "--image-methods", object_from_json("--image-methods", image_methods)
        ),
        pairs=shown.pairs,
        samples=shown.samples,
        seed=shown.seed,
    )
    arrays, facts = compute_panel(figure, sources)
    save_panel(out, arrays, facts | {"model": model})
    print(f"{figure}: {', '.join(f'{name} {array.shape}' for name, array in arrays.items())}")


def _truncation(statistics: Path | None) -> float:
    """Truncation of the key statistics; 1 without statistics."""
    if statistics is None:
        return 1.0
    return float(KeyStatistics.load(statistics).metadata.get("truncation", 1.0))


if __name__ == "__main__":
    run(main)
