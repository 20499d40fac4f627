"""Augmentation of photographs and generated images alike, as strong as overfitting asks for.

    strength = AugmentationStrength()
    images = augmented(images, strength.value)   # differentiable; each change hits that share
    strength.follow(sign, images=32)             # of each batch of photographs

After Karras et al., "Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020):
geometry (mirroring, turning, scaling, shifting) and colour (brightness, contrast), each applied to
an image with the probability ``strength``. Up to 0.8 they do not leak into generated images.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

MOST = 0.8
"""Strength above which changes would show in generated images."""

TARGET = 0.6
"""Mean sign of the discriminator's scores of photographs that counts as no overfitting."""

IMAGES_TO_FULL = 200_000
"""Images over which the strength may rise from 0 to 1."""

INTERVAL = 4
"""Batches between two changes of the strength."""


class AugmentationStrength:
    """The strength, as part of a training run: it rises where the discriminator overfits."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        self.signs: list[float] = []

    def follow(self, sign: float, images: int) -> None:
        """Take note of a batch: the mean ``sign`` of its photographs' scores, and its size."""
        self.signs.append(sign)
        if len(self.signs) < INTERVAL:
            return
        overfits = sum(self.signs) / len(self.signs) > TARGET
        step = INTERVAL * images / IMAGES_TO_FULL
        self.value = min(MOST, max(0.0, self.value + (step if overfits else -step)))
        self.signs = []

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "signs": list(self.signs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.value, self.signs = state_dict["value"], list(state_dict["signs"])


def augmented(images: Tensor, strength: float) -> Tensor:
    """``images`` (B, C, h, w) changed at random, from PyTorch's global random stream.

    Mirrored (half of the affected), turned by up to 15 degrees, scaled by 2 to the power of a
    normal number of deviation 0.1, shifted by up to an eighth; brightness shifted by a normal
    number of deviation 0.2, contrast scaled by 2 to the power of one of deviation 0.4.
    """
    if strength <= 0:
        return images
    batch, device = len(images), images.device

    def where(value: Tensor, else_value: float) -> Tensor:
        chosen = torch.rand(batch) < strength
        return torch.where(chosen, value, torch.full_like(value, else_value)).to(device)

    mirror = where(torch.where(torch.rand(batch) < 0.5, -1.0, 1.0), 1.0)
    angle = where((2 * torch.rand(batch) - 1) * math.pi / 12, 0.0)
    scale = where(torch.exp2(0.1 * torch.randn(batch)), 1.0)
    right = where((2 * torch.rand(batch) - 1) / 4, 0.0)  # of a half side: an eighth of the whole
    down = where((2 * torch.rand(batch) - 1) / 4, 0.0)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack([mirror * cos, -sin, right], 1), torch.stack([mirror * sin, cos, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    shift = where(0.2 * torch.randn(batch), 0.0)[:, None, None, None]
    contrast = where(torch.exp2(0.4 * torch.randn(batch)), 1.0)[:, None, None, None]
    return moved * contrast + shift
