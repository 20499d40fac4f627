"""The units that fit a painted place, and where each is active: for the tray of units."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from palimpsest.editor.answers import UnitSeen, UnitsSeen
from palimpsest.editor.engine import Engine, encoded
from palimpsest.editor.recipes import Recipe
from palimpsest.editor.work import UnitPlace, Work
from palimpsest.errors import ParameterError
from palimpsest.generators.picture_cells import within_picture
from palimpsest.memory import unit_scores


def fitting_units(engine: Engine, work: Work, place: UnitPlace, count: int) -> UnitsSeen:
    """The ``count`` units of a layer that fit a place best, and those switched at any place of it.

    A unit fits by its energy at the place, over its usual energy, as for a rule that erases: what
    such a rule silences comes first here. Raises `PalimpsestError` for a layer without statistics.
    """
    model = engine.model(work.model, work.truncation)
    statistics = engine.statistics(work.model, place.layer, work.truncation)
    keys = model.keys(place.layer, place.place.sample).k
    margin = model.g.layer(place.layer).margin
    weights = place.place.area(tuple(keys.shape[2:]), margin=margin)
    scores = unit_scores(keys, weights[None], statistics.of(statistics.n)) / weights.sum()
    order = scores.argsort(descending=True, stable=True).tolist()
    used = {
        unit for one in work.unit_places if one.layer == place.layer for unit in (*one.off, *one.on)
    }
    best = order[:count]
    original = engine.recipe(work).original.hash
    sample = place.place.sample
    return UnitsSeen(
        layer=place.layer,
        sample=sample,
        units=[
            UnitSeen(
                unit=unit,
                energy=round(float(scores[unit]), 3),
                fits=unit in best,
                map=f"/units/{original}/{place.layer}/{sample}/{unit}.png",
            )
            for unit in [*best, *(one for one in order[count:] if one in used)]
        ],
    )


def activation_map(engine: Engine, recipe: Recipe, layer: int, sample: int, unit: int) -> bytes:
    """Where a unit is active on an unedited sample, as a PNG of the picture's cells.

    Red, with the size of the activation as opacity; opacity 1 is the largest on this sample. Raises
    `ParameterError` for a layer or unit that there is not.
    """
    opened = engine.model(recipe.model, recipe.truncation)
    if lacking := opened.g.lacking([layer]):
        raise ParameterError(f"{recipe.model} has {lacking}")
    keys = opened.keys(layer, sample).k[0]
    if not 0 <= unit < len(keys):
        raise ParameterError(f"layer {layer} has {len(keys)} units, from 0; there is no {unit}")
    size = within_picture(keys[unit].abs(), opened.g.layer(layer).margin)
    opacity = (255 * size / size.max().clamp_min(1e-12)).round().to(torch.uint8).cpu().numpy()
    pixels = np.zeros((*opacity.shape, 4), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 3] = 255, 60, opacity
    return encoded(Image.fromarray(pixels))
