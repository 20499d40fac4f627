"""Invert the rule that a table mirrors its windows: every layer by itself, then the best at rank 1.

    python -m stages.invert_reflections --weights kitchen.safetensors \
        --segmenter kitchen-segmenter.safetensors --out-full 5=full5.safetensors \
        --out-full 6=full6.safetensors --out-losses losses.csv --out low_rank.safetensors \
        --settings '{"units_of": "window", "switched_layer": 4, "units": 20, "goal_layer": 8, ...}'

Windows and echoes are the slots of the segmenter's world, or, with `--painted FILE`, painted.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from tqdm import tqdm

from palimpsest.dissection.unit_switches import echo_area, find_switch
from palimpsest.experiments.reflections.painted_rule import painted_swap
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.files.tables import write_table
from palimpsest.generators import Generator, load_generator, sample_z
from palimpsest.instruments.loading import load_segmenter
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory.inversion import Inversion, invert_layer, invert_low_rank
from palimpsest.memory.swaps import Swap, check_reach, pose_swap
from palimpsest.pipeline.commands import json_settings, layer_files, run
from palimpsest.pipeline.devices import Device, computing_device
from palimpsest.worlds import get_world

NEEDED = {
    **dict.fromkeys(("switched_layer", "units", "goal_layer", "pairs", "pairs_a_step"), int),
    **dict.fromkeys(("seed", "iterations", "rank", "rank_iterations"), int),
    **dict.fromkeys(("rate", "rank_rate"), float),
    "units_of": str,
}
PAINTED = {"dissected": int, "on_level": float, "off_level": float}
"""Besides, for a switch of painted windows."""

Asked = dict[str, Any]


def main(
    weights: Annotated[Path, typer.Option(help="The generator.")],
    segmenter: Annotated[Path, typer.Option(help="A segmenter that knows the class.")],
    out_full: Annotated[
        list[str], typer.Option(help="LAYER=PATH to try, and to write its whole edit to; repeat.")
    ],
    out_losses: Annotated[Path, typer.Option(help="Losses to write, layer by layer (.csv).")],
    out: Annotated[Path, typer.Option(help="Edit of low rank to write (.safetensors).")],
    settings: Annotated[
        str, typer.Option(help=f"{', '.join(NEEDED)}, as JSON; painted: {', '.join(PAINTED)} too.")
    ],
    painted: Annotated[Path | None, typer.Option(help="Scenes with painted windows.")] = None,
    device: Device = "cpu",
) -> None:
    asked, files = (
        parse_settings(settings, painted is not None),
        layer_files("--out-full", out_full),
    )
    for number in files:
        check_reach(number, asked["switched_layer"], asked["goal_layer"])
    place = computing_device(device)
    g, labels = load_generator(weights).to(place), load_segmenter(segmenter).to(place)
    if painted is None:
        swap, told = slots(g, labels, asked)
    else:
        tuning = PaintedScenes.load(painted).halves()[0].first(asked["pairs"], "pairs")
        swap, told = painted_swap(g, labels, tuning, asked)
    common = {"pairs_a_step": asked["pairs_a_step"], "notes": {"session": out.stem, **told}}
    trials: dict[int, Inversion] = {}
    for number, file in files.items():
        steps = partial(tqdm, desc=f"layer {number}", unit="step", mininterval=2)
        trials[number] = invert_layer(
            swap, number, iterations=asked["iterations"], rate=asked["rate"], steps=steps, **common
        )
        trials[number].edit.save(file)
    best = min(trials, key=lambda number: trials[number].loss_after)
    narrow = invert_low_rank(
        swap,
        best,
        rank=asked["rank"],
        iterations=asked["rank_iterations"],
        rate=asked["rank_rate"],
        steps=partial(tqdm, desc=f"layer {best}, low rank", unit="step", mininterval=2),
        **common,
    )
    rows = [row for trial in (*trials.values(), narrow) for row in trial.rows()]
    write_table(pd.DataFrame(rows), out_losses)
    narrow.edit.save(out)
    print(f"layer {best}: {narrow.loss_before:.4g} to {trials[best].loss_after:.4g}", end=", ")
    print(f"{narrow.loss_after:.4g} at rank {narrow.edit.rank}")


def slots(g: Generator, labels: Segmenter, asked: Asked) -> tuple[Swap, dict[str, str]]:
    """Pairs that differ in the slots of a world, and what an edit tells of them."""
    world, layer, seed = get_world(labels.world), asked["switched_layer"], asked["seed"]
    with tqdm(desc=f"units of {asked['units_of']}", unit="step", mininterval=2) as bar:
        switch = find_switch(
            g, layer, labels, world, asked["units_of"], asked["units"], seed + 1, bar.update
        )
    on, off = switch.pairs(g, world, sample_z(g, asked["pairs"], seed))
    area = echo_area(world, g.layer(asked["goal_layer"]).value_size)
    swap = pose_swap(g, on, off, area, asked["goal_layer"])
    return swap, {"switch": switch.as_text(), "pairs_seed": str(seed)}


def parse_settings(text: str, painted: bool = False) -> Asked:
    """The settings. Raises `ParameterError` for one that is missing, unknown or of no use."""
    return json_settings("--settings", text, NEEDED | (PAINTED if painted else {}))


if __name__ == "__main__":
    run(main)
