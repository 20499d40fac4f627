import math

import pytest
import torch

from palimpsest.training.degradation import blur, degrade, down_and_up


def test_blur_of_a_dot_is_the_gaussian():
    dot = torch.zeros(1, 1, 21, 21, dtype=torch.float64)
    dot[0, 0, 10, 10] = 1
    soft = blur(dot, 1.5)[0, 0]
    assert soft.sum() == pytest.approx(1)
    assert soft[10, 12] / soft[10, 10] == pytest.approx(math.exp(-0.5 * (2 / 1.5) ** 2))
    assert torch.allclose(soft, soft.T)


def test_a_flat_image_stays_as_it_is():
    flat = torch.full((2, 3, 16, 16), 0.25)
    assert torch.allclose(blur(flat, 1.0), flat, atol=1e-6)
    assert torch.allclose(down_and_up(flat, 0.5), flat, atol=1e-6)
    assert torch.equal(blur(flat, 0.0), flat)


def test_shrinking_takes_away_fine_stripes():
    stripes = torch.ones(1, 3, 32, 32)
    stripes[..., ::2] = -1
    assert down_and_up(stripes, 0.5).std() < 0.2 < stripes.std()


def test_degradation_is_a_function_of_its_source():
    images = torch.rand(8, 3, 32, 32) * 2 - 1
    once = degrade(images, torch.Generator().manual_seed(5))
    again = degrade(images, torch.Generator().manual_seed(5))
    other = degrade(images, torch.Generator().manual_seed(6))
    assert torch.equal(once, again) and not torch.equal(once, other)
    assert once.shape == images.shape and once.abs().max() <= 1.1
    assert not torch.equal(once, images)
