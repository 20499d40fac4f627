"""`palimpsest samples` and `palimpsest apply`: sheets of samples, also before and after edits."""

from __future__ import annotations

import typer

from palimpsest.commands.opening import Opening
from palimpsest.commands.options import (
    Columns,
    EditFiles,
    EstimateMean,
    Network,
    PictureFile,
    SampleClasses,
    Samples,
    Seed,
    Strengths,
    Weights,
    ZDim,
)
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import Truncation


def samples(
    out: PictureFile,
    weights: Weights = None,
    samples: Samples = 24,
    seed: Seed = 1,
    of_class: SampleClasses = None,
    columns: Columns = 8,
    truncation: Truncation = 1.0,
    estimate_mean: EstimateMean = False,
    network: Network = None,
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """Write a sheet of a generator's samples.

    Sample 5 of a seed is always the same image, however many are shown.

      palimpsest samples --weights church --out church.png
      palimpsest samples --weights my_stylegan2.pt --truncation 0.5 --out mine.png
    """
    # imported here, so that --help is quick
    from palimpsest.commands.progress import progress_bar
    from palimpsest.commands.sheets import check_picture, save_picture, sheet_of

    check_picture(out)
    place = computing_device(device)
    g = Opening(weights, network, z_dim, estimate_mean).generator(truncation).to(place)
    with progress_bar("samples", samples) as done:
        save_picture(sheet_of([g], samples, seed, columns, done, of_class), out)
    typer.echo(f"{out}: samples 0 to {samples - 1} of seed {seed}", err=True)


def apply(
    edit: EditFiles,
    out: PictureFile,
    weights: Weights = None,
    strength: Strengths = None,
    samples: Samples = 8,
    seed: Seed = 1,
    of_class: SampleClasses = None,
    columns: Columns = 8,
    truncation: Truncation = 1.0,
    estimate_mean: EstimateMean = False,
    network: Network = None,
    z_dim: ZDim = None,
    device: Device = "cpu",
) -> None:
    """Write a sheet of samples before and after edits.

    Below each row before stand the same samples after. The generator's file is not changed;
    `palimpsest export` writes edited weights.

      palimpsest apply --weights church --edit spires.safetensors --out spires.png
      palimpsest apply --weights church --edit a.safetensors --edit b.safetensors \\
      --strength 0.5 --strength 1 --out both.png
    """
    # imported here, so that --help is quick
    from palimpsest.commands.progress import progress_bar
    from palimpsest.commands.sheets import check_picture, save_picture, sheet_of
    from palimpsest.memory.several_edits import apply_files

    check_picture(out)
    place = computing_device(device)
    g = Opening(weights, network, z_dim, estimate_mean).generator(truncation)
    edited = apply_files(g, edit, strength or [1.0])
    with progress_bar("samples", samples) as done:
        pair = [g.to(place), edited.to(place)]
        save_picture(sheet_of(pair, samples, seed, columns, done, of_class), out)
    typer.echo(f"{out}: edits: {len(edit)}; rows before and after in turn", err=True)
