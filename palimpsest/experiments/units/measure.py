"""Units switched off and on, image by image, and the pictures of Figure S6.

    measured = measure_units(g, segmenter, settings)
    measured.table                      # a row for each switch and sample
    measured.arrays, measured.facts     # of the panel

Trees are switched off by setting units to zero, everywhere or only in the cells with trees (a unit
ablation, GAN Dissection, section 3.2). Doors are switched on by setting units to their mean value
at doors, in the cells of a place that suits a door and of one in the sky (section 4.4, and the GAN
Paint of the authors' talk): the layers after the switched one decide what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.dissection.unit_classes import Dissection, dissect
from palimpsest.errors import ParameterError
from palimpsest.experiments.units.choosing import (
    CAUSE,
    CHANCE,
    FIT,
    Chosen,
    unit_sets,
    units_that_cause,
)
from palimpsest.experiments.units.places import FITS, OWN, UNFIT, Places, find_places
from palimpsest.experiments.units.settings import OffSettings, UnitSettings
from palimpsest.generators import Generator, Layer, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.instruments.label_changes import of_classes, source_region
from palimpsest.instruments.segmenters.base import Segmenter

EVERYWHERE, AT_THING = "everywhere", "at_thing"
BATCH = 16
CLASSES_SHOWN = 6
"""Classes in the figure whose best unit is shown: those with the highest IoU."""


class Switch(NamedTuple):
    """One way to switch: what is ``switched`` "off" or "on", where, and how units were chosen."""

    switched: str
    place: str
    chosen_by: str


SWITCHES = (
    Switch("off", EVERYWHERE, FIT),
    Switch("off", AT_THING, FIT),
    Switch("off", EVERYWHERE, CHANCE),
    *(Switch("on", place, by) for by in (CAUSE, FIT, CHANCE) for place in (FITS, UNFIT)),
)
"""The rows of the table, in order."""


@dataclass(frozen=True)
class MeasuredUnits:
    """``table``: see `measure_units`; ``arrays`` and ``facts``: of the figure's panel."""

    table: pd.DataFrame
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


@torch.no_grad()
def measure_units(
    g: Generator,
    segmenter: Segmenter,
    settings: UnitSettings,
    progress: Callable[[str], None] = lambda _: None,
) -> MeasuredUnits:
    """Rows for the samples that show the class to be switched off, and for those with places.

    Columns: those of `Switch`; sample; thing, layer, units; ``area_pixels``: of the image, or of
    the place; ``before_pixels``, ``after_pixels``: of the thing there; ``elsewhere_pixels``: all
    that were not the thing before, or outside the place, and ``elsewhere_changed_pixels``: those of
    them with another label after. For a place also ``carried_before_pixels`` and
    ``carried_after_pixels``: of the thing when the place is carried to the image's own thing; and
    ``own_copied_pixels``: when the pixels of that thing are copied to the place (see `places`).

    Raises `ParameterError` for too few samples that show what is switched, as `unit_sets` and as
    `units_that_cause`, and for unknown classes. ``progress`` is called with what begins.
    """
    off, on, seed = settings.switched_off, settings.switched_on, settings.dissection_seed
    # both raise before minutes of work
    segmenter.check_logits()
    segmenter.numbers(off.thing, on.thing, *on.fits, on.unfit)
    progress("dissecting")
    of_off = dissect(g, off.layer, segmenter, settings.dissected, seed)
    names = [on.thing]
    of_on = dissect(g, on.layer, segmenter, settings.dissected, seed, names=names)
    offs, ons = unit_sets(of_off, off, seed), unit_sets(of_on, on, seed)
    progress(f"finding units that cause a {on.thing}")
    with torch.enable_grad():
        ons[CAUSE] = units_that_cause(g, segmenter, of_on, settings)
    progress("measuring")
    z = sample_z(g, settings.samples, settings.seed)
    images = torch.cat([g(part) for part in z.split(BATCH)])
    labels = _labels(segmenter, images)
    rows_off, shown_off = _switched_off(g, segmenter, settings, offs, z, labels)
    cell = g.resolution // g.layer(on.layer).value_size
    places = find_places(images, labels, segmenter, on, cell)
    _enough(len(places), settings, f"have places for a {on.thing}")
    rows_on, shown_on = _switched_on(g, segmenter, settings, ons, z, places)
    best, about = _best_units(g, segmenter, of_off, off.layer, z, images)
    few = list(range(settings.shown))
    arrays = {
        **best,
        "off_before": as_picture(images[shown_off.pop("rows")]),
        "on_before": as_picture(places.images[few]),
        "on_fits_mask": places.part(few).pixels(FITS).float().numpy(),
        "on_unfit_mask": places.part(few).pixels(UNFIT).float().numpy(),
        **shown_off,
        **shown_on,
    }
    facts = about | {
        "off": off.model_dump(),
        "on": on.model_dump(),
        "width": {"off": len(of_off.thresholds), "on": len(of_on.thresholds)},
        "dissected": settings.dissected,
        "place_pixels": [places.height, places.width],
    }
    table = pd.concat([*rows_off, *rows_on], ignore_index=True)
    return MeasuredUnits(table, arrays, facts)


def set_units(layer: Layer, z: Tensor, chosen: Chosen, masks: Tensor, on: bool) -> Iterator[Tensor]:
    """Images (B, 3, R, R), in batches, with the units set in the cells of ``masks`` (n, h, w).

    ``on``: to the levels of ``chosen``, otherwise to zero.
    """
    units, levels = chosen.units, chosen.levels if on else torch.zeros_like(chosen.levels)
    for part, mask in zip(z.split(BATCH), masks.split(BATCH), strict=True):
        values = layer.values(layer.keys(part))
        v, share = values.v.clone(), mask[:, None].to(values.v)
        v[:, units] += share * (levels.to(v)[:, None, None] - v[:, units])
        yield layer.render(values.replace(v))


def _switched_off(
    g: Generator,
    segmenter: Segmenter,
    settings: UnitSettings,
    sets: dict[str, Chosen],
    z: Tensor,
    labels: Tensor,
) -> tuple[list[pd.DataFrame], dict[str, Any]]:
    """Rows, and pictures of the first images; under "rows" the numbers of these images."""
    off, layer = settings.switched_off, g.layer(settings.switched_off.layer)
    numbers = segmenter.numbers(off.thing)
    samples = source_region(labels, numbers).any(2).any(1).nonzero().flatten().tolist()
    _enough(len(samples), settings, f"show a {off.thing}")
    before, thing = labels[samples], of_classes(labels[samples], numbers)
    at_thing = F.adaptive_max_pool2d(thing.float(), layer.value_size)
    masks = {EVERYWHERE: torch.ones_like(at_thing), AT_THING: at_thing}
    rows, shown = [], {"rows": samples[: settings.shown]}
    for switch in (one for one in SWITCHES if one.switched == "off"):
        chosen, mask = sets[switch.chosen_by], masks[switch.place]
        made = torch.cat(list(set_units(layer, z[samples], chosen, mask, on=False)))
        after = _labels(segmenter, made)
        counts = {
            "area_pixels": before[0].numel(),
            "before_pixels": thing.sum((1, 2)),
            "after_pixels": of_classes(after, numbers).sum((1, 2)),
        }
        rows.append(_rows(switch, off, samples, counts, before, after, ~thing))
        shown["_".join(switch)] = as_picture(made[: settings.shown])
    return rows, shown


def _switched_on(
    g: Generator,
    segmenter: Segmenter,
    settings: UnitSettings,
    sets: dict[str, Chosen],
    z: Tensor,
    places: Places,
) -> tuple[list[pd.DataFrame], dict[str, np.ndarray]]:
    """Rows, and pictures of the first images."""
    on, layer = settings.switched_on, g.layer(settings.switched_on.layer)
    numbers, area = segmenter.numbers(on.thing), places.height * places.width

    def count(labels: Tensor, name: str) -> Tensor:
        """Pixels of the thing in each place, (n,)."""
        return (places.share(of_classes(labels, numbers), name) * area).round()

    unchanged = {
        name: {
            "before_pixels": count(places.labels, name),
            "own_copied_pixels": count(_labels(segmenter, places.own_copied(name)), name),
            "carried_before_pixels": count(
                _labels(segmenter, places.carried(places.images, name)), OWN
            ),
        }
        for name in (FITS, UNFIT)
    }
    rows, shown = [], {}
    for switch in (one for one in SWITCHES if one.switched == "on"):
        chosen, mask = sets[switch.chosen_by], places.masks(switch.place, layer.value_size)
        made = torch.cat(list(set_units(layer, z[list(places.rows)], chosen, mask, on=True)))
        after = _labels(segmenter, made)
        carried = _labels(segmenter, places.carried(made, switch.place))
        counts = unchanged[switch.place] | {
            "area_pixels": area,
            "after_pixels": count(after, switch.place),
            "carried_after_pixels": count(carried, OWN),
        }
        outside = ~places.pixels(switch.place)
        rows.append(_rows(switch, on, places.rows, counts, places.labels, after, outside))
        shown["_".join(switch)] = as_picture(made[: settings.shown])
    return rows, shown


def _labels(segmenter: Segmenter, images: Tensor) -> Tensor:
    return torch.cat([segmenter.labels(part) for part in images.split(BATCH)])


def _rows(
    switch: Switch,
    settings: OffSettings,
    samples: Sequence[int],
    counts: Mapping[str, Any],
    before: Tensor,
    after: Tensor,
    elsewhere: Tensor,
) -> pd.DataFrame:
    """Rows of one switch; ``elsewhere`` (n, R, R) bool: all pixels but those that are meant."""
    of_places = ("own_copied_pixels", "carried_before_pixels", "carried_after_pixels")
    rows = pd.DataFrame({**switch._asdict(), "sample": list(samples)})
    about = {"thing": settings.thing, "layer": settings.layer, "units": settings.units}
    return rows.assign(
        **about,
        **dict.fromkeys(of_places, np.nan)
        | {name: np.asarray(number, dtype=np.float64) for name, number in counts.items()},
        elsewhere_pixels=elsewhere.sum((1, 2)).numpy(),
        elsewhere_changed_pixels=((after != before) & elsewhere).sum((1, 2)).numpy(),
    )


def _enough(count: int, settings: UnitSettings, what: str) -> None:
    if count < settings.shown:
        raise ParameterError(
            f"units: {count} of {settings.samples} samples {what}, and the figure shows "
            f"{settings.shown}; measure more samples"
        )


def _best_units(
    g: Generator,
    segmenter: Segmenter,
    found: Dissection,
    number: int,
    z: Tensor,
    images: Tensor,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The best unit of some classes: the image in which it is on in most cells, and its map there.

    Arrays ``unit_images`` (C, R, R, 3), ``unit_maps`` (C, h, w) and ``unit_thresholds`` (C,), the
    values from which the units are on; facts about the units by class.
    """
    order = found.iou.amax(0).argsort(descending=True, stable=True)[:CLASSES_SHOWN].tolist()
    units = found.iou[:, order].argmax(0).tolist()
    layer = g.layer(number)
    maps = torch.cat([layer.values(layer.keys(part)).v[:, units] for part in z.split(BATCH)])
    thresholds = found.thresholds[units]
    picked = (maps >= thresholds.to(maps)[:, None, None]).sum((2, 3)).argmax(0).tolist()
    columns = list(range(len(units)))
    return {
        "unit_images": as_picture(images[picked]),
        "unit_maps": maps[picked, columns].cpu().numpy(),
        "unit_thresholds": thresholds.numpy(),
    }, {
        "unit_classes": [segmenter.classes[column] for column in order],
        "unit_numbers": units,
        "unit_ious": [float(found.iou[u, c]) for u, c in zip(units, order, strict=True)],
    }
