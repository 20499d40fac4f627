"""Fréchet distance between two sets of feature vectors (Heusel et al. 2017).

    made, drawn = pooled_features(segmenter, a), pooled_features(segmenter, b)    # (n, C) each
    frechet_distance(made, drawn)

Each set is summed up by its mean and covariance, so the distance is that of two normal
distributions: |m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½). It is biased upwards at small n: put the
distance of two sets of the same kind beside it as a floor.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from palimpsest.instruments.segmenter import CHUNK, Segmenter


def gaussian_distance(
    mean_a: ArrayLike, covariance_a: ArrayLike, mean_b: ArrayLike, covariance_b: ArrayLike
) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two normal distributions, in float64.

    The trace of (C₁ C₂)^½ is the sum of the square roots of the eigenvalues of C₁^½ C₂ C₁^½, which
    is symmetric: no general matrix square root, and no complex numbers. Singular covariances do.
    Raises `ValueError` for shapes that do not match or numbers that are not finite.
    """
    mean_a, mean_b = (np.atleast_1d(np.asarray(m, dtype=np.float64)) for m in (mean_a, mean_b))
    a, b = (np.atleast_2d(np.asarray(c, dtype=np.float64)) for c in (covariance_a, covariance_b))
    size = len(mean_a)
    if mean_b.shape != (size,) or a.shape != (size, size) or b.shape != (size, size):
        raise ValueError(
            f"means {mean_a.shape}, {mean_b.shape} and covariances {a.shape}, {b.shape} "
            "do not match"
        )
    if not all(np.isfinite(array).all() for array in (mean_a, mean_b, a, b)):
        raise ValueError("means and covariances must be finite")
    values, vectors = np.linalg.eigh((a + a.T) / 2)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    product = root @ ((b + b.T) / 2) @ root
    cross = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0)).sum()
    apart = ((mean_a - mean_b) ** 2).sum()
    return float(max(0.0, apart + np.trace(a) + np.trace(b) - 2 * cross))


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Fréchet distance of two sets of features, (n, C) and (m, C), at least two vectors each."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} feature vectors; each set needs at least 2")
    return gaussian_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))


@torch.no_grad()
def pooled_features(segmenter: Segmenter, images: Tensor) -> np.ndarray:
    """One feature vector an image, (B, C) float64: means over positions of the encoder's stages.

    The stages from the third on, side by side: what is in the picture rather than how its pixels
    look. ``images`` (B, 3, H, W) in [-1, 1].
    """
    parts = []
    for part in images.split(CHUNK):
        stages = segmenter.features(part)[2:]
        parts.append(torch.cat([stage.double().mean((2, 3)) for stage in stages], dim=1))
    return torch.cat(parts).numpy()
