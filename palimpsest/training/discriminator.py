"""StyleGAN2's residual discriminator (Karras et al., CVPR 2020, section 4.1), which can grow.

    judge = Discriminator({4: 128, 8: 128, 16: 96, 32: 64, 64: 32})
    score = judge(images)                      # (B, 3, r, r) to (B,), r any of its resolutions
    score = judge(images, joining=0.3)         # the block of r is mixed in at this share

Weights are scaled at run time (equalised learning rate), as in the generator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.stylegan2_parts import (
    NEGATIVE_SLOPE,
    SQRT2,
    EqualLinear,
    blur_kernel,
)

DEVIATION_GROUP = 4
"""Images over which the minibatch standard deviation is taken (Karras et al., ICLR 2018)."""


class EqualConv(nn.Module):
    """A convolution of odd kernel size with equalised rate: bias, leaky rectifier and gain.

    ``halves``: low-pass filters its input and takes every other place.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, activate: bool = True, halves: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if activate else None
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.kernel, self.halves = kernel, halves
        self.register_buffer("low_pass", blur_kernel() / 4, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight, padding = self.weight * self.scale, self.kernel // 2
        if self.halves:
            x = low_passed(x, self.low_pass, 1 + padding)
            x = F.conv2d(x, weight, self.bias, stride=2)
        else:
            x = F.conv2d(x, weight, self.bias, padding=padding)
        return x if self.bias is None else F.leaky_relu(x, NEGATIVE_SLOPE) * SQRT2


class DownBlock(nn.Module):
    """Two convolutions, of which the second halves, beside a halving 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = EqualConv(inputs, inputs, 3)
        self.conv2 = EqualConv(inputs, outputs, 3, halves=True)
        self.skip = EqualConv(inputs, outputs, 1, activate=False, halves=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, h) to (B, outputs, h/2, h/2)."""
        return (self.conv2(self.conv1(x)) + self.skip(x)) / SQRT2


class Discriminator(nn.Module):
    """Scores images: above 0 for photographs, below for generated ones.

    ``channels``: width at each resolution from 4 on, as the generator's.
    """

    def __init__(self, channels: Mapping[int, int]) -> None:
        super().__init__()
        self.resolutions = tuple(sorted(channels, reverse=True))  # the full one first
        self.from_rgb = nn.ModuleDict({str(r): EqualConv(3, channels[r], 1) for r in channels})
        self.blocks = nn.ModuleDict(
            {str(r): DownBlock(channels[r], channels[r // 2]) for r in channels if r > 4}
        )
        self.last_conv = EqualConv(channels[4] + 1, channels[4], 3)
        self.hidden = EqualLinear(channels[4] * 16, channels[4], activate=True)
        self.score = EqualLinear(channels[4], 1)

    def forward(self, images: Tensor, joining: float = 1.0) -> Tensor:
        """Scores (B,) of ``images`` (B, 3, r, r) in [-1, 1].

        ``joining``: share of the block of resolution r; the rest comes from the halved image, as
        the network saw it before it grew to r.
        """
        resolution = images.shape[-1]
        x = self.from_rgb[str(resolution)](images)
        while resolution > 4:
            x = self.blocks[str(resolution)](x)
            resolution //= 2
            if joining < 1 and 2 * resolution == images.shape[-1]:
                small = self.from_rgb[str(resolution)](F.avg_pool2d(images, 2))
                x = small + joining * (x - small)
        x = self.last_conv(torch.cat([x, minibatch_deviation(x)], dim=1))
        return self.score(self.hidden(x.flatten(1)))[:, 0]


def low_passed(x: Tensor, kernel: Tensor, padding: int) -> Tensor:
    """``x`` (B, C, h, h) filtered by ``kernel`` (4, 4) at every place.

    The stride stays 1 even where half the places are dropped: the gradient of a depthwise
    convolution with a stride takes 10 to 100 times as long on a CPU in bfloat16.
    """
    channels = x.shape[1]
    taps = kernel.to(x.dtype).expand(channels, 1, 4, 4)
    return F.conv2d(x, taps, padding=padding, groups=channels)


def minibatch_deviation(x: Tensor) -> Tensor:
    """Mean standard deviation of the features within groups of the batch, (B, 1, h, w)."""
    batch = len(x)
    group = DEVIATION_GROUP if batch % DEVIATION_GROUP == 0 else batch
    members = x.float().unflatten(0, (group, batch // group))
    deviation = (members.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:]).to(x.dtype)
