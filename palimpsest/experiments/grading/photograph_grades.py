"""Grades of a generator of photographs: Fréchet distance, and whether it repeats its training set.

    grades = grade_photographs(g, parts, reference, photographs, PhotographGrading())
    grades.table                    # one row; see `grade_photographs`
    grades.sheet                    # samples beside their nearest training photographs

A sample near to a training photograph is no sign of copying by itself: held-out photographs of the
same people are near too. So the distances of held-out photographs to their nearest training
photographs are the measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from palimpsest.estimates.columns import estimate_columns
from palimpsest.estimates.error_rates import Errors, corrected_rate
from palimpsest.estimates.intervals import NOTHING, Estimate, percent, wilson
from palimpsest.experiments.grading.settings import PhotographGrading
from palimpsest.experiments.grading.training_curve import (
    Progress,
    frechet_row,
    pooled_features,
    samples_of,
    unnoted,
)
from palimpsest.generators import Generator
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.segmenters.photograph_parts import PhotographParts
from palimpsest.training.photograph_batches import grey_images
from palimpsest.training.photographs import Photographs

CLOSE = 0.01
"""Quantile of the held-out photographs' distances below which a sample counts as a copy."""


@dataclass(frozen=True)
class PhotographGrades:
    """``table``: one row. ``sheet`` (2 S, 3, R, R) in [-1, 1]: sample, nearest photograph, ..."""

    table: pd.DataFrame
    sheet: Tensor


def grade_photographs(
    g: Generator,
    parts: PhotographParts,
    reference: FrechetReference,
    photographs: Photographs,
    settings: PhotographGrading,
    progress: Progress = unnoted,
) -> PhotographGrades:
    """Grades of ``g`` on as many samples as there are held-out photographs in ``reference``.

    The row's columns: those of `frechet_row`; ``smiling_percent``, corrected for the classifier's
    known errors, beside ``held_out_smiling_percent``; ``nearer_percent``, the share of samples
    nearer to a training photograph than the median held-out photograph is (50 for samples as
    original as those), and ``copies_percent``, nearer than all but `CLOSE` of them, both over
    ``n_compared`` samples.

    Raises `ParameterError` for a reference of another backbone or a generator of another size.
    """
    samples = samples_of(g, parts, reference, settings.seed, progress)
    features = pooled_features(parts, samples)
    row = frechet_row(g, parts, reference, features)
    smiling = int((parts.smile_scores(samples) >= 0).sum())
    row |= estimate_columns({"smiling_percent": _corrected(smiling, len(samples), parts)})
    row["held_out_smiling_percent"] = 100 * float(photographs.held_out.smiling.mean())
    known = grey_images(photographs.training.images)
    neighbours = _Neighbours(parts, torch.cat([known, known.flip(3)]), settings, progress)
    compared = min(settings.compared, reference.count, len(photographs.held_out))
    held_out = grey_images(photographs.held_out.images)
    spread = torch.linspace(0, len(held_out) - 1, compared).round().long()
    distances, nearest = neighbours.of(samples[:compared], features[:compared], progress)
    others = held_out[spread]
    expected, _ = neighbours.of(others, pooled_features(parts, others), progress)
    near, copies = (expected.quantile(share) for share in (0.5, CLOSE))
    shares = {
        "nearer_percent": percent(wilson(int((distances < near).sum()), compared)),
        "copies_percent": percent(wilson(int((distances < copies).sum()), compared)),
    }
    row |= estimate_columns(shares)
    row["n_compared"], row["perceptual"] = compared, neighbours.distance.name
    shown = distances.argsort()[: settings.shown]
    pairs = torch.stack([samples[:compared][shown], neighbours.images[nearest[shown]]], 1)
    return PhotographGrades(pd.DataFrame([row]), pairs.flatten(0, 1))


def grading_images(
    reference: FrechetReference, photographs: Photographs, settings: PhotographGrading
) -> int:
    """Number of images that `grade_photographs` reports to its ``progress`` in all."""
    compared = min(settings.compared, reference.count, len(photographs.held_out))
    return reference.count + 2 * len(photographs.training) + 2 * compared


class _Neighbours:
    """Nearest of ``images`` (N, 3, R, R) in `PerceptualDistance`, among the nearest in features."""

    def __init__(
        self,
        parts: PhotographParts,
        images: Tensor,
        settings: PhotographGrading,
        progress: Progress,
    ) -> None:
        self.images = images
        self.distance = PerceptualDistance(parts)
        self.count = min(settings.candidates, len(images))
        self.features = torch.from_numpy(pooled_features(parts, images, progress))

    @torch.no_grad()
    def of(self, images: Tensor, features: np.ndarray, progress: Progress) -> tuple[Tensor, Tensor]:
        """Distance (B,) of each of ``images`` to the nearest, and its index (B,)."""
        apart = torch.cdist(torch.from_numpy(features), self.features)
        candidates = apart.topk(self.count, largest=False).indices
        distances, nearest = [], []
        for image, of_image in zip(images, candidates, strict=True):
            near = self.distance.prepare(self.images[of_image])
            alone = self.distance.prepare(image[None])[torch.zeros(self.count, dtype=torch.long)]
            found, place = self.distance(alone, near).min(0)
            distances.append(found)
            nearest.append(of_image[place])
            progress(1)
        return torch.stack(distances), torch.stack(nearest)


def _corrected(said: int, n: int, parts: PhotographParts) -> Estimate:
    """The share of smiles in percent; NaN for a classifier no better than chance."""
    errors = Errors.from_facts(parts.facts["smile"]["grades"][0])
    if errors.false_positive.estimate + errors.false_negative.estimate >= 1:
        return NOTHING
    return percent(corrected_rate(said, n, errors))
