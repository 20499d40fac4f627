"""Estimates with their intervals: bootstrap over images, Wilson for shares, jackknife by groups.

    bootstrap_mean(distances)                     # Estimate(estimate, low, high)
    bootstrap_ratio(changed_pixels, all_pixels)   # of sums over images, resampled by image
    wilson(successes=925, n=1000)
    wilson_share(share=0.625, n=40)               # the same for a mean of numbers in [0, 1]
    jackknife(distance, without)                  # `without` each group of images in turn
    Intervals(level=0.95).share(rows, "modified_pixels", "source_pixels")

Bootstrap intervals are percentile intervals; the same numbers and seed give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from palimpsest.settings import Seed, Settings

if TYPE_CHECKING:
    import pandas as pd

NUMBERS_AT_ONCE = 4_000_000
"""Numbers (float64, 32 MB) of a resampling that are drawn at once; also the most that are
cached."""


class Estimate(NamedTuple):
    """An estimate with its interval; all three are NaN where there is nothing to estimate from."""

    estimate: float
    low: float
    high: float


NOTHING = Estimate(np.nan, np.nan, np.nan)


class Intervals(Settings):
    """Estimates from columns of measurements, all at one ``level``.

    ``resamples`` and ``seed`` are those of the bootstrap.
    """

    level: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=2000, ge=10)
    seed: Seed = 0

    def share(self, table: pd.DataFrame, part: str, whole: str) -> Estimate:
        """The sum of column ``part`` over that of ``whole``, in per cent; images are resampled."""
        numbers = table[part], table[whole]
        return percent(bootstrap_ratio(*numbers, self.level, self.resamples, self.seed))

    def images(self, which: pd.Series) -> Estimate:
        """Percentage of images for which ``which`` (n,) bool is true."""
        return percent(wilson(int(which.sum()), len(which), self.level))

    def mean(self, numbers: pd.Series) -> Estimate:
        """Mean of the numbers (n,) that are not NaN."""
        return bootstrap_mean(numbers.dropna(), self.level, self.resamples, self.seed)


def percent(share: Estimate) -> Estimate:
    """A share and its interval, in per cent."""
    return Estimate(*(100 * number for number in share))


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

    A resample whose denominators sum to 0 is left out; NaN where all of them do.
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
    pairs = np.stack([above, below], axis=1)
    drawn = np.concatenate([counts @ pairs for counts in resampled(n, resamples, seed)])
    drawn = drawn[drawn[:, 1] > 0]
    tail = (1 - level) / 2
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [tail, 1 - tail])
    return Estimate(float(above.sum() / below.sum()), float(low), float(high))


def resampled(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """The number of times that each resample draws each of ``n`` images: blocks (b, n) float64.

    The blocks have ``resamples`` rows in all; they bound the memory.
    """
    if resamples * n <= NUMBERS_AT_ONCE:
        yield _few_resampled(n, resamples, seed)
        return
    random = np.random.default_rng(seed)
    for block in np.array_split(np.arange(resamples), -(-resamples * n // NUMBERS_AT_ONCE)):
        yield _drawn(random, n, len(block))


@lru_cache(maxsize=2)
def _few_resampled(n: int, resamples: int, seed: int) -> np.ndarray:
    """The one block of a small resampling, cached: a table needs the same one many times."""
    counts = _drawn(np.random.default_rng(seed), n, resamples)
    counts.flags.writeable = False
    return counts


def _drawn(random: np.random.Generator, n: int, resamples: int) -> np.ndarray:
    return random.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def jackknife(estimate: float, without: np.ndarray, level: float = 0.95) -> Estimate:
    """A distance with its interval, from the distances (k,) ``without`` each group in turn.

    The jackknife by groups: variance (k - 1) / k · Σ (θ₋ᵢ - mean)², Student's t of k - 1 degrees.
    The lower end is at least 0.
    """
    k = len(without)
    deviation = np.sqrt((k - 1) / k * np.square(without - without.mean()).sum())
    from scipy.special import stdtrit  # imported here: slow to load

    half = float(stdtrit(k - 1, 0.5 + level / 2) * deviation)
    return Estimate(estimate, max(0.0, estimate - half), estimate + half)


def wilson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """Share ``successes / n`` with its Wilson score interval; NaN for ``n`` = 0.

    Raises `ValueError` for more successes than trials, or a level outside (0, 1).
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials")
    return wilson_share(successes / n if n else np.nan, n, level)


def wilson_share(share: float, n: int, level: float = 0.95) -> Estimate:
    """A mean ``share`` of ``n`` numbers in [0, 1] with its Wilson score interval; NaN for no ``n``.

    The share need not be k / n: a pair on which judges disagree counts in part. The
    order of operations is that of `scipy.stats.binomtest`. Raises `ValueError` for a share outside
    [0, 1], or a level outside (0, 1).
    """
    _check_level(level)
    if n == 0:
        return NOTHING
    if not 0 <= share <= 1:
        raise ValueError(f"share {share}; it must lie between 0 and 1")
    from scipy.special import ndtri  # imported here: slow to load

    z = ndtri(0.5 + 0.5 * level)
    below = 2 * (n + z**2)
    centre = (2 * n * share + z**2) / below
    half = z / below * math.sqrt(4 * n * share * (1 - share) + z**2)
    low = 0.0 if share == 0 else float(centre - half)
    high = 1.0 if share == 1 else float(centre + half)
    return Estimate(share, low, high)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level}; it must lie between 0 and 1, such as 0.95")
