"""Train the backbone of `PhotographParts`: restore damaged photographs, and tell smiles.

    training = BackboneTraining(PhotographRecipe(), photographs.training)
    training.run(checkpoint=Path("backbone.checkpoint.pt"))
    backbone = training.finished()             # a `Backbone`; the decoder is left behind
    training.facts()

Two targets train it. A decoder that reads the backbone's maps draws the photograph as it was before
it was blurred, made noisy, tinted and covered with grey squares (mean absolute difference), so the
maps must hold what a face looks like. A linear layer on the coarsest map says whether it smiles.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from palimpsest.instruments.classifiers.photograph_training import plain, smile_loss
from palimpsest.instruments.segmenters.photograph_parts import Backbone, BackboneArchitecture
from palimpsest.training.instrument_recipes import PhotographRecipe
from palimpsest.training.photograph_batches import InstrumentPhotographs, LabelledPhotographs
from palimpsest.training.photographs import PhotographSet
from palimpsest.training.resumable import Losses
from palimpsest.training.supervised import SupervisedTraining, rate_at

SMILE_WEIGHT = 0.1
"""Weight of the smile's cross-entropy beside the mean absolute difference of the pixels."""

COVERED = 0.2
"""Share of an image's squares that are covered."""

SQUARE = 8
"""Pixels a side of a square."""

TINT = 0.3
"""Largest change of a channel's brightness by a tint; half of the photographs get one."""


class DamagedPhotographs(Dataset):
    """The batch of each step: tinted photographs, and the same damaged."""

    def __init__(self, recipe: PhotographRecipe, photographs: PhotographSet) -> None:
        self.seed, self.whole = recipe.seed, InstrumentPhotographs(recipe, photographs)

    def __getitem__(self, step: int) -> LabelledPhotographs:
        images, clean, smiling = self.whole[step]
        source = np.random.RandomState([self.seed, step, 1])
        tints = source.uniform(-TINT, TINT, (len(images), 3, 1, 1)).astype(np.float32)
        tints[::2] = 0  # which photographs these are is random already
        tint = torch.from_numpy(tints)
        grid = images.shape[-1] // SQUARE
        squares = source.random_sample((len(images), 1, grid, grid)) < COVERED
        covered = torch.from_numpy(squares.repeat(SQUARE, 2).repeat(SQUARE, 3))
        damaged = torch.where(covered, torch.zeros(()), images + tint)
        return LabelledPhotographs(damaged, clean + tint, smiling)


class Restoration(nn.Module):
    """Images (B, 3, H, W) to restored ones, (B, 3, H, W), and smile scores, (B,)."""

    def __init__(self, backbone: Backbone, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.backbone = backbone
        coarse_to_fine = widths[::-1]
        self.from_coarser = nn.ModuleList(
            nn.Conv2d(before, after, 1) for before, after in pairwise(coarse_to_fine)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
            )
            for width in coarse_to_fine[1:]
        )
        self.to_image = nn.Conv2d(widths[0], 3, 1)
        self.smile = nn.Linear(widths[-1], 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        *finer, x = self.backbone(images)
        scores = self.smile(x.mean((2, 3)))[:, 0]
        for narrow, block, beside in zip(
            self.from_coarser, self.blocks, reversed(finer), strict=True
        ):
            x = block(F.interpolate(narrow(x), scale_factor=2.0, mode="nearest") + beside)
        return self.to_image(x), scores


class BackboneTraining(SupervisedTraining):
    """A training run of the backbone on ``photographs``."""

    def __init__(
        self,
        recipe: PhotographRecipe,
        photographs: PhotographSet,
        architecture: BackboneArchitecture | None = None,
    ) -> None:
        self.architecture = architecture or BackboneArchitecture()
        self.shown = len(photographs)
        facts = {**recipe.model_dump(), "architecture": plain(self.architecture)}
        super().__init__(recipe, facts, DamagedPhotographs(recipe, photographs))

    def build(self) -> nn.Module:
        return Restoration(self.architecture.build(), self.architecture.widths)

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Mean absolute difference of restored and undamaged images (B, 3, H, W)."""
        return (predicted - truth).abs().mean()

    def update(self, batch: LabelledPhotographs) -> Losses:
        """One step of AdamW on both targets."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.recipe, self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            images = batch.images.contiguous(memory_format=torch.channels_last)
            restored, scores = self.network(images)
        drawn = self.loss(restored.float(), batch.clean)
        told = smile_loss(scores.float(), batch.smiling, self.recipe)
        self.optimizer.zero_grad(set_to_none=True)
        (drawn + SMILE_WEIGHT * told).backward()
        self.optimizer.step()
        return {"restoration": drawn.item(), "smile": told.item()}

    def finished(self) -> Backbone:
        """The backbone as trained so far."""
        return self.trained_network().backbone

    def facts(self) -> dict[str, Any]:
        targets = ["restoration of damaged photographs", "whether a photograph smiles"]
        return {"trained on": f"{self.shown} photographs", "targets": targets, **super().facts()}
