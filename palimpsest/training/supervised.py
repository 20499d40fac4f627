"""Training of instruments (segmenters, classifiers) on images whose truth is known.

    class Training(SupervisedTraining):
        def build(self): ...                    # the untrained network
        def loss(self, predicted, truth): ...

AdamW, whose rate warms up and then falls to 0 as a half cosine; bfloat16 in the forward pass. The
loop, its checkpoints and how it resumes: `resumable`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from palimpsest.training.instrument_recipes import (
    ClassifierRecipe,
    CriticRecipe,
    LetterRecipe,
    PhotographRecipe,
    SegmenterRecipe,
)
from palimpsest.training.resumable import Losses, ResumableTraining

InstrumentRecipe = (
    SegmenterRecipe | ClassifierRecipe | CriticRecipe | PhotographRecipe | LetterRecipe
)

WARM_UP = 100
"""Steps over which the rate rises to its full height."""


def rate_at(recipe: InstrumentRecipe, step: int) -> float:
    """The learning rate of a step: it warms up, then falls to 0 as a half cosine."""
    warm = min(1.0, (step + 1) / WARM_UP)
    return recipe.rate * warm * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


class SupervisedTraining(ResumableTraining):
    """A run of AdamW on batches of (images (B, C, R, R) in [-1, 1], truth)."""

    def __init__(
        self, recipe: InstrumentRecipe, recipe_facts: Mapping[str, Any], batches: Dataset
    ) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.network = self.build().to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay
        )
        parts = {"network": self.network, "optimizer": self.optimizer}
        super().__init__(recipe.steps, recipe_facts, batches, parts)

    @abstractmethod
    def build(self) -> nn.Module:
        """The untrained network of the recipe."""

    @abstractmethod
    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """The loss, a scalar, of the network's output ``predicted`` (float32) for a batch."""

    def update(self, batch: tuple[Tensor, Tensor]) -> Losses:
        """One step of AdamW."""
        images, truth = batch
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.recipe, self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            predicted = self.predicted(images)
        loss = self.loss(predicted.float(), truth)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.item()}

    def predicted(self, images: Tensor) -> Tensor:
        """The network's output for the ``images`` of a batch."""
        return self.network(images.contiguous(memory_format=torch.channels_last))

    def trained_network(self) -> nn.Module:
        """A copy of the network as trained so far."""
        network = self.build()
        network.load_state_dict(self.network.state_dict())
        return network

    def facts(self) -> dict[str, Any]:
        """Facts about the training for the finished file."""
        return {
            "recipe": self.recipe_facts,
            "seed": self.recipe.seed,
            "steps": self.step,
            "seconds": round(self.seconds),
            "curve": self.curve,
        }
