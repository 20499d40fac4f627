"""A fused network is the same function in fewer passes."""

import copy

import pytest
import torch
from torch import nn

from palimpsest.instruments.segmenters.layer_fusion import (
    DoublingBlock,
    fuse,
    fuse_batch_norms,
    fuse_upsampling,
)
from palimpsest.instruments.segmenters.world_segmenter import Architecture
from tests.doubles.bounds import EXACT


@pytest.fixture(scope="module")
def images():
    return torch.rand(8, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module", params=["unet", "linknet"])
def network(request, images):
    """Whose batch norms have seen something, so that fusing them is no identity."""
    torch.manual_seed(0)
    network = Architecture(request.param, channels=(16, 16, 8, 8, 12)).build(4)
    with torch.no_grad():
        network.train()(images)
    return network.eval()


def apart(network, other, images):
    """Largest difference of what two networks say, in parts of the largest number said."""
    with torch.no_grad():
        wanted = network(images)
        return float((other(images) - wanted).abs().max() / wanted.abs().max())


def test_folded_batch_norms_change_nothing_but_rounding(network, images):
    fused = fuse_batch_norms(copy.deepcopy(network))
    left = any(isinstance(m, nn.BatchNorm2d) for m in fused.modules())
    assert left == (type(network).__name__ == "Linknet")  # after its transposed convolutions
    assert apart(network, fused, images) < 1e-4


def test_folded_upsampling_changes_nothing_but_rounding(network, images):
    fused = fuse(copy.deepcopy(network))
    doubling = [m for m in fused.modules() if isinstance(m, DoublingBlock)]
    assert len(doubling) == (5 if type(network).__name__ == "Unet" else 0)
    assert apart(network, fused, images) < 1e-4
    exact = fuse(copy.deepcopy(network).double())
    assert apart(network.double(), exact, images.double()) < 1e-12
    network.float()


def test_folded_networks_pass_gradients(network, images):
    # in float64: in float32 a rectifier that rounding switches changes a whole gradient
    exact = copy.deepcopy(network).double()
    fused = fuse(copy.deepcopy(exact)).requires_grad_(False)
    gradients = []
    for one in (exact, fused):
        asked = images[:2].double().requires_grad_()
        one(asked).square().mean().backward()
        gradients.append(asked.grad)
    assert torch.allclose(*gradients, rtol=0, atol=EXACT * float(gradients[0].abs().max()))


def test_fusion_draws_no_random_numbers(network):
    copied = fuse_batch_norms(copy.deepcopy(network))
    before = torch.get_rng_state()
    fuse_upsampling(copied)
    assert torch.equal(torch.get_rng_state(), before)
