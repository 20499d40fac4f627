"""Degradation of sharp renders to the look of generated images: blur, noise, colour shifts.

A segmenter trained on sharp renders alone misreads the softer images of a generator, so training
and grading degrade renders. All random numbers come from the given `torch.Generator`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def blur(images: Tensor, sigma: float) -> Tensor:
    """``images`` (B, C, H, W) with a Gaussian blur of ``sigma`` pixels; edges are mirrored."""
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
    """``images`` shrunk to ``factor`` (0 to 1) of their size with antialiasing, then enlarged."""
    height, width = images.shape[2:]
    smaller = (max(1, round(height * factor)), max(1, round(width * factor)))
    shrunk = F.interpolate(images, smaller, mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(shrunk, (height, width), mode="bilinear", align_corners=False)


def degrade(images: Tensor, source: torch.Generator) -> Tensor:
    """A training batch (B, 3, H, W) in [-1, 1] with random degradations.

    The first quarter stays sharp, the second is blurred (sigma 0.3 to 1.3 pixels at 128), the third
    is shrunk to 0.4 to 0.8 of its size and enlarged, the fourth has both; all images get a random
    contrast, colour shift and noise of up to 0.05. The images of a quarter share their blur.
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
