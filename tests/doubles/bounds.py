"""Bounds that a test may hold on every processor (docs/testing.md).

Processors round differently, and a long descent turns rounding into other weights. What is promised
is the picture and the loss; an identity between two ways of computing is tested in float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

VISIBLE = 2 / 255 / 10
"""A tenth of an 8-bit step, for images in [-1, 1]: what nobody can see."""

EXACT = 1e-9
"""Largest difference of two ways to compute the same moderate values in float64."""

EARLY = 50
"""Steps that Adam takes before it has amplified the last bits to whole steps."""


def same_picture(found: Tensor, wanted: Tensor) -> bool:
    """Whether two batches of images, limited to [-1, 1], look the same."""
    difference = (found.clamp(-1, 1) - wanted.clamp(-1, 1)).abs().max().item()
    return found.shape == wanted.shape and difference < VISIBLE


def same_descent(found: list[float], wanted: Tensor) -> bool:
    """Whether two descents have the same losses: to 2e-4 early, to 5e-3 later.

    These are the tolerances that the golden files state (tests/golden/README.md).
    """
    apart = (torch.tensor(found).double() - wanted.double()).abs()
    return bool(apart[:EARLY].max() < 2e-4 and apart.max() < 5e-3)
