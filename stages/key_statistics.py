"""Key statistics (second moments) of one layer, or of several layers in one pass.

    python -m stages.key_statistics --weights church.safetensors --layer 6 --samples 2000 \
        --seed 1 --out layer6.safetensors
    python -m stages.key_statistics --weights church.safetensors --layer 6 --out six.safetensors \
        --layer 8 --out eight.safetensors
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator
from palimpsest.memory import KeyStatistics
from palimpsest.pipeline.commands import run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import Batch, Truncation, Weights


def main(
    weights: Weights,
    layer: Annotated[list[int], typer.Option(help="Layer; repeatable.")],
    out: Annotated[
        list[Path], typer.Option(help="File of each layer to write, in the same order.")
    ],
    samples: Annotated[
        int, typer.Option(help="Number of samples whose keys are collected.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Random seed of these samples.")] = 1,
    truncation: Truncation = 1.0,
    batch: Batch = 10,
    device: Device = "cpu",
) -> None:
    """Write the statistics of each layer to its own file."""
    if len(out) != len(layer) or len(set(layer)) != len(layer):
        raise ParameterError(
            f"--layer, --out: {len(layer)} layers and {len(out)} files; give each layer once, "
            "with one file"
        )
    for name, value in {"samples": samples, "batch": batch}.items():
        if value < 1:
            raise ParameterError(f"--{name}: {value} must be at least 1")
    place = computing_device(device)
    generator = load_generator(weights, truncation=truncation).to(place)
    if lacking := generator.lacking(layer):
        raise ParameterError(f"--layer: {weights} has {lacking}")
    found = KeyStatistics.collect(
        generator, layers=layer, n=samples, seed=seed, batch=batch, progress=True
    )
    for number, path in zip(layer, out, strict=True):
        stats = found[number]
        stats.save(path)
        eigenvalues = stats.eigen[0]
        print(
            f"layer {number}: {stats.count} keys of {stats.units} units, eigenvalues "
            f"{eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}"
        )


if __name__ == "__main__":
    run(main)
