"""The network that the benchmarks run on: StyleGAN2 of 256 pixels, full width, structured keys.

Weights are random, but the input channels of each convolution have log-normal scales, and biases
differ from zero: keys then have a spectrum over seven decades, as in a trained network, where
equal random weights would give keys that are all alike.
"""

from __future__ import annotations

import torch

from palimpsest.generators.stylegan2 import StyleGAN2

CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128}
LAYER = 8


def full_size_generator(seed: int = 0) -> StyleGAN2:
    """A StyleGAN2 of the published size, seeded."""
    torch.manual_seed(seed)
    g = StyleGAN2(256, CHANNELS).eval().requires_grad_(False)
    for number in g.layers[:LAYER]:
        module = g.styled_conv(number)
        weight = module.conv.weight
        weight *= torch.exp(0.7 * torch.randn(1, weight.shape[1], 1, 1))
        module.activate.bias.copy_(0.5 * torch.randn(len(module.activate.bias)))
        module.noise.weight.fill_(0.1)
    return g
