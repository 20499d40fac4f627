"""Whether the network has learned a rule: change a window's features and measure its reflection.

    effects = grade_rule(g, segmenter, world, settings)

A generator may draw a window and its reflection independently from z. Then the reflection does not
depend on the window, and there is no rule between them to rewrite. Three interventions test this
(at one layer, in a scene without the window of a slot):

- *splice*: the slot's cells are taken from another sample, whose scene has that window;
- *units*: the ``units`` that cause the class (`causal_units`) are set, in the slot's cells, to
  their level where the class is seen;
- *units_by_iou*: the same with the ``units`` that fit the class best (`dissection`), which may only
  be correlated with it.

All are measured as shares of the natural gap: how much brighter the echo of a slot is in samples
of the same z with the window's flag on. A rule the network has not learned scores 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from palimpsest.dissection.causal_units import causal_units
from palimpsest.dissection.slot_interventions import (
    slot_share,
    splice_slots,
    switch_units,
    with_flag,
)
from palimpsest.dissection.unit_classes import dissect
from palimpsest.errors import ParameterError
from palimpsest.estimates.columns import estimate_columns
from palimpsest.estimates.intervals import bootstrap_ratio, percent, wilson
from palimpsest.experiments.reflections.settings import RuleGradeSettings
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.detectors.reflections import reflection_change
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.training.interchange import slot_cells
from palimpsest.worlds.scene import World

BATCH = 16
RAISED_SHARE = 0.1
"""A reflection counts as raised if its echo is brighter by this share of the natural gap."""


@dataclass(frozen=True)
class Changed:
    """Effect on every sample: ``echo`` (n,), increase of its slot's echo in brightness; ``shown``
    (n,), share of the slot labelled as the class."""

    echo: np.ndarray
    shown: np.ndarray


def grade_rule(
    g: Generator,
    segmenter: Segmenter,
    world: World,
    settings: RuleGradeSettings,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Rows `natural`, `splice`, `units`, `units_by_iou`, on the standard samples of the settings.

    Sample i is measured in slot i modulo the number of slots, with its scene's flag there off. The
    units are found on samples of other seeds.
    Columns: intervention, layer, units (0: all), n; ``echo_percent`` of the natural gap and
    ``raised_percent`` of the samples, with ``*_low`` and ``*_high``; ``shown_percent`` of the
    slot's pixels that are labelled as the class.

    Raises `ParameterError` for a world without slots, a segmenter without logits, or an unknown
    class.
    """
    if not world.slots:
        raise ParameterError(f"the {world.name} world has no slots, so no rule to grade")
    segmenter.check_logits()
    layer, units, seed, n = settings.layer, settings.units, settings.seed, settings.samples
    found = dissect(g, layer, segmenter, settings.dissected, seed + 1)
    by_iou = found.top_units(settings.units_of, units)
    number = found.classes.index(settings.units_of)
    levels = found.on[:, number]
    made_by = causal_units(g, layer, segmenter, world, settings.units_of, levels, seed=seed + 3)
    chosen = {"units": made_by.top(units), "units_by_iou": by_iou}
    boxes = slot_cells(world, g.layer(layer).value_size)
    samples, donors_of = sample_z(g, n, seed), sample_z(g, n, seed + 2)
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for first in range(0, n, BATCH):
        z = samples[first : first + BATCH]
        slots = (first + torch.arange(len(z))) % len(boxes)
        with torch.no_grad():
            off, on = (with_flag(world, z, slots, there) for there in (False, True))
            donors = with_flag(world, donors_of[first : first + BATCH], slots, True)
            opened = g.layer(layer)
            values, given = (opened.values(opened.keys(part)) for part in (off, donors))
            before = opened.render(values)
            after = {
                "natural": g(on),
                "splice": opened.render(splice_slots(values, given, slots, boxes)),
            }
            for name, top in chosen.items():
                switched = switch_units(values, slots, boxes, top, levels[top])
                after[name] = opened.render(switched)
            for name, image in after.items():
                seen = segmenter.labels(image) == number
                change = reflection_change(before, image, world.slots)
                own = change.gather(1, slots[:, None])[:, 0]
                parts.setdefault(name, []).append((own, slot_share(seen, slots, world)))
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
        raised = wilson(int((one.echo >= RAISED_SHARE * natural.mean()).sum()), len(one.echo))
        rows.append(
            {
                "intervention": name,
                "layer": layer,
                "units": units if name.startswith("units") else 0,
                "n": len(one.echo),
                **estimate_columns(
                    {"echo_percent": percent(share), "raised_percent": percent(raised)}
                ),
                "shown_percent": 100 * float(one.shown.mean()),
            }
        )
    return pd.DataFrame(rows)
