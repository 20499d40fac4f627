"""Which units of a layer are switched: those that fit a class, that cause it, or any.

    found = dissect(g, 8, segmenter, names=["door"])
    sets = unit_sets(found, settings.switched_on)    # {"fit": Chosen, "chance": Chosen}
    causing = units_that_cause(g, segmenter, found, settings)

`FIT`: highest IoU with the class (GAN Dissection, section 3.1). `CAUSE`: largest effect on it where
they are set (section 3.2), which needs a place where the class could be. `CHANCE`: as many others
of the layer, drawn at random, the control.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.dissection.causal_units import causal_units_at
from palimpsest.dissection.unit_classes import Dissection
from palimpsest.errors import ParameterError
from palimpsest.experiments.units.places import FITS, OWN, find_places
from palimpsest.experiments.units.settings import OffSettings, UnitSettings
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.segmenters.base import Segmenter

FIT, CAUSE, CHANCE = "fit", "cause", "chance"
BATCH = 16


@dataclass(frozen=True)
class Chosen:
    """``units`` (k) of a layer, and ``levels`` (k,): their mean values at the class."""

    units: list[int]
    levels: Tensor


def chosen(found: Dissection, thing: str, units: list[int]) -> Chosen:
    """These units with their levels. Raises `ParameterError` if the class was never seen."""
    levels = found.on[units, found.classes.index(thing)]
    if not levels.isfinite().all():
        raise ParameterError(
            f"no cell is seen to be {thing}, so its units have no level; dissect "
            "more samples, or choose a finer layer"
        )
    return Chosen(units, levels)


def unit_sets(found: Dissection, settings: OffSettings, seed: int) -> dict[str, Chosen]:
    """The units that fit the class best, and as many others at random (of ``seed``).

    Raises `ParameterError` for a layer with too few units for both.
    """
    width, count = len(found.thresholds), settings.units
    if 2 * count > width:
        raise ParameterError(
            f"{count} units of layer {settings.layer}: it has {width}, and as many others are "
            "switched to compare with; give at most half of them"
        )
    fitting = found.top_units(settings.thing, count)
    others = [unit for unit in range(width) if unit not in fitting]
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed))
    drawn = [others[place] for place in order[:count].tolist()]
    return {
        FIT: chosen(found, settings.thing, fitting),
        CHANCE: chosen(found, settings.thing, drawn),
    }


def units_that_cause(
    g: Generator, segmenter: Segmenter, found: Dissection, settings: UnitSettings
) -> Chosen:
    """The units with the largest effect on the class where it would fit.

    The effect is measured on places carried to the image's own thing (see `places`). Raises
    `ParameterError` for a segmenter without logits, or if no image has a place.
    """
    segmenter.check_logits()
    on = settings.switched_on
    layer, seed = g.layer(on.layer), settings.dissection_seed + 1
    z = sample_z(g, settings.dissected, seed)
    with torch.no_grad():
        images = torch.cat([g(part) for part in z.split(BATCH)])
    labels = torch.cat([segmenter.labels(part) for part in images.split(BATCH)])
    places = find_places(images, labels, segmenter, on, g.resolution // layer.value_size)
    if not len(places):
        raise ParameterError(
            f"none of {settings.dissected} samples has a place for a {on.thing}; search more"
        )
    number = segmenter.index(on.thing)

    def shown(made: Tensor, picked: Tensor) -> Tensor:
        here = places.part(picked.tolist())
        scores = segmenter.logits(here.carried(made, FITS)).softmax(1)[:, number]
        return here.share(scores, OWN).mean()

    masks = places.masks(FITS, layer.value_size)
    levels = found.on[:, found.classes.index(on.thing)]
    caused = causal_units_at(
        g, on.layer, z[list(places.rows)], masks, levels, shown, seed, steps=on.steps
    )
    return chosen(found, on.thing, caused.top(on.units))
