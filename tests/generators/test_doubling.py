"""Doubling a map and convolving it are one transposed convolution."""

import pytest
import torch
import torch.nn.functional as F

from palimpsest.generators import sample_z
from palimpsest.generators.doubling import convolve_by_kernel, convolve_doubled, doubling_kernel


@pytest.mark.parametrize("size", [(1, 1), (4, 7)])
def test_the_same_as_one_after_the_other(size):
    generator = torch.Generator().manual_seed(2)

    def random(*shape):
        numbers = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return numbers.requires_grad_()

    x, weight, bias = random(2, 3, *size), random(5, 3, 3, 3), random(5)
    doubled = F.interpolate(x, scale_factor=2, mode="nearest")
    made = [
        F.conv2d(doubled, weight, bias, padding=1),
        convolve_by_kernel(x, doubling_kernel(weight), bias),
    ]
    assert torch.allclose(convolve_doubled(x, weight) + bias[:, None, None], made[1], atol=1e-12)
    assert torch.allclose(*made, atol=1e-12)
    gradients = [torch.autograd.grad(one.square().sum(), (x, weight, bias)) for one in made]
    for wanted, found in zip(*gradients, strict=True):
        assert torch.allclose(found, wanted, atol=1e-10)


def test_next_values_gives_the_values_that_keys_give(generator):
    z = sample_z(generator, 2)
    for number in generator.layers[:-1]:
        values = generator.layer(number).values(generator.layer(number).keys(z))
        state = generator.next_keys(values)
        wanted = generator.layer(number + 1).values(state)
        found = generator.next_values(values)
        assert (found.layer, found.window) == (wanted.layer, wanted.window)
        assert (found.v - wanted.v).abs().max() < 1e-5 * wanted.v.abs().max()
