"""Make sharp renders look like a generator's images: softer, noisier, a little off in colour.

A segmenter that saw only sharp renders misreads the softer images of a generator that learned
them. Training and grading therefore degrade renders; everything here is a function of the
`torch.Generator` given.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of ``images`` (B, C, H, W) by ``sigma`` pixels; edges are mirrored."""
    if sigma <= 0:
        return images
    radius = min(max(1, math.ceil(2.5 * sigma)), min(images.shape[2:]) - 1)
    at = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    channels = images.shape[1]
    padded = F.pad(images, (radius,) * 4, mode="reflect")
    rows = F.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def down_and_up(images: Tensor, factor: float) -> Tensor:
    """Shrink to ``factor`` (0 to 1) of the size with antialiasing, then enlarge again."""
    height, width = images.shape[2:]
    smaller = (max(1, round(height * factor)), max(1, round(width * factor)))
    shrunk = F.interpolate(images, smaller, mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(shrunk, (height, width), mode="bilinear", align_corners=False)


def degrade(images: Tensor, source: torch.Generator) -> Tensor:
    """A random degradation of each image of a training batch (B, 3, H, W) in [-1, 1].

    A quarter stays sharp, a quarter is blurred (sigma 0.3 to 1.3 pixels of 128), a quarter shrunk
    to 0.4 to 0.8 and enlarged, a quarter both; all get some colour shift and contrast, and noise of
    up to 0.05. The members of a quarter share their blur.
    """

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=source)

    scale = images.shape[-1] / 128
    parts = []
    for number, part in enumerate(images.chunk(4)):
        if number in (1, 3):
            part = blur(part, float(uniform(0.3, 1.3, 1)) * scale)
        if number in (2, 3):
            part = down_and_up(part, float(uniform(0.4, 0.8, 1)))
        parts.append(part)
    soft = torch.cat(parts)
    n = len(soft)
    contrast, shift = uniform(0.88, 1.12, n, 1, 1, 1), uniform(-0.08, 0.08, n, 3, 1, 1)
    noise = torch.randn(soft.shape, generator=source) * uniform(0.0, 0.05, n, 1, 1, 1)
    return (soft * contrast + shift + noise).clamp(-1.1, 1.1)
