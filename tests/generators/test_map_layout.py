"""Sums and images come in the layout that convolutions read, with the numbers of plain formulas."""

import pytest
import torch

from palimpsest.generators import sample_z
from palimpsest.generators.map_layout import fast_layout, laid_out, outer_sum
from palimpsest.generators.stylegan2_parts import TapEnergy, ToRGB


@pytest.mark.parametrize("batch", [1, 2])
def test_an_outer_sum_is_laid_out_without_a_copy(batch):
    by_channel, by_cell = torch.randn(5), torch.randn(batch, 1, 3, 4)
    found = outer_sum(by_channel, by_cell)
    assert torch.equal(found, by_channel[:, None, None] + by_cell)
    assert found.is_contiguous(memory_format=fast_layout(by_cell.device))
    assert laid_out(found).data_ptr() == found.data_ptr()


def test_to_rgb_of_one_sample_is_that_of_its_batch():
    to_rgb = ToRGB(6, 4)
    x, latent = laid_out(torch.randn(3, 6, 8, 8)).requires_grad_(), torch.randn(3, 4)
    together = to_rgb(x, latent)
    upstream = torch.randn_like(together)
    (wanted,) = torch.autograd.grad(together, x, upstream)
    for i in range(3):
        alone = to_rgb(x[i : i + 1], latent[i : i + 1])
        assert torch.allclose(alone, together[i : i + 1], atol=1e-5)
        (found,) = torch.autograd.grad(alone, x, upstream[i : i + 1])
        assert torch.allclose(found[i], wanted[i], atol=1e-5)


def test_values_need_no_further_layout(stylegan2):
    z = sample_z(stylegan2, 2)
    for number in stylegan2.layers[1:]:
        layer = stylegan2.layer(number)
        values = layer.values(layer.keys(z)).v
        assert values.is_contiguous(memory_format=fast_layout(values.device))


def test_the_energy_of_taps_has_the_gradient_of_its_formula():
    weight = torch.randn(3, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.equal(TapEnergy.apply(weight), weight.square().sum(dim=(2, 3)))
    assert torch.autograd.gradcheck(TapEnergy.apply, weight)
    assert torch.autograd.gradgradcheck(TapEnergy.apply, weight)
