"""Painted scenes: pairs to tune an inversion to, and the sign of the rule in other scenes.

    swap, told = painted_swap(g, parser, tuning, settings)
    table = measure_painted_rule(g, edits, switch, measured, parser, "window")

The counterpart of `dissection.unit_switches` and `reflections.measure` for generators without a
world: slots and echoes are masks that people painted (`painted_scenes`). There are no flags of z,
so the columns of scenes switched by z are NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from palimpsest.dissection.painted_switches import find_painted_switch, painted_pairs
from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import EditError
from palimpsest.experiments.reflections.measure import SwitchedBatch, check_edits, compare_rules
from palimpsest.experiments.reflections.painted_scenes import STREAM_SEED, PaintedScenes
from palimpsest.experiments.reflections.settings import PaintedInversionSettings
from palimpsest.generators import Generator
from palimpsest.instruments.detectors.reflections import area_brightness, area_mean
from palimpsest.instruments.label_changes import of_classes
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit
from palimpsest.memory.swaps import Swap, joined, pose_swap

TUNED = "painted_samples"
"""Key of an edit's metadata: the numbers of the painted scenes that it was tuned to."""


def painted_swap(
    g: Generator, segmenter: Segmenter, scenes: PaintedScenes, settings: PaintedInversionSettings
) -> tuple[Swap, dict[str, str]]:
    """Pairs of all ``scenes``, windows on and off, that should exchange their reflections; and the
    metadata of an edit that is tuned to them.

    The samples of the next seed after ``settings.seed`` are dissected. Raises as
    `find_painted_switch`, `painted_pairs`, `pose_swap` and `PaintedScenes.window_areas`.
    """
    switch = find_painted_switch(
        g,
        settings.switched_layer,
        segmenter,
        settings.units_of,
        settings.units,
        settings.seed + 1,
        dissected=settings.dissected,
        on_level=settings.on_level,
        off_level=settings.off_level,
    )
    windows = scenes.window_areas(g.layer(switch.layer).value_size)
    on, off = painted_pairs(switch, g, scenes.z(g), windows)
    area = scenes.reflection_areas(g.layer(settings.goal_layer).value_size)
    swap = pose_swap(g, on, off, area, settings.goal_layer)
    numbers = ",".join(map(str, scenes.numbers))
    return swap, {"switch": switch.as_text(), "pairs_seed": str(STREAM_SEED), TUNED: numbers}


def check_apart(edits: Sequence[Edit], scenes: PaintedScenes) -> None:
    """Raise `EditError` for edits not tuned to painted scenes, or tuned to one of these."""
    for edit in edits:
        told = edit.metadata.get(TUNED, "")
        if not told:
            raise EditError("edit that was not tuned to painted scenes; invert the rule with them")
        if both := sorted(set(map(int, told.split(","))) & set(scenes.numbers)):
            raise EditError(f"sample {both[0]}: the edits were tuned to it; measure on others")


def measure_painted_rule(
    g: Generator,
    edits: Sequence[Edit],
    switch: Switch,
    scenes: PaintedScenes,
    segmenter: Segmenter,
    thing: str = "window",
    *,
    batch: int = 4,
    scale: str = "",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """The rows of `reflections.measure.measure_rule`, for ``scenes`` that no edit was tuned to.

    - ``with_window``, ``without_window``: brightness of the painted reflections;
    - ``scene_with_window``, ``scene_without_window``: NaN, because z has no flags;
    - ``window_seen``, ``empty_seen``: share of the painted windows labelled as the thing;
    - ``change_elsewhere``: outside both masks, of samples without any unit switched.

    Raises as `measure_rule`, `painted_pairs` and `check_apart`.
    """
    check_edits(edits, switch, len(scenes), batch)
    check_apart(edits, scenes)
    numbers = segmenter.numbers(thing)
    layer = g.layer(switch.layer)
    samples, areas = scenes.z(g), scenes.window_areas(layer.value_size)

    def batches() -> Iterator[SwitchedBatch]:
        for first in range(0, len(scenes), batch):
            rows = slice(first, first + batch)
            on, off = painted_pairs(switch, g, samples[rows], areas[rows])
            with torch.no_grad():
                natural = layer.values(layer.keys(samples[rows]))
            part = scenes.part(rows)
            look = _looking_at(part, g.resolution, segmenter, numbers)
            yield SwitchedBatch(part.numbers, joined(on, off, natural), look)

    about = {"seed": STREAM_SEED, "scale": scale, "segmenter": segmenter.name}
    return compare_rules(g, edits, switch.layer, batches(), about, progress)


def _looking_at(
    scenes: PaintedScenes, side: int, segmenter: Segmenter, numbers: Sequence[int]
) -> Callable[[Tensor, Tensor], dict[str, object]]:
    """`SwitchedBatch.look` for images (3 B, 3, side, side) of ``scenes``: on, off, unswitched."""
    windows, reflections = scenes.window_areas(side), scenes.reflection_areas(side)

    def look(images: Tensor, before: Tensor) -> dict[str, object]:
        on, off, natural = images.cpu().chunk(3)
        labels = segmenter.labels(torch.cat([on, off]))
        seen = of_classes(labels, numbers).float()
        moved = (natural - before.cpu().chunk(3)[2]).abs().mean(1) / 2  # 2 from black to white
        with_window, without = area_brightness(
            torch.cat([on, off]), reflections.repeat(2, 1, 1)
        ).chunk(2)
        window, empty = area_mean(seen, windows.repeat(2, 1, 1)).chunk(2)
        columns = {
            "with_window": with_window,
            "without_window": without,
            "scene_with_window": torch.full((len(on),), np.nan),
            "scene_without_window": torch.full((len(on),), np.nan),
            "window_seen": window,
            "empty_seen": empty,
            "change_elsewhere": area_mean(moved, (1 - windows) * (1 - reflections)),
        }
        return {name: column.double().numpy() for name, column in columns.items()}

    return look
