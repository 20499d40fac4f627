"""New StyleGAN3 networks: sizes and filters of configurations T and R, weights at random.

g = designed(256)                   # T
g = designed(256, radial=True)      # R
"""

from __future__ import annotations

import math

import torch

from palimpsest.generators.stylegan3 import StyleGAN3
from palimpsest.generators.stylegan3_filters import low_pass
from palimpsest.generators.stylegan3_parts import LayerPlan, NetworkPlan, SineInput


def designed(
    resolution: int,
    *,
    z_dim: int = 512,
    style_dim: int = 512,
    classes: int = 0,
    image_channels: int = 3,
    mapping_layers: int = 2,
    radial: bool = False,
    channel_base: int = 32768,
    channel_max: int = 512,
    count: int = 14,
    critical: int = 2,
) -> StyleGAN3:
    """A new network with random weights: configuration T, or R if ``radial`` (Appendix C.1).

    ``count`` layers, the last ``critical`` of them sampled critically; ``channel_base`` and
    ``channel_max`` set the widths. Cutoffs grow from 2 cycles per image to half the resolution, the
    least stopband from 2^2.1 to 2^0.3 times that. Maps have margins of ten cells.
    """
    last_cutoff = resolution / 2
    grows = [min(i / (count - critical), 1) for i in range(count + 1)]
    cutoffs = [2 * (last_cutoff / 2) ** share for share in grows]
    stops = [2**2.1 * (last_cutoff * 2**0.3 / 2**2.1) ** share for share in grows]
    rates = [2 ** math.ceil(math.log2(min(2 * stop, resolution))) for stop in stops]
    halves = [max(stop, r / 2) - cut for stop, r, cut in zip(stops, rates, cutoffs, strict=True)]
    sizes = [rate + 20 for rate in rates[:-2]] + [resolution] * 2
    widths = [round(min(channel_base / 2 / cutoff, channel_max)) for cutoff in cutoffs]
    layers, filters = [], []
    for i in range(count):
        a = max(0, i - 1)
        rate = 2 * max(rates[a], rates[i])
        up, down = rate // rates[a], rate // rates[i]
        turned = radial and i < count - critical
        layers.append(
            LayerPlan(widths[a], widths[i], sizes[a], sizes[i], up, down, 6 * up, 6 * down, turned)
        )
        up_filter = low_pass(6 * up, cutoffs[a], 2 * halves[a], rate)
        filters.append((up_filter, low_pass(6 * down, cutoffs[i], 2 * halves[i], rate, turned)))
    plan = NetworkPlan(
        resolution,
        tuple(layers),
        kernel=1 if radial else 3,
        z_dim=z_dim,
        style_dim=style_dim,
        mapping_layers=mapping_layers,
        classes=classes,
        image_channels=image_channels,
    )
    g = StyleGAN3(plan)
    for number, (up_filter, down_filter) in zip(g.layers, filters, strict=True):
        module = g.convolution(number)
        module.up_filter.copy_(up_filter)
        module.down_filter.copy_(down_filter)
    _draw_sines(g.synthesis.input)
    return g.eval().requires_grad_(False)


@torch.no_grad()
def _draw_sines(sines: SineInput) -> None:
    """Random frequencies of a disc up to the bandwidth, random phases, and no turn or shift."""
    channels = len(sines.phases)
    freqs = torch.randn(channels, 2)
    radius = freqs.norm(dim=1, keepdim=True)
    sines.freqs.copy_(freqs / (radius * radius.square().exp().pow(0.25)) * sines.bandwidth)
    sines.phases.copy_(torch.rand(channels) - 0.5)
    sines.affine.weight.zero_()
    sines.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
