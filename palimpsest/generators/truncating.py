"""The same generator at another truncation; all tensors are shared.

if can_truncate(g):
    other = with_truncation(g, 0.7)     # g stays as it is
"""

from __future__ import annotations

import copy
import math

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator
from palimpsest.generators.style_based import StyleBased


def can_truncate(g: Generator) -> bool:
    """Whether w can be pulled towards its mean: in a StyleGAN2 or 3 that knows its mean."""
    return isinstance(g, StyleBased) and bool(g.latent_avg.isfinite().all())


def with_truncation(g: Generator, truncation: float) -> Generator:
    """A generator with another ``truncation``, the factor on the distance of w from its mean.

    Raises `ParameterError` for a number that is not finite, and for a generator that cannot be
    truncated.
    """
    if not math.isfinite(truncation):
        raise ParameterError(f"truncation {truncation} is not a finite number")
    if truncation != g.truncation and not can_truncate(g):
        raise ParameterError(
            f"truncation {truncation:g} needs a StyleGAN2 or 3 that holds its mean latent, which "
            "this generator does not"
        )
    _ = g.model_sha256  # computed now, so that the copy keeps the hash of the loaded model
    other = copy.deepcopy(g, {id(t): t for t in (*g.parameters(), *g.buffers())})
    other.truncation = float(truncation)
    return other
