"""Fréchet distance of a generator of photographs, and its curve against photographs shown.

    table = training_curve([early, later, last], parts, reference, seed=4)

A row per generator, ordered by the number of photographs that its training had shown. All of them
are measured on the same z, and on as many samples as the reference has photographs, since the
distance is biased by the number of images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.columns import column_names, estimate_columns, only
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.segmenters.photograph_parts import PhotographParts

CHUNK = 64
"""Images that go through a network together."""

Progress = Callable[[int], object]


def unnoted(count: int) -> None:
    """Progress that nobody watches."""


def training_curve(
    generators: Sequence[Generator],
    parts: PhotographParts,
    reference: FrechetReference,
    seed: int,
    progress: Progress = unnoted,
) -> pd.DataFrame:
    """One `frechet_row` for each generator, by ``images``. Raises as `samples_of`."""
    rows = []
    for g in generators:
        samples = samples_of(g, parts, reference, seed, progress)
        rows.append(frechet_row(g, parts, reference, pooled_features(parts, samples)))
    return pd.DataFrame(rows).sort_values("images", ignore_index=True)


def curve_panel(table: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of the figure: the table's columns, (rows,) each, and what they are of.

    Rows of weights that do not say how many photographs they saw are left out. Raises
    `PalimpsestError` if none is left.
    """
    known = table[table["images"].notna()]
    if known.empty:
        raise PalimpsestError("no weights say how many photographs their training had shown")
    names = ("images", "resolution", *column_names("frechet", "frechet_floor"))
    facts = {name: only(known, name) for name in ("model", "features")}
    return {name: known[name].to_numpy() for name in names}, facts | {"n": int(known["n"].max())}


def frechet_row(
    g: Generator, parts: PhotographParts, reference: FrechetReference, features: np.ndarray
) -> dict[str, object]:
    """``images`` (photographs shown in training), ``resolution``, ``frechet``, ``frechet_floor``,
    ``n``, ``features``; ``images`` is NaN for weights that do not say."""
    found = {"frechet": reference.distance(features), "frechet_floor": reference.floor}
    return {
        "images": g.provenance.get("images", np.nan),
        "resolution": g.resolution,
        **estimate_columns(found),
        "n": len(features),
        "features": parts.name,
    }


@torch.no_grad()
def samples_of(
    g: Generator,
    parts: PhotographParts,
    reference: FrechetReference,
    seed: int,
    progress: Progress = unnoted,
) -> Tensor:
    """As many samples (n, 3, R, R) as the reference has photographs.

    A generator that is still at a lower resolution is enlarged, so that its curve can be drawn from
    the start. Raises `ParameterError` for a reference of another backbone.
    """
    if reference.network != parts.backbone_sha256:
        raise ParameterError(
            f"the Fréchet reference has features of another network than {parts.name}; give the "
            "files of one run of train_photograph_instruments"
        )
    side = parts.mouth.shape[0]
    images = []
    for part in sample_z(g, reference.count, seed).split(CHUNK):
        made = g(part).cpu()
        if made.shape[-1] < side:
            made = F.interpolate(made, (side, side), mode="bilinear", align_corners=False)
        images.append(made)
        progress(len(part))
    return torch.cat(images)


def pooled_features(
    parts: PhotographParts, images: Tensor, progress: Progress = unnoted
) -> np.ndarray:
    """Pooled features (n, C) of ``images`` (n, 3, R, R), a few at a time."""
    features = []
    for part in images.split(CHUNK):
        features.append(parts.pooled(part))
        progress(len(part))
    return np.concatenate(features)
