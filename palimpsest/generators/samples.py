"""The standard samples: sample i is row i of one random stream, for any number of samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from palimpsest.generators.base import Generator
from palimpsest.generators.classes import Classes, ClassStream


def standard_normal(n: int, dim: int, seed: int = 1) -> Tensor:
    """The first ``n`` standard samples of ``dim`` numbers, (n, dim) float32.

    Drawn from ``RandomState(seed)`` as the original's z data set, so sample i is the same for any
    ``n``. Raises `ValueError` for ``n`` below 1.
    """
    return torch.cat(list(standard_normal_batches(n, dim, seed, batch=n)))


def standard_normal_batches(n: int, dim: int, seed: int, batch: int) -> Iterator[Tensor]:
    """`standard_normal` in batches, so that memory does not depend on ``n``."""
    if n < 1:
        raise ValueError(f"n = {n} samples; at least 1 is needed")
    stream = np.random.RandomState(seed)
    for start in range(0, n, batch):
        drawn = stream.standard_normal((min(batch, n - start), dim))
        yield torch.from_numpy(drawn.astype(np.float32))


def sample_z(generator: Generator, n: int, seed: int = 1, classes: Classes = None) -> Tensor:
    """The first ``n`` standard samples for ``generator``, (n, z_dim) float32.

    Those of a class-conditional generator hold their classes too, (n, z_dim + classes): one for
    all, one for each, or (None) the generator's own class, or drawn by ``seed`` (`classes`). z does
    not depend on them. Raises `ParameterError` for a class that the generator does not have.
    """
    z = standard_normal(n, generator.z_dim, seed)
    return ClassStream(generator, seed, classes).append_to(z)


def z_batches(
    generator: Generator, n: int, seed: int, batch: int, classes: Classes = None
) -> Iterator[Tensor]:
    """`sample_z` in batches of ``batch`` rows; the last one may be smaller."""
    stream = ClassStream(generator, seed, classes)
    for z in standard_normal_batches(n, generator.z_dim, seed, batch):
        yield stream.append_to(z)


def images_at_once(resolution: int, at_128: int) -> int:
    """Batch size at ``resolution`` pixels that needs the memory of ``at_128`` images of 128 pixels.

    At least 1 and at most ``at_128``.
    """
    return max(1, min(at_128, at_128 * 128**2 // resolution**2))
