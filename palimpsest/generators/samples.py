"""The standard samples: sample i is row i of one fixed stream, for any number of samples."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from palimpsest.generators.base import Generator


def standard_normal(n: int, dim: int, seed: int = 1) -> Tensor:
    """The first ``n`` standard samples of ``dim`` numbers, (n, dim) float32.

    Drawn as the original's z data set is (``RandomState(seed)``), so sample i is the same for
    any n.
    """
    if n < 1:
        raise ValueError(f"n = {n} samples asked for; at least 1 is needed")
    drawn = np.random.RandomState(seed).standard_normal(n * dim).reshape(n, dim)
    return torch.from_numpy(drawn.astype(np.float32))


def sample_z(generator: Generator, n: int, seed: int = 1) -> Tensor:
    """Standard samples for ``generator``: (n, z_dim) float32 (section 3 of the design)."""
    return standard_normal(n, generator.z_dim, seed)


def images_at_once(resolution: int, at_128: int) -> int:
    """How many images of ``resolution`` pixels take the memory of ``at_128`` of 128 pixels.

    At least one, and of smaller images no more than ``at_128``.
    """
    return max(1, min(at_128, at_128 * 128**2 // resolution**2))
