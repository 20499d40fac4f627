"""Estimates with their intervals: bootstrap over images, Wilson for shares.

    bootstrap_mean(distances)                     # Estimate(estimate, low, high)
    bootstrap_ratio(changed_pixels, all_pixels)   # of sums over images, resampled by image
    wilson(successes=925, n=1000)

Bootstrap intervals are percentile intervals; the same numbers and seed give the same interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

NUMBERS_AT_ONCE = 4_000_000


class Estimate(NamedTuple):
    """A figure and its interval; all three are NaN where there is nothing to estimate from."""

    estimate: float
    low: float
    high: float


NOTHING = Estimate(np.nan, np.nan, np.nan)


def bootstrap_mean(
    values: ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Mean of ``values`` (n,), one number an image; NaN for none.

    Raises `ValueError` for values that are not finite, or a level outside (0, 1).
    """
    values = np.asarray(values, dtype=np.float64)
    return bootstrap_ratio(values, np.ones_like(values), level, resamples, seed)


def bootstrap_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """``sum(numerators) / sum(denominators)``, both (n,), with whole images resampled.

    A resample whose denominators sum to 0 says nothing and is left out. NaN where they all do.
    Raises `ValueError` for arrays that do not match or are not finite, for negative denominators,
    and for a level outside (0, 1) or fewer than one resample.
    """
    above = np.asarray(numerators, dtype=np.float64)
    below = np.asarray(denominators, dtype=np.float64)
    if above.ndim != 1 or above.shape != below.shape:
        raise ValueError(f"{above.shape} numerators for {below.shape} denominators")
    if not (np.isfinite(above).all() and np.isfinite(below).all() and (below >= 0).all()):
        raise ValueError("numbers must be finite, and denominators not negative")
    _check_level(level)
    if resamples < 1:
        raise ValueError(f"{resamples} resamples; at least 1 is needed")
    n = len(above)
    if n == 0 or below.sum() == 0:
        return NOTHING
    random = np.random.default_rng(seed)
    pairs = np.stack([above, below], axis=1)
    sums = []
    # how often each image is drawn says all about a resample; in blocks, to bound the memory
    for block in np.array_split(np.arange(resamples), -(-resamples * n // NUMBERS_AT_ONCE)):
        counts = random.multinomial(n, np.full(n, 1 / n), size=len(block))
        sums.append(counts @ pairs)
    drawn = np.concatenate(sums)
    drawn = drawn[drawn[:, 1] > 0]
    tail = (1 - level) / 2
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [tail, 1 - tail])
    return Estimate(float(above.sum() / below.sum()), float(low), float(high))


def wilson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """Share ``successes / n`` with its Wilson score interval; NaN for ``n`` = 0.

    Raises `ValueError` for more successes than trials, or a level outside (0, 1).
    """
    _check_level(level)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials")
    if n == 0:
        return NOTHING
    interval = binomtest(int(successes), int(n)).proportion_ci(level, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level}; it must lie between 0 and 1, such as 0.95")
