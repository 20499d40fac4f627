"""Generators whose layers take their style from a mapped latent w: StyleGAN2 and 3."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from torch import Tensor

from palimpsest.generators.base import Generator, KeyState


class StyleBased(Generator):
    """A generator with a mapping network from z to w, and w's mean ``latent_avg`` (style_dim,)."""

    latent_avg: Tensor
    latent_rows: int
    """Rows of an extended latent: a w for each layer."""
    mapping: Callable[[Tensor], Tensor]
    """z to w (B, style_dim), not truncated: a method, or a network."""

    @abstractmethod
    def start_from(self, latent: Tensor) -> KeyState:
        """Keys of the first layer for an extended latent (B, rows, style_dim)."""

    def latents(self, z: Tensor) -> Tensor:
        """z to the extended latent (B, rows, style_dim); all rows are the same truncated w."""
        w = self.mapping(z)
        if self.truncation != 1.0:
            w = self.latent_avg + self.truncation * (w - self.latent_avg)
        return w[:, None].expand(-1, self.latent_rows, -1)

    def start(self, z: Tensor) -> KeyState:
        return self.start_from(self.latents(z))
