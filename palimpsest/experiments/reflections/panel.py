"""The panel of Figure 6: windows switched off and on, before and after the inversion.

    arrays, facts = reflection_panel(g, edit, switch, world, pairs=8, seed=4)
    arrays, facts = painted_panel(g, edit, switch, scenes)      # where people painted the windows

Drawn by `palimpsest.report.figures.reflections`. The samples are the first of their stream, or the
given painted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.dissection.painted_switches import painted_pairs
from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import ParameterError
from palimpsest.experiments.reflections.painted_rule import check_apart
from palimpsest.experiments.reflections.painted_scenes import STREAM_SEED, PaintedScenes
from palimpsest.generators import Generator, ValueState, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.instruments.detectors.reflections import area_brightness, echo_brightness
from palimpsest.memory import Edit
from palimpsest.memory.goals import box_of
from palimpsest.memory.swaps import joined
from palimpsest.worlds.scene import World


@torch.no_grad()
def reflection_panel(
    g: Generator, edit: Edit, switch: Switch, world: World, pairs: int, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of figure 6, of the first ``pairs`` samples of ``seed``.

    ``original_off``, ``original_on``, ``rewritten_off``, ``rewritten_on``: (P, H, W, 3) uint8.
    ``slots`` and ``echoes``: (S, 4) boxes (left, top, right, bottom), the picture being 1 wide.
    The facts ``rule_original`` and ``rule_rewritten``: mean difference in brightness of the echoes
    shown, with the windows minus without.

    Raises `ParameterError` for fewer than one pair, and `EditError` for an edit of other weights.
    """
    if pairs < 1:
        raise ParameterError(f"pairs = {pairs}: figure 6 shows at least one")
    pair = switch.pairs(g, world, sample_z(g, pairs, seed))
    slots = world.slots
    arrays, rules = _pictures(g, edit, switch, pair, lambda images: echo_brightness(images, slots))
    arrays["slots"] = np.array([slot.box for slot in slots.values()])
    arrays["echoes"] = np.array([slot.echo for slot in slots.values()])
    return arrays, _facts(g, edit, switch, pairs, seed) | rules


@torch.no_grad()
def painted_panel(
    g: Generator, edit: Edit, switch: Switch, scenes: PaintedScenes
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of figure 6 for painted ``scenes``, each with its own windows and echoes.

    ``slots`` and ``echoes`` (P, 1, 4): the boxes around the masks of each. The rule is measured
    within the masks. The fact ``painted``: the numbers of the samples.

    Raises as `measure_painted_rule`.
    """
    check_apart([edit], scenes)
    windows = scenes.window_areas(g.layer(switch.layer).value_size)
    pair = painted_pairs(switch, g, scenes.z(g), windows)

    def brightness(images: Tensor) -> Tensor:
        areas = scenes.reflection_areas(images.shape[-1])
        return area_brightness(images, areas.repeat(2, 1, 1))

    arrays, rules = _pictures(g, edit, switch, pair, brightness)
    arrays["slots"] = _boxes(scenes.windows)
    arrays["echoes"] = _boxes(scenes.reflections)
    facts = _facts(g, edit, switch, len(scenes), STREAM_SEED)
    return arrays, facts | {"painted": list(scenes.numbers)} | rules


def _pictures(
    g: Generator,
    edit: Edit,
    switch: Switch,
    pair: tuple[ValueState, ValueState],
    brightness: Callable[[Tensor], Tensor],
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Pictures of a pair of values, on and off, under both rules, and the rule measured in them."""
    on, off = pair
    arrays, rules = {}, {}
    for name, changed in (("original", g), ("rewritten", edit.apply(g))):
        images = changed.layer(switch.layer).render(joined(off, on))
        arrays[f"{name}_off"], arrays[f"{name}_on"] = np.split(as_picture(images), 2)
        dark, bright = brightness(images).chunk(2)
        rules[f"rule_{name}"] = float((bright - dark).mean())
    return arrays, rules


def _facts(g: Generator, edit: Edit, switch: Switch, pairs: int, seed: int) -> dict[str, Any]:
    return {
        "figure": "fig06_reflections",
        "n": pairs,
        "seed": seed,
        "weights_sha256": g.weights_sha256,
        "layer": edit.layer,
        "rank": edit.rank,
        "tuned_pairs": int(edit.metadata.get("pairs", 0)),
        "switched_layer": switch.layer,
        "units": len(switch.units),
    }


def _boxes(masks: Sequence[np.ndarray]) -> np.ndarray:
    """(P, 1, 4): left, top, right and bottom around each mask's paint, as shares of its sides."""
    boxes = []
    for mask in masks:
        top, left, bottom, right = box_of(mask >= 1 / 255)
        height, width = mask.shape
        boxes.append([[left / width, top / height, right / width, bottom / height]])
    return np.array(boxes)
