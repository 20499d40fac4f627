import numpy as np
import pytest
from scipy.stats import binomtest

from palimpsest.estimates.intervals import bootstrap_mean, bootstrap_ratio, wilson


def test_wilson_by_its_formula():
    # 8 of 10 at 95 %: centre (p + z^2/2n) / (1 + z^2/n), and so on
    z, n, p = 1.959963984540054, 10, 0.8
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert wilson(8, 10) == pytest.approx((0.8, centre - half, centre + half))
    assert wilson(0, 20)[1] == 0 and wilson(20, 20)[2] == pytest.approx(1)
    assert np.isnan(wilson(0, 0)).all()


def test_the_mean_of_many_is_as_the_central_limit_has_it():
    values = np.random.default_rng(0).normal(5, 2, 1000)
    estimate, low, high = bootstrap_mean(values, resamples=4000)
    assert estimate == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(1000)
    assert high - estimate == pytest.approx(half, rel=0.08)
    assert estimate - low == pytest.approx(half, rel=0.08)


def test_a_constant_has_no_width_and_the_seed_decides():
    assert bootstrap_mean([3.0] * 7) == pytest.approx((3, 3, 3))
    values = np.arange(50.0)
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1)
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)
    wide, narrow = bootstrap_mean(values, level=0.99), bootstrap_mean(values, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_ratio_of_sums_is_not_the_mean_of_ratios():
    above, below = np.array([1.0, 90.0]), np.array([10.0, 100.0])
    estimate, low, high = bootstrap_ratio(above, below)
    assert estimate == pytest.approx(91 / 110)
    # two images: only (1,1), (1,2), (2,2) can be drawn
    assert low == pytest.approx(0.1) and high == pytest.approx(0.9)
    constant = bootstrap_ratio([1, 2, 3], [2, 4, 6])
    assert constant == pytest.approx((0.5, 0.5, 0.5))


def test_images_without_the_thing_count_for_nothing():
    assert bootstrap_ratio([0, 5, 0], [0, 10, 0]) == pytest.approx((0.5, 0.5, 0.5))
    assert np.isnan(bootstrap_ratio([0, 0], [0, 0])).all()
    assert np.isnan(bootstrap_mean([])).all()


def test_an_interval_covers_as_often_as_it_says():
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        _, low, high = bootstrap_mean(random.exponential(1, 80), resamples=300)
        hits += low <= 1 <= high
    assert 0.87 <= hits / 200 <= 0.99


def test_many_images_go_in_blocks(monkeypatch):
    from palimpsest.estimates import intervals

    values = np.arange(100.0)
    monkeypatch.setattr(intervals, "NUMBERS_AT_ONCE", 1000)
    low, high = bootstrap_mean(values, resamples=500)[1:]
    assert low < values.mean() < high


def test_what_is_refused():
    for bad in ([1, np.nan], [1, np.inf]):
        with pytest.raises(ValueError, match="finite"):
            bootstrap_mean(bad)
    with pytest.raises(ValueError, match="denominators"):
        bootstrap_ratio([1, 2], [1])
    with pytest.raises(ValueError, match="not negative"):
        bootstrap_ratio([1, 2], [1, -1])
    with pytest.raises(ValueError, match="level 95"):
        bootstrap_mean([1.0], level=95)
    with pytest.raises(ValueError, match="11 successes in 10"):
        wilson(11, 10)


def test_the_interval_of_a_share_is_that_of_scipy_bit_for_bit():
    for successes, n in ((0, 7), (7, 7), (3, 7), (412, 1000), (9999, 10000)):
        for level in (0.9, 0.95, 0.99):
            theirs = binomtest(successes, n).proportion_ci(level, method="wilson")
            assert wilson(successes, n, level)[1:] == (theirs.low, theirs.high)
