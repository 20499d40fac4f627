"""The panels of Figures 14, 15, 17 and 18: pieces rendered from every layer alone.

    arrays, facts = piece_panel(g, settings, distances(table))

Drawn by `palimpsest.report.figures.pieces`. The pieces are some of those that the probe measured:
the first sample of every place, of its first seed; none is chosen by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from palimpsest.experiments.layers.probe import SHARING, alone, cells_of, cut, opened, places
from palimpsest.experiments.layers.settings import PieceSettings
from palimpsest.generators import Generator, sample_z
from palimpsest.generators.pictures import as_picture


@torch.no_grad()
def piece_panel(
    g: Generator, settings: PieceSettings, found: pd.DataFrame
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of a figure of pieces.

    Args:
        settings: of the probe. At most ``settings.shown`` samples are shown, one of each place.
        found: the `probe.distances` of that probe.

    Returns:
        ``images`` (S, R, R, 3), ``in_place`` (S, P, P, 3) and ``alone`` (L, S, P, P, 3), uint8;
        ``corners`` (S, 2): top and left of each piece in pixels; ``layers`` (L,): those whose cells
        tile a piece of this size; ``cells`` (L,): cells along a piece; ``fid`` (L,): the distance.
    """
    size = settings.shown_size
    seed = settings.seeds[0]
    numbers = range(0, settings.samples, SHARING)[: settings.shown]
    corners = places(settings.samples, size, g.resolution, seed)[list(numbers)]
    layers = [number for number in settings.layers if cells_of(g.layer(number), size)]
    keys, values = opened(g, sample_z(g, settings.samples, seed)[list(numbers)], layers)
    images = g.finish(values)
    rendered = [
        [
            as_picture(alone(g.layer(number), keys[number][i], int(top), int(left), size))[0]
            for i, (top, left) in enumerate(corners)
        ]
        for number in layers
    ]
    in_place = [
        as_picture(cut(images[i : i + 1], int(top), int(left), size))[0]
        for i, (top, left) in enumerate(corners)
    ]
    of_size = found[found["crop_pixels"] == size].set_index("layer").loc[layers]
    return {
        "images": as_picture(images),
        "in_place": np.stack(in_place),
        "alone": np.array(rendered),
        "corners": corners,
        "layers": np.array(layers),
        "cells": np.array([cells_of(g.layer(number), size) for number in layers]),
        "fid": of_size["fid"].to_numpy(),
    }, {
        "kind": g.kind,
        "size": size,
        "n": int(of_size["n"].iloc[0]),
        "seed": seed,
        "features": str(of_size["features"].iloc[0]),
        "weights_sha256": g.weights_sha256,
    }
