"""What a reader recomputes the tables with: pandas, numpy, scipy; nothing of this project."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest


def ratio(rows: pd.DataFrame, above, below, resamples: int) -> tuple[float, float, float]:
    """Sum over sum of two columns, with the interval from drawing images again and again."""
    rows = rows.sort_values("sample")
    pairs = np.stack([np.asarray(above(rows), float), np.asarray(below(rows), float)], axis=1)
    n = len(pairs)
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples) @ pairs
    drawn = drawn[drawn[:, 1] > 0]
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return pairs[:, 0].sum() / pairs[:, 1].sum(), low, high


def mean(rows: pd.DataFrame, column: str, resamples: int) -> tuple[float, float, float]:
    """Mean of a column over the images that have a number there."""
    rows = rows.dropna(subset=[column])
    return ratio(rows, lambda r: r[column], lambda r: np.ones(len(r)), resamples)


def share(which: pd.Series) -> tuple[float, float, float]:
    """Per cent of images, with Wilson's interval."""
    interval = binomtest(int(which.sum()), len(which)).proportion_ci(0.95, method="wilson")
    return 100 * which.mean(), 100 * interval.low, 100 * interval.high
