"""Batches of photographs for instruments: mirrored, shifted, half of them degraded.

batches = InstrumentPhotographs(recipe, photographs.training)
images, clean, smiling = batches[step]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from palimpsest.training.degradation import degrade
from palimpsest.training.instrument_recipes import PhotographRecipe
from palimpsest.training.photographs import PhotographSet


class LabelledPhotographs(NamedTuple):
    """What one step sees: ``images`` (B, 3, R, R) in about [-1, 1], of which the second half is
    degraded; ``clean``, the same before that; ``smiling`` (B,) float32, 0 or 1."""

    images: Tensor
    clean: Tensor
    smiling: Tensor


class InstrumentPhotographs(Dataset):
    """The batch of each step, drawn from a random stream of its own, (seed, step)."""

    def __init__(self, recipe: PhotographRecipe, photographs: PhotographSet) -> None:
        self.recipe, self.photographs = recipe, photographs

    def __getitem__(self, step: int) -> LabelledPhotographs:
        recipe = self.recipe
        stream = np.random.RandomState([recipe.seed, step])
        picked = stream.randint(len(self.photographs), size=recipe.batch)
        mirrored = torch.from_numpy(stream.random_sample(recipe.batch) < 0.5)
        moves = stream.randint(2 * recipe.shift + 1, size=(recipe.batch, 2))
        source = torch.Generator().manual_seed(int(stream.randint(2**31)))
        images = grey_images(self.photographs.images[picked])
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        clean = shifted(images, moves, recipe.shift)
        smiling = torch.from_numpy(self.photographs.smiling[picked]).float()
        sharp, soft = clean.chunk(2)
        return LabelledPhotographs(torch.cat([sharp, degrade(soft, source)]), clean, smiling)


def grey_images(photographs: np.ndarray) -> Tensor:
    """uint8 (B, H, W), grey, to float32 (B, 3, H, W) in [-1, 1] with equal channels."""
    grey = torch.from_numpy(photographs)[:, None].float() / 127.5 - 1
    return grey.expand(-1, 3, -1, -1)


def shifted(images: Tensor, moves: np.ndarray, most: int) -> Tensor:
    """``images`` (B, C, H, W) moved by ``moves`` (B, 2) - ``most`` pixels; edges are mirrored."""
    height, width = images.shape[2:]
    padded = F.pad(images, (most,) * 4, mode="reflect")
    windows = [
        image[:, top : top + height, left : left + width]
        for image, (top, left) in zip(padded, moves.tolist(), strict=True)
    ]
    return torch.stack(windows)
