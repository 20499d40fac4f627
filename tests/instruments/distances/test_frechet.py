import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from palimpsest.instruments.distances.frechet import (
    frechet_distance,
    frechet_estimate,
    gaussian_distance,
)


def test_two_normal_distributions_on_a_line():
    # (m1 - m2)^2 + (s1 - s2)^2
    assert gaussian_distance([1.0], [[4.0]], [4.0], [[25.0]]) == pytest.approx(9 + 9)


def test_commuting_covariances_and_a_singular_one():
    value = gaussian_distance([0, 0, 1], np.diag([1.0, 4, 9]), [0, 2, 1], np.diag([9.0, 4, 0]))
    assert value == pytest.approx(4 + (1 - 3) ** 2 + 0 + 3**2)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    a, b = (turn @ np.diag(d) @ turn.T for d in ([1.0, 4, 9], [9.0, 4, 0]))
    means = turn @ [0, 0, 1], turn @ [0, 2, 1]
    assert gaussian_distance(means[0], a, means[1], b) == pytest.approx(value)


def test_as_the_general_matrix_square_root_has_it():
    random = np.random.default_rng(1)
    a, b = (m @ m.T for m in random.standard_normal((2, 6, 9)))
    mean_a, mean_b = random.standard_normal((2, 6))
    wanted = ((mean_a - mean_b) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert gaussian_distance(mean_a, a, mean_b, b) == pytest.approx(wanted)


def test_of_samples():
    random = np.random.default_rng(2)
    a = random.standard_normal((500, 4))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + [3, 0, 0, 0]) == pytest.approx(9)
    floor = frechet_distance(a, random.standard_normal((500, 4)))
    assert 0 < floor < 0.1 < frechet_distance(a, 2 * random.standard_normal((500, 4)))
    # more dimensions than samples: singular, and still a number
    few = random.standard_normal((5, 30))
    assert frechet_distance(few, few + 1) == pytest.approx(30)


@pytest.mark.parametrize("vectors", [(5, 8), (8, 5), (12, 12), (2, 11)])
def test_fewer_vectors_than_features_are_as_their_covariances_have_it(vectors):
    random = np.random.default_rng(3)
    a, b = (random.standard_normal((n, 13)) + n for n in vectors)
    wanted = gaussian_distance(
        a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False)
    )
    assert frechet_distance(a, b) == pytest.approx(wanted)


def test_what_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="do not match"):
        gaussian_distance([0, 0], np.eye(2), [0, 0, 0], np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        gaussian_distance([np.nan], [[1]], [0], [[1]])
    with pytest.raises(ValueError, match="finite"):
        frechet_distance(np.full((3, 9), np.nan), np.zeros((3, 9)))
    with pytest.raises(ValueError, match="do not match"):
        frechet_distance(np.zeros((3, 9)), np.zeros((3, 8)))


def test_pooled(random_segmenter):
    images = torch.rand(18, 3, 64, 64) * 2 - 1
    pooled = random_segmenter.pooled(images)
    assert pooled.shape == (18, sum(random_segmenter.feature_channels[2:]))
    assert pooled.dtype == np.float64
    third = random_segmenter.features(images[:2])[2].mean((2, 3))
    assert np.allclose(pooled[:2, : third.shape[1]], third, atol=1e-5)


def test_the_interval_is_about_as_wide_as_other_images_differ():
    random = np.random.default_rng(0)
    other, some = random.normal(size=(400, 4)) + 1, random.normal(size=(400, 4))
    found = frechet_estimate(some, other)
    assert found.estimate == pytest.approx(frechet_distance(some, other))
    assert found.low < found.estimate < found.high
    again = [frechet_distance(random.normal(size=(400, 4)), other) for _ in range(200)]
    # half of a 95 % interval is two standard deviations
    assert (found.high - found.low) / 4 == pytest.approx(np.std(again), rel=0.5)


def test_too_few_images_have_no_interval():
    few = np.random.default_rng(0).normal(size=(39, 2))
    found = frechet_estimate(few, few + 1)
    assert found.estimate == pytest.approx(2) and np.isnan([found.low, found.high]).all()


def test_nothing_lies_below_zero():
    same = np.random.default_rng(1).normal(size=(60, 3))
    found = frechet_estimate(same, same)
    assert found.estimate == pytest.approx(0, abs=1e-9) and found.low == 0
