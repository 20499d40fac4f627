"""The input encoding of the mini generators: z together with soft thresholds.

A mini world is a fixed function of z: some attributes vary smoothly, others switch at a quantile
("a dome below 0.4"). A small mapping network learns steps slowly, so the input of a mini generator
holds, beside each u = Φ(z), a soft threshold for every switching point. This is the only difference
from the published networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SoftThresholds:
    """Encode z (B, z_dim) as (B, size): scaled u, a soft step for each threshold, and a constant.

    ``thresholds``: pairs (dimension of z, u in (0, 1)) where a choice switches. ``width``: of the
    soft step, in units of u. The constant keeps the encoding one-to-one through the normalisation
    at the mapping network's entry.
    """

    z_dim: int
    thresholds: tuple[tuple[int, float], ...]
    width: float = 0.01

    @property
    def size(self) -> int:
        """Numbers in the encoding of one sample."""
        return self.z_dim + len(self.thresholds) + 1

    def __call__(self, z: Tensor) -> Tensor:
        u = torch.special.ndtr(z)
        parts = [(2 * u - 1) * 3**0.5]
        if self.thresholds:
            dims = torch.tensor([d for d, _ in self.thresholds], device=z.device)
            at = torch.tensor([t for _, t in self.thresholds], dtype=z.dtype, device=z.device)
            parts.append(torch.tanh((u[:, dims] - at) / (2 * self.width)))
        parts.append(torch.ones_like(u[:, :1]))
        return torch.cat(parts, dim=1)
