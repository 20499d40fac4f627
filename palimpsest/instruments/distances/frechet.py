"""Fréchet distance between two sets of feature vectors (Heusel et al. 2017).

    made, drawn = segmenter.pooled(a), segmenter.pooled(b)       # (n, C) each
    frechet_distance(made, drawn)
    frechet_estimate(made, drawn)               # with its interval

The distance of the normal distributions with the means and covariances of the two sets:
|m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½). It is biased upwards at small n; the distance of two sets of
the same kind is its floor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from palimpsest.estimates.intervals import Estimate, jackknife

GROUPS = 20
"""Number of groups of images in the jackknife."""


def gaussian_distance(
    mean_a: ArrayLike, covariance_a: ArrayLike, mean_b: ArrayLike, covariance_b: ArrayLike
) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two normal distributions, in float64.

    The trace of (C₁ C₂)^½ is the sum of the square roots of the eigenvalues of C₁^½ C₂ C₁^½, which
    is symmetric; this needs neither a general matrix square root nor complex numbers, and
    covariances may be singular. Raises `ValueError` for shapes that do not match or numbers that
    are not finite.
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
    root = _root(a)
    apart = ((mean_a - mean_b) ** 2).sum()
    cross = _trace_of_root(root @ ((b + b.T) / 2) @ root)
    return float(max(0.0, apart + np.trace(a) + np.trace(b) - 2 * cross))


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance; small negative eigenvalues count as 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def _trace_of_root(product: np.ndarray) -> float:
    """Trace of the square root of ``product``, C₁^½ C₂ C₁^½."""
    return np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0)).sum()


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Fréchet distance of two sets of features, (n, C) and (m, C), at least two vectors each."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    _check_counts(a, b)
    if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1] > max(len(a), len(b)):
        return _of_few(a, b)
    return gaussian_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))


def _of_few(a: np.ndarray, b: np.ndarray) -> float:
    """`frechet_distance` for fewer vectors than features, without a covariance of the features.

    With C₁ = XᵀX and C₂ = YᵀY the trace of (C₁ C₂)^½ is the sum of the singular values of X Yᵀ,
    which is (n, m).
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("means and covariances must be finite")
    x, y = ((some - some.mean(0)) / np.sqrt(len(some) - 1) for some in (a, b))
    cross = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(max(0.0, apart + (x**2).sum() + (y**2).sum() - 2 * cross))


def frechet_estimate(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Estimate:
    """Fréchet distance of (n, C) and (m, C) with an interval over the images of ``a``.

    Interval and errors as for `frechet_estimate_to`.
    """
    b = np.asarray(b, dtype=np.float64)
    _check_counts(a, b)
    return frechet_estimate_to(a, b.mean(0), np.atleast_2d(np.cov(b, rowvar=False)), level)


def frechet_estimate_to(
    a: ArrayLike, mean: np.ndarray, covariance: np.ndarray, level: float = 0.95
) -> Estimate:
    """Fréchet distance of (n, C) to the normal distribution of ``mean`` (C,) and ``covariance``
    (C, C), with an interval over the images of ``a``.

    The interval is that of a jackknife that leaves out one of `GROUPS` groups of ``a`` at a time.
    (A bootstrap repeats images, which biases the distance upwards.) Its ends are at least 0, and
    NaN for fewer than two images per group. Raises `ValueError` for fewer than two images.
    """
    a = np.asarray(a, dtype=np.float64)
    _check_counts(a, a)
    # the root of the fixed set's covariance is computed once and applied to `a` once: the
    # covariance of `mapped` is C₁^½ C₂ C₁^½
    mapped = a @ _root(covariance)

    def distance(rows: np.ndarray | slice) -> float:
        cross = _trace_of_root(np.atleast_2d(np.cov(mapped[rows], rowvar=False)))
        apart = ((a[rows].mean(0) - mean) ** 2).sum()
        return max(0.0, apart + np.trace(covariance) + a[rows].var(0, ddof=1).sum() - 2 * cross)

    found = float(distance(slice(None)))
    if len(a) < 2 * GROUPS:
        return Estimate(found, np.nan, np.nan)
    group = np.arange(len(a)) % GROUPS
    return jackknife(found, np.array([distance(group != i) for i in range(GROUPS)]), level)


def _check_counts(a: ArrayLike, b: ArrayLike) -> None:
    if min(len(a), len(b)) < 2:
        raise ValueError(f"{len(a)} and {len(b)} feature vectors; each set needs at least 2")
