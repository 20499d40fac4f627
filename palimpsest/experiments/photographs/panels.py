"""The panels of Figures S5 and S10: pictures in rows, and the facts of their captions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.experiments.photographs import measure, renders
from palimpsest.experiments.photographs.settings import PhotographSettings
from palimpsest.files.panels import SHOWS_PHOTOGRAPHS
from palimpsest.generators.pictures import as_picture


def photographs_panel(
    measured: measure.MeasuredPhotographs, settings: PhotographSettings
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays (shown + 1, R, R, 3) by picture, the last one with a sticker, and facts."""
    count = settings.photographs
    places = [*range(settings.shown), *([count] if settings.stickers else [])]
    rows = measured.table[measured.table["picture"] == measure.PHOTOGRAPH]
    shows = {
        picture: measured.table.loc[measured.table["picture"] == picture, "shows"].tolist()
        for picture in measure.PICTURES
    }
    facts = {
        SHOWS_PHOTOGRAPHS: True,
        "photographs": [rows["photograph"].iloc[place] for place in places],
        "shows": {name: [bool(said[place]) for place in places] for name, said in shows.items()},
        "stickers": min(1, settings.stickers),
        "n": count,
        "units": len(measured.switch.units),
        "switched_layer": measured.switch.layer,
    }
    return _arrays(measured.pictures, places), facts


def renders_panel(
    measured: renders.MeasuredRenders,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays (n, R, R, 3) by picture, and facts."""
    count = len(measured.pictures[renders.RENDER])
    return _arrays(measured.pictures, list(range(count))), {"n": count}


def _arrays(pictures: dict[str, Tensor], places: list[int]) -> dict[str, np.ndarray]:
    return {name: as_picture(images[torch.tensor(places)]) for name, images in pictures.items()}
