"""Edits that invert the rule of the reflections: one of each whole layer, one of low rank.

    python -m stages.invert_reflections --weights kitchen.safetensors \
        --segmenter kitchen-segmenter.safetensors --out-full 5=full5.safetensors \
        --out-full 6=full6.safetensors --out-losses losses.csv --out low_rank.safetensors \
        --settings '{"units_of": "window", "switched_layer": 4, "units": 20, "goal_layer": 8, ...}'

Windows and reflections are the slots of the segmenter's world; with `--painted FILE`, painted ones.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from tqdm import tqdm

from palimpsest.experiments.reflections.painted_rule import painted_swap
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.experiments.reflections.settings import (
    InversionSettings,
    PaintedInversionSettings,
)
from palimpsest.experiments.reflections.world_swap import world_swap
from palimpsest.files.tables import write_table
from palimpsest.generators import load_generator
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory.inversion import Inversion, invert_layer, invert_low_rank
from palimpsest.memory.swaps import check_reach
from palimpsest.pipeline.commands import numbered_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.pipeline.shared_options import PaintedFile, SegmenterFile, Weights
from palimpsest.settings import settings_from_json


def main(
    weights: Weights,
    segmenter: SegmenterFile,
    out_full: Annotated[
        list[str],
        typer.Option(help="LAYER=FILE: layer to tune, and its whole edit to write; repeatable."),
    ],
    out_losses: Annotated[Path, typer.Option(help="Losses of all layers to write (.csv).")],
    out: Annotated[Path, typer.Option(help="Low-rank edit to write (.safetensors).")],
    settings: Annotated[
        str,
        typer.Option(
            help="How to invert the rule, as JSON: units_of, switched_layer, units, goal_layer,"
            " pairs, pairs_a_step, seed, iterations, rate, rank, rank_iterations, rank_rate; with"
            " `--painted` also dissected, on_level, off_level."
        ),
    ],
    painted: PaintedFile = None,
    device: Device = "cpu",
) -> None:
    """Write a whole edit of every layer, then a low-rank edit of the layer with the lowest loss."""
    model = InversionSettings if painted is None else PaintedInversionSettings
    how = settings_from_json("--settings", settings, model)
    files = numbered_files("--out-full", out_full)
    for number in files:
        check_reach(number, how.switched_layer, how.goal_layer)
    place = computing_device(device)
    g, labels = load_generator(weights).to(place), load_segmenter(segmenter).to(place)
    if painted is None:
        swap, facts = world_swap(g, labels, how)
    else:
        tuning = PaintedScenes.load(painted).halves()[0].first(how.pairs, "pairs")
        swap, facts = painted_swap(g, labels, tuning, how)
    common = {"pairs_a_step": how.pairs_a_step, "notes": {"session": out.stem, **facts}}
    trials: dict[int, Inversion] = {}
    for number, file in files.items():
        steps = partial(tqdm, desc=f"layer {number}", unit="step", mininterval=2)
        trials[number] = invert_layer(
            swap, number, iterations=how.iterations, rate=how.rate, steps=steps, **common
        )
        trials[number].edit.save(file)
    best = min(trials, key=lambda number: trials[number].loss_after)
    narrow = invert_low_rank(
        swap,
        best,
        rank=how.rank,
        iterations=how.rank_iterations,
        rate=how.rank_rate,
        steps=partial(tqdm, desc=f"layer {best}, low rank", unit="step", mininterval=2),
        **common,
    )
    rows = [row for trial in (*trials.values(), narrow) for row in trial.rows()]
    write_table(pd.DataFrame(rows), out_losses)
    narrow.edit.save(out)
    print(f"layer {best}: {narrow.loss_before:.4g} to {trials[best].loss_after:.4g}", end=", ")
    print(f"{narrow.loss_after:.4g} at rank {narrow.edit.rank}")


if __name__ == "__main__":
    run(main)
