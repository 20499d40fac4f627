"""Probe the layers of one generator: pieces rendered alone against pieces of whole images.

    python -m stages.probe_layers --model church --weights church.safetensors \
        --segmenter church-segmenter.safetensors --layer 5 --layer 6 --size 16 --size 32 \
        --seed 11 --seed 12 --samples 128 --shown 8 --shown-size 32 \
        --out church.parquet --out-panel fig14_patches_church.npz

What looks at the pieces is a segmenter of ours, or with `--inception` the network that the paper's
Fréchet distances are over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.experiments.layers.pieces_panel import check_shown, piece_panel
from palimpsest.experiments.layers.probe import (
    Features,
    InceptionPieces,
    PieceFeatures,
    ProbePlan,
    distances,
    probe_layers,
)
from palimpsest.files.measurements import write_measurements
from palimpsest.files.panels import save_panel
from palimpsest.generators import load_generator
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.loading import load_segmenter
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device


def main(
    model: Annotated[str, typer.Option(help="Name of the generator in the rows.")],
    weights: Annotated[Path, typer.Option(help="The generator.")],
    layer: Annotated[list[int], typer.Option(help="A layer to probe; repeat.")],
    size: Annotated[list[int], typer.Option(help="Pixels along a piece; repeat.")],
    seed: Annotated[list[int], typer.Option(help="Of samples; repeat: the interval is over them.")],
    out: Annotated[Path, typer.Option(help="Distances to write (.parquet).")],
    out_panel: Annotated[Path, typer.Option(help="Pieces to show (.npz).")],
    segmenter: Annotated[
        Path | None, typer.Option(help="Whose features look at the pieces.")
    ] = None,
    inception: Annotated[
        Path | None, typer.Option(help="Inception's weights, to look in its place.")
    ] = None,
    samples: Annotated[int, typer.Option(help="How many, of each seed.")] = 128,
    shown: Annotated[int, typer.Option(help="Samples to show.")] = 8,
    shown_size: Annotated[int, typer.Option(help="Pixels along the pieces to show.")] = 32,
    batch: Annotated[int | None, typer.Option(help="Images at a time. [by their size]")] = None,
    truncation: Annotated[float, typer.Option(help="Truncation of the generator.")] = 1.0,
    scale: Annotated[str, typer.Option(help="Scale to note in the rows.")] = "",
    device: Device = "cpu",
) -> None:
    """Write a row for each layer, size and seed left out, and the panel of a figure of pieces."""
    place = computing_device(device)
    g = load_generator(weights, truncation=truncation).to(place)
    features = looking(segmenter, inception, place)
    plan = ProbePlan(tuple(layer), tuple(size), samples, tuple(seed))
    check_shown(plan, shown, shown_size)
    batch = batch or images_at_once(g.resolution, 32)
    with tqdm(total=len(plan), desc=f"probe {model}", unit="image", mininterval=2) as bar:
        table = probe_layers(g, features, plan, batch=batch, progress=bar.update)
    arrays, facts = piece_panel(g, plan, distances(table), shown=shown, size=shown_size)
    table.insert(0, "generator", model)
    table["scale"] = scale
    told = {"weights_sha256": g.weights_sha256, "kind": g.kind, "truncation": str(truncation)}
    told |= {"resolution": str(g.resolution), "seeds": ",".join(map(str, seed))}
    write_measurements(table, out, told)
    save_panel(out_panel, arrays, facts | {"figure": out_panel.stem, "model": model})


def looking(segmenter: Path | None, inception: Path | None, place: torch.device) -> Features:
    """What compares pieces, at a device. Raises `ParameterError` unless exactly one is given."""
    if segmenter and not inception:
        return PieceFeatures(load_segmenter(segmenter).to(place))
    if inception and not segmenter:
        return InceptionPieces(InceptionFeatures.load(inception).to(place))
    raise ParameterError("give either --segmenter or --inception: one of them looks at the pieces")


if __name__ == "__main__":
    run(main)
