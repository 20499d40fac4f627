"""Is a rule in the network? Change the features of a window, and watch its reflection.

    effects = grade_rule(g, segmenter, world, units_of="window", n=200, seed=4)

A generator may draw a window and its mirror image each from z. Then the one does not follow from
the other, and there is no rule between them to rewrite. Two interventions tell (at one layer, in a
scene without the window of a slot):

- *splice*: the slot's cells are taken from another sample, whose scene has that window;
- *units*: the ``units`` that fit the class best (`dissection`) are set, in the slot's cells, to
  what they are where the class is seen.

Both are measured as shares of the natural gap: how much brighter the echo of a slot is in samples
of the same z with the window's flag on. A rule of which nothing is in the network scores 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtri
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, ValueState, sample_z
from palimpsest.instruments.dissection import dissect
from palimpsest.instruments.intervals import bootstrap_ratio, wilson
from palimpsest.instruments.reflections import reflection_change
from palimpsest.instruments.segmenter import Segmenter
from palimpsest.worlds.interchange import slot_cells
from palimpsest.worlds.scene import Flag, World

BATCH = 16
LEAST_SHARE = 0.1
"""Of the natural gap: a reflection has risen if its echo is at least so much brighter."""

DISSECTED = 500
"""Samples that find the units; their seed is another than that of the samples measured."""


@dataclass(frozen=True)
class Changed:
    """Of every sample: ``echo`` (n,), how much brighter its slot's echo is; ``shown`` (n,), the
    share of the slot that is seen to be of the class."""

    echo: np.ndarray
    shown: np.ndarray


def grade_rule(
    g: Generator,
    segmenter: Segmenter,
    world: World,
    units_of: str = "window",
    layer: int = 4,
    units: int = 20,
    n: int = 200,
    seed: int = 4,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Rows `natural`, `splice` and `units`, on the first ``n`` standard samples of ``seed``.

    Sample i is looked at in slot i modulo the number of slots, its scene's flag there turned off.
    Columns: intervention, layer, units (0: all), n; ``echo_percent`` of the natural gap and
    ``raised_percent`` of the samples, with ``*_low`` and ``*_high``; ``shown_percent``: of the
    slot's pixels, how many are seen as the class.

    Raises `ParameterError` for a world without slots, or a class that the segmenter has not.
    """
    if not world.slots:
        raise ParameterError(f"the {world.name} world has no slots, so no rule to grade")
    found = dissect(g, layer, segmenter, DISSECTED, seed + 1)
    top = found.top_units(units_of, units)
    number = found.classes.index(units_of)
    levels = found.on[top, number]
    boxes = slot_cells(world, g.layer(layer).value_size)
    samples, donors_of = sample_z(g, n, seed), sample_z(g, n, seed + 2)
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {"natural": [], "splice": [], "units": []}
    for first in range(0, n, BATCH):
        z = samples[first : first + BATCH]
        slots = (first + torch.arange(len(z))) % len(boxes)
        with torch.no_grad():
            off, on = (_with_flag(world, z, slots, there) for there in (False, True))
            donors = _with_flag(world, donors_of[first : first + BATCH], slots, True)
            opened = g.layer(layer)
            values, given = (opened.values(opened.keys(part)) for part in (off, donors))
            before = opened.render(values)
            after = {
                "natural": g(on),
                "splice": opened.render(_spliced(values, given, slots, boxes)),
                "units": opened.render(_switched(values, slots, boxes, top, levels)),
            }
            for name, image in after.items():
                seen = torch.as_tensor(segmenter.segment(image)).long() == number
                change = reflection_change(before, image, world.slots)
                own = change.gather(1, slots[:, None])[:, 0]
                parts[name].append((own, _shown(seen, slots, world)))
        if progress is not None:
            progress(len(z))
    changed = {
        name: Changed(*(torch.cat(column).numpy() for column in zip(*pairs, strict=True)))
        for name, pairs in parts.items()
    }
    return _table(changed, layer, units)


def _table(changed: dict[str, Changed], layer: int, units: int) -> pd.DataFrame:
    natural = changed["natural"].echo
    rows = []
    for name, one in changed.items():
        share = bootstrap_ratio(one.echo, natural)
        raised = wilson(int((one.echo >= LEAST_SHARE * natural.mean()).sum()), len(one.echo))
        rows.append(
            {
                "intervention": name,
                "layer": layer,
                "units": units if name == "units" else 0,
                "n": len(one.echo),
                **_percents("echo_percent", share),
                **_percents("raised_percent", raised),
                "shown_percent": 100 * float(one.shown.mean()),
            }
        )
    return pd.DataFrame(rows)


def _percents(name: str, estimate) -> dict[str, float]:
    return {
        name: 100 * estimate.estimate,
        f"{name}_low": 100 * estimate.low,
        f"{name}_high": 100 * estimate.high,
    }


def _with_flag(world: World, z: Tensor, slots: Tensor, there: bool) -> Tensor:
    """z (B, z_dim) with the flag of each sample's slot turned on or off.

    The middle of the flag's own range stands for it, so that z stays an ordinary one.
    """
    changed = z.clone()
    for column, slot in enumerate(world.slots.values()):
        rule = world.rules[slot.attributes[0]]
        if not isinstance(rule, Flag):
            raise ParameterError(f"{slot.attributes[0]} of the {world.name} world is no flag")
        edge = rule.thresholds[0]
        changed[slots == column, rule.dim] = float(ndtri((edge + there) / 2))
    return changed


def _spliced(values: ValueState, donors: ValueState, slots: Tensor, boxes: list) -> ValueState:
    v = values.v.clone()
    for column, (top, left, bottom, right) in enumerate(boxes):
        rows = slots == column
        v[rows, :, top:bottom, left:right] = donors.v[rows, :, top:bottom, left:right]
    return values.replace(v)


def _switched(
    values: ValueState, slots: Tensor, boxes: list, units: list[int], levels: Tensor
) -> ValueState:
    v = values.v.clone()
    for column, (top, left, bottom, right) in enumerate(boxes):
        for sample in (slots == column).nonzero().flatten().tolist():
            v[sample, units, top:bottom, left:right] = levels[:, None, None]
    return values.replace(v)


def _shown(seen: Tensor, slots: Tensor, world: World) -> Tensor:
    """Share of each sample's slot (B,) that is ``seen`` (B, H, W) bool."""
    height, width = seen.shape[1:]
    share = torch.zeros(len(seen))
    for column, slot in enumerate(world.slots.values()):
        left, top, right, bottom = slot.box
        rows = slots == column
        box = seen[
            rows,
            round(top * height) : round(bottom * height),
            round(left * width) : round(right * width),
        ]
        share[rows] = box.float().mean((1, 2))
    return share
