"""Probe of one generator's layers: pieces rendered alone against pieces of whole images.

    python -m stages.probe_layers --model church --weights church.safetensors \
        --segmenter church-segmenter.safetensors --settings '{"layers": [5, 6], "sizes": [16, 32],
            "samples": 128, "seeds": [11, 12], "shown": 8, "shown_size": 32}' \
        --out church.parquet --out-panel fig14_patches_church.npz

Features of the pieces are those of a world's segmenter, or of Inception as in the paper; without
either they are the generator's own values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.experiments.layers.pieces_panel import piece_panel
from palimpsest.experiments.layers.probe import (
    Features,
    InceptionPieces,
    OwnValues,
    PieceFeatures,
    distances,
    probe_layers,
)
from palimpsest.experiments.layers.settings import PieceSettings
from palimpsest.files.measurements import write_measurements
from palimpsest.files.panels import save_panel
from palimpsest.generators import Generator, load_generator
from palimpsest.generators.batch_sizes import fitted_batch
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.loading import load_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import (
    FittedBatch,
    Inception,
    Measurements,
    Model,
    PanelFile,
    Scale,
    Truncation,
    Weights,
)
from palimpsest.settings import settings_from_json


def main(
    model: Model,
    weights: Weights,
    settings: Annotated[
        str,
        typer.Option(
            help="The probe, as JSON: layers, sizes (pixels), samples (of each seed), seeds, shown"
            " (pieces in the figure), shown_size (pixels)."
        ),
    ],
    out: Measurements,
    out_panel: PanelFile,
    segmenter: Annotated[
        Path | None,
        typer.Option(
            help="Segmenter whose features compare the pieces. [the generator's own values]"
        ),
    ] = None,
    inception: Inception = None,
    batch: FittedBatch = None,
    truncation: Truncation = 1.0,
    scale: Scale = "",
    device: Device = "cpu",
) -> None:
    """Write one row for each layer, size and left-out seed, and the panel of a figure of pieces."""
    what = settings_from_json("--settings", settings, PieceSettings)
    place = computing_device(device)
    g = load_generator(weights, truncation=truncation).to(place)
    features = looking(g, segmenter, inception)
    batch = batch or fitted_batch(g, 32)
    with tqdm(total=what.images, desc=f"probe {model}", unit="image", mininterval=2) as bar:
        table = probe_layers(g, features, what, batch=batch, progress=bar.update)
    arrays, facts = piece_panel(g, what, distances(table))
    table.insert(0, "generator", model)
    table["scale"] = scale
    about = {"weights_sha256": g.weights_sha256, "kind": g.kind, "truncation": str(truncation)}
    about |= {"resolution": str(g.resolution), "seeds": ",".join(map(str, what.seeds))}
    write_measurements(table, out, about)
    save_panel(out_panel, arrays, facts | {"figure": out_panel.stem, "model": model})


def looking(g: Generator, segmenter: Path | None, inception: Path | None) -> Features:
    """What compares pieces. Raises `ParameterError` if two files are given."""
    if segmenter and inception:
        raise ParameterError("give --segmenter or --inception, not both")
    if segmenter:
        return PieceFeatures(load_segmenter(segmenter).to(g.device))
    if inception:
        return InceptionPieces(InceptionFeatures.load(inception).to(g.device))
    return OwnValues(g)


if __name__ == "__main__":
    run(main)
