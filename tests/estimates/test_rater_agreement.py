"""Agreement of raters: the interval of kappa."""

import numpy as np
import pytest

from palimpsest.estimates.rater_agreement import cohen_kappa, kappa_interval


def test_the_interval_of_kappa_covers_it_and_narrows():
    random = np.random.default_rng(0)
    first = random.random(400) < 0.3
    second = np.where(random.random(400) < 0.9, first, ~first)
    few, many = (
        kappa_interval(np.stack([first, second], 1)[:n].astype(float), resamples=400)
        for n in (50, 400)
    )
    assert many.estimate == pytest.approx(cohen_kappa(first, second))
    assert few.low < few.estimate < few.high and many.low < many.estimate < many.high
    assert many.high - many.low < few.high - few.low
    # items that one of the two skipped do not count
    skipped = np.stack([first, second], 1).astype(float)
    skipped[50:, 1] = np.nan
    assert kappa_interval(skipped, resamples=400) == few
    assert np.isnan(kappa_interval(np.zeros((5, 2)))).all()
    assert np.isnan(kappa_interval(np.full((5, 2), np.nan))).all()
    with pytest.raises(ValueError, match="needs"):
        kappa_interval(np.zeros((5, 3)))
