"""A network whose late layers draw each place without its surroundings."""

from __future__ import annotations

import torch

from palimpsest.generators.progressive import ProgressiveGAN


def local_from(number: int) -> ProgressiveGAN:
    """A random network of 32 pixels whose cells ignore each other from layer ``number`` on."""
    torch.manual_seed(5)
    g = ProgressiveGAN(32, {4: 12, 8: 12, 16: 12, 32: 8}, z_dim=6).eval().requires_grad_(False)
    for late in range(number, g.last_layer + 1):
        weight = torch.zeros_like(g.layer(late).weight)
        weight[:, :, 1, 1] = g.layer(late).weight[:, :, 1, 1]
        g = g.with_weight(late, weight)
    return g
