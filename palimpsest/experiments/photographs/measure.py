"""Held-out photographs reproduced and edited, measured one by one.

    chosen = first_held_out(Photographs.read("faces.zip"), 16)
    result = measure_photographs(g, edit, chosen, instruments, settings, encoder)
    result.table                     # a row for each photograph, sticker or not, and picture
    result.pictures["adapted"]       # (16 + stickers, 3, R, R)

Pictures of each photograph: itself, the three stages of its reproduction, and the reproduction
under the edit (``edited``) and with units switched (``switched``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from palimpsest.dissection.attribute_units import AttributeSwitch, find_attribute_switch
from palimpsest.errors import ParameterError
from palimpsest.experiments.photographs.reproduction import STAGES, reproduce
from palimpsest.experiments.photographs.settings import PhotographSettings
from palimpsest.experiments.photographs.sticker import sticker_mask, with_sticker
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.memory import Edit
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.inversion import LatentEncoder, pixel_error
from palimpsest.photographs.reading import as_images
from palimpsest.training.photographs import Photographs, PhotographSet

PHOTOGRAPH, EDITED, SWITCHED = "photograph", "edited", "switched"
PICTURES = (PHOTOGRAPH, *STAGES, EDITED, SWITCHED)


@dataclass(frozen=True)
class PhotographInstruments:
    """``distance`` perceptual; ``classifier`` of the attribute that the edit adds; ``region``
    (R, R) bool: the pixels that the edit is meant to change."""

    distance: PerceptualDistance
    classifier: AttributeClassifier
    region: Tensor


@dataclass(frozen=True)
class MeasuredPhotographs:
    """``table``: rows by photograph and picture; ``pictures``: images (n + stickers, 3, R, R) by
    name, those with a sticker last; ``switch``: the units that were switched."""

    table: pd.DataFrame
    pictures: dict[str, Tensor]
    switch: AttributeSwitch


def first_held_out(photographs: Photographs, count: int) -> PhotographSet:
    """The first ``count`` held-out photographs by number, smiling ones at their share of the set.

    The two kinds are mixed evenly, so the first few are a smaller sample of the same kind. Raises
    `ParameterError` if there are fewer.
    """
    held_out = photographs.held_out
    if count > len(held_out):
        raise ParameterError(
            f"{count} held-out photographs are wanted; the archive has {len(held_out)}"
        )
    smiling = round(count * held_out.smiling.mean())
    placed = []
    for kind, wanted in ((True, smiling), (False, count - smiling)):
        of_kind = np.flatnonzero(held_out.smiling == kind)  # ordered by number
        placed += [((i + 0.5) / wanted, place) for i, place in enumerate(of_kind[:wanted])]
    order = [int(place) for _, place in sorted(placed)]
    return PhotographSet(
        held_out.images[order], held_out.smiling[order], tuple(held_out.names[i] for i in order)
    )


def measure_photographs(
    g: StyleGAN2,
    edit: Edit,
    photographs: PhotographSet,
    instruments: PhotographInstruments,
    settings: PhotographSettings,
    encoder: LatentEncoder | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> MeasuredPhotographs:
    """Rows for each of ``photographs``, and again for the first ones with a sticker.

    Columns: photograph (name), labelled (a person's judgement), sticker (bool), picture;
    ``perceptual_error``, ``pixel_error``: distance to the photograph; ``shows``: whether the
    classifier sees the attribute; ``perceptual_outside``, ``pixel_outside``: change against the
    adapted picture outside the region; ``sticker_error``: of the pixels in the sticker, for the
    plain photograph that of a sticker that is gone; ``seconds`` for one photograph.

    Raises `ParameterError` as `reproduce`, and for a switch in a layer that is adapted.
    """
    switching = settings.switch
    if switching.layer > edit.layer:
        raise ParameterError(
            f"switch.layer {switching.layer}: weights above the edit's layer {edit.layer} are "
            "adapted to a photograph, so units must be in that layer or below"
        )
    switch = find_attribute_switch(
        g,
        switching.layer,
        instruments.classifier,
        instruments.region,
        units=switching.units,
        samples=switching.samples,
        seed=switching.seed,
    )
    stickered = photographs.images[: settings.stickers]
    grey = np.concatenate([photographs.images, with_sticker(stickered)])
    images = as_images(np.repeat(grey[..., None], 3, axis=-1))
    found = reproduce(
        g,
        images,
        instruments.distance,
        settings,
        above=edit.layer,
        encoder=encoder,
        progress=progress,
    )
    pictures = {PHOTOGRAPH: images, **found.pictures}
    adapted = instruments.classifier.shows(found.pictures["adapted"])
    edited = edit.apply(g, settings.strength)
    with torch.no_grad():
        pictures[EDITED] = torch.cat([one.image(edited) for one in found.photographs])
        pictures[SWITCHED] = torch.cat(
            [
                switched_image(g, one, switch, on=not shows, strength=switching.strength)
                for one, shows in zip(found.photographs, adapted.tolist(), strict=True)
            ]
        )
    seconds = {stage: found.seconds.get(stage, np.nan) for stage in PICTURES}
    table = pd.concat(
        _rows(name, pictures, photographs, instruments, seconds[name]) for name in PICTURES
    )
    return MeasuredPhotographs(table.reset_index(drop=True), pictures, switch)


def switched_image(
    g: StyleGAN2, photograph: InvertedPhotograph, switch: AttributeSwitch, on: bool, strength: float
) -> Tensor:
    """The reproduction (1, 3, R, R) of a photograph with units switched on or off."""
    adapted = photograph.on(g)
    first = adapted.layer(adapted.layers[0])
    start = first.values(adapted.start_from(photograph.latent[None].to(g.device)))
    values = adapted.values_at(start, switch.layer)
    return adapted.layer(switch.layer).render(switch.set(values, on, strength))


def _rows(
    name: str,
    pictures: dict[str, Tensor],
    photographs: PhotographSet,
    instruments: PhotographInstruments,
    seconds: float,
) -> pd.DataFrame:
    images, given = pictures[name].cpu(), pictures[PHOTOGRAPH].cpu()
    n, total = len(photographs), len(given)
    stickers = total - n
    which = [*range(n), *range(stickers)]
    rows = {
        "photograph": [photographs.names[i] for i in which],
        "labelled": photographs.smiling[which],
        "sticker": np.arange(total) >= n,
        "picture": name,
        "shows": instruments.classifier.shows(images).numpy(),
        "seconds": seconds,
    }
    measured = dict.fromkeys(
        ("perceptual_error", "pixel_error", "perceptual_outside", "pixel_outside", "sticker_error"),
        np.full(total, np.nan),
    )
    inside = torch.from_numpy(sticker_mask(given.shape[-1]))
    with torch.no_grad():
        if name in STAGES:
            measured["perceptual_error"] = instruments.distance(images, given).cpu().numpy()
            measured["pixel_error"] = pixel_error(images, given).numpy()
        elif name != PHOTOGRAPH:
            outside = ~instruments.region
            adapted = pictures["adapted"].cpu()
            keep = outside.expand(total, *outside.shape)
            measured["perceptual_outside"] = (
                instruments.distance.masked(images, adapted, keep).cpu().numpy()
            )
            measured["pixel_outside"] = pixel_error(images, adapted, outside).numpy()
        # of the photograph itself: how far its plain pixels are from the sticker
        compared = given[which] if name == PHOTOGRAPH else images
        errors = pixel_error(compared, given, inside).numpy()
        measured["sticker_error"] = np.where(rows["sticker"], errors, np.nan)
    return pd.DataFrame(rows | measured)
