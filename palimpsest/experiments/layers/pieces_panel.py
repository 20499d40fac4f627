"""The panels of Figures 14, 15, 17 and 18: pieces rendered from every layer alone.

    arrays, facts = piece_panel(g, plan, distances(table), shown=8, size=32)

Drawn by `palimpsest.report.figures.pieces`. The pieces are some of those that the probe measured:
the first sample of every place, of its first seed; none is chosen by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.layers.probe import (
    SHARING,
    ProbePlan,
    alone,
    cells_of,
    cut,
    opened,
    places,
)
from palimpsest.generators import Generator, sample_z
from palimpsest.generators.pictures import as_picture


def check_shown(plan: ProbePlan, shown: int, size: int) -> None:
    """Check what is shown: raises `ParameterError` for a size outside the plan, or no sample."""
    if size not in plan.sizes:
        raise ParameterError(
            f"shown_size = {size}: pieces of {list(plan.sizes)} pixels are probed; take one"
        )
    if shown < 1:
        raise ParameterError(f"shown = {shown}: a figure shows at least one sample")


@torch.no_grad()
def piece_panel(
    g: Generator, plan: ProbePlan, found: pd.DataFrame, *, shown: int, size: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of a figure of pieces.

    Args:
        found: the table of `probe.distances` for this plan.
        shown: number of samples; fewer if the plan has fewer places.
        size: side of the pieces shown, in pixels; one of the plan's.

    Returns:
        ``images`` (S, R, R, 3), ``in_place`` (S, P, P, 3) and ``alone`` (L, S, P, P, 3), uint8;
        ``corners`` (S, 2): top and left of each piece in pixels; ``layers`` (L,): those whose cells
        tile a piece of this size; ``cells`` (L,): cells along a piece; ``fid`` (L,): the distance.

    Raises `ParameterError` as `check_shown`.
    """
    check_shown(plan, shown, size)
    seed = plan.seeds[0]
    numbers = range(0, plan.samples, SHARING)[:shown]
    corners = places(plan.samples, size, g.resolution, seed)[list(numbers)]
    layers = [number for number in plan.layers if cells_of(g.layer(number), size)]
    keys, images = opened(g, sample_z(g, plan.samples, seed)[list(numbers)], layers)
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
