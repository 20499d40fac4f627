"""Agreement of people who label the same items: raw agreement, Cohen's and Fleiss's kappa.

    agreement(chosen)                       # (share that agrees, kappa); chosen: (items, judges)
    cohen_kappa(["left", "right"], ["left", "left"])
    fleiss_kappa([[2, 0], [1, 1]])          # number of judges by item and label
    kappa_interval(chosen)                  # Cohen's, with an interval over items

Kappa is (observed - chance) / (1 - chance): 1 if all always agree, 0 if they agree as often as
labels drawn at random in each judge's (Cohen) or all judges' (Fleiss) proportions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from palimpsest.estimates.intervals import NOTHING, Estimate, resampled


def agreement(chosen: np.ndarray) -> tuple[float, float]:
    """Share of agreeing judges in [0, 1], and kappa in [-1, 1]; NaN if no two judged one pair.

    Args:
        chosen: (pairs, judges), 1 for left, 0 for right, NaN for a pair that a judge skipped.

    Agreement is about sides, which judges chose; sides are balanced at random, so chance agrees in
    half of the pairs. Kappa is Cohen's for two judges, Fleiss's for more.
    """
    several = chosen[(~np.isnan(chosen)).sum(1) >= 2]
    if not len(several):
        return np.nan, np.nan
    counts = np.stack([(several == 1).sum(1), (several == 0).sum(1)], axis=1)
    kappa = cohen_kappa(*several.T) if chosen.shape[1] == 2 else fleiss_kappa(counts)
    return float(_agreeing(counts).mean()), kappa


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Cohen's kappa of two judges' labels of the same items, both (n,).

    NaN for no items, and if both gave all items one and the same label. Raises `ValueError` for
    arrays that do not match.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"labels of shape {first.shape} and {second.shape} do not match")
    if not len(first):
        return np.nan
    labels = np.union1d(first, second)
    chance = sum((first == label).mean() * (second == label).mean() for label in labels)
    return _beyond_chance(float((first == second).mean()), float(chance))


def kappa_interval(
    chosen: np.ndarray, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Cohen's kappa of two judges with its bootstrap percentile interval over items.

    Args:
        chosen: (items, 2), 1, 0, or NaN for an item that a judge skipped; only items that both
            judged count.

    NaN for no such item. Resamples in which both gave one and the same label to all items have no
    kappa and are left out. Raises `ValueError` for another number of judges.
    """
    if chosen.ndim != 2 or chosen.shape[1] != 2:
        raise ValueError(f"answers of shape {chosen.shape}; an interval needs (items, 2)")
    both = chosen[~np.isnan(chosen).any(1)].astype(bool)
    if not len(both):
        return NOTHING
    first, second = both.T
    cells = np.stack([first & second, first & ~second, ~first & second, ~first & ~second], axis=1)
    drawn = [counts @ cells for counts in resampled(len(both), resamples, seed)]
    shares = np.concatenate(drawn) / len(both)
    yes = shares[:, 0] + shares[:, 1], shares[:, 0] + shares[:, 2]
    chance = yes[0] * yes[1] + (1 - yes[0]) * (1 - yes[1])
    agreed = shares[:, 0] + shares[:, 3]
    usable = chance < 1 - 1e-9
    kappa = cohen_kappa(first, second)
    if np.isnan(kappa) or not usable.any():
        return Estimate(kappa, np.nan, np.nan)
    found = (agreed[usable] - chance[usable]) / (1 - chance[usable])
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(kappa, float(low), float(high))


def fleiss_kappa(counts: ArrayLike) -> float:
    """Fleiss's kappa from ``counts`` (items, labels): the number of judges by item and label.

    Items may have different numbers of judges, each at least 2; labels are then counted over all
    judgements. NaN for no items, and if all have one label. Raises `ValueError` for an item
    with fewer than two judges.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if not counts.size:
        return np.nan
    if (counts.sum(1) < 2).any():
        raise ValueError("an item has fewer than two judges")
    shares = counts.sum(0) / counts.sum()
    return _beyond_chance(float(_agreeing(counts).mean()), float((shares**2).sum()))


def _agreeing(counts: np.ndarray) -> np.ndarray:
    """Share of each item's pairs of judges that gave the same label: (items,)."""
    judges = counts.sum(1)
    return (counts * (counts - 1)).sum(1) / (judges * (judges - 1))


def _beyond_chance(observed: float, chance: float) -> float:
    return np.nan if np.isclose(chance, 1) else (observed - chance) / (1 - chance)
