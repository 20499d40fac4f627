"""Train a segmenter on a world's renders and their exact labels, and grade it.

    training = SegmenterTraining(get_world("church"), SegmenterRecipe(steps=2000))
    training.run(checkpoint=Path("church-segmenter.checkpoint.pt"))
    segmenter = training.finished()
    grades = grade_segmenter(segmenter, get_world("church"), n=1000, resolution=128)

The loss is cross-entropy with weights for rare classes plus soft Dice (Milletari et al. 2016) over
the classes of a batch; the images are degraded as a generator's are (`degradation`). The run
resumes from its checkpoint (`resumable`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from palimpsest.estimates.label_agreement import confusion_matrix, intersection_over_union
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.world_segmenter import Architecture, WorldSegmenter
from palimpsest.training.degradation import degrade
from palimpsest.training.instrument_recipes import SegmenterRecipe
from palimpsest.training.renders import GRADING_STREAM, held_out, render_all, training_scenes
from palimpsest.training.supervised import SupervisedTraining
from palimpsest.worlds.scene import World


class LabelledRenders(Dataset):
    """The batch of each step: images (B, 3, R, R) in [-1, 1], and labels (B, R, R) int64.

    ``pools``: renders of the recipe's scenes at full and at half size, by size.
    """

    def __init__(
        self,
        world: World,
        recipe: SegmenterRecipe,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.recipe = recipe
        lots = list(
            training_scenes(
                world, scenes=recipe.scenes, new_rules=recipe.new_rules, seed=recipe.seed
            )
        )
        sizes = (recipe.resolution, recipe.resolution // 2)
        self.pools = {size: render_all(world, lots, size, progress) for size in sizes}

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        stream = np.random.RandomState([self.recipe.seed, step])
        small = stream.random_sample() < self.recipe.small_share
        pool = self.pools[self.recipe.resolution // (2 if small else 1)]
        picked = stream.randint(self.recipe.scenes, size=self.recipe.batch * (2 if small else 1))
        source = torch.Generator().manual_seed(int(stream.randint(2**31)))
        images = degrade(as_input(pool.images[picked]), source)
        return images, torch.from_numpy(pool.labels[picked]).long()


class SegmenterTraining(SupervisedTraining):
    """A training run of one world's segmenter; ``progress`` gets the number of scenes rendered."""

    def __init__(
        self,
        world: World,
        recipe: SegmenterRecipe,
        progress: Callable[[int], None] | None = None,
        architecture: Architecture | None = None,
    ) -> None:
        self.world = world
        self.architecture = architecture or Architecture()
        renders = LabelledRenders(world, recipe, progress)
        labels = renders.pools[recipe.resolution].labels
        self.class_weights = class_weights(labels, len(world.classes))
        super().__init__(recipe, recipe_facts(world, recipe, self.architecture), renders)

    def build(self) -> nn.Module:
        return self.architecture.build(len(self.world.classes))

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """`segmentation_loss` of logits (B, C, R, R) and labels (B, R, R)."""
        return segmentation_loss(predicted, truth, self.class_weights, self.recipe.dice)

    def finished(self) -> WorldSegmenter:
        """The segmenter as trained so far, with the facts of its training."""
        classes, name = self.world.classes, self.world.name
        return WorldSegmenter(
            self.trained_network(), self.architecture, classes, name, self.facts()
        )


def class_weights(labels: np.ndarray, classes: int) -> Tensor:
    """Weight of each class in the cross-entropy, (classes,): frequency to the power -1/2.

    The mean over pixels is 1; frequencies below 1e-4 count as 1e-4.
    """
    share = np.bincount(labels.ravel(), minlength=classes) / labels.size
    weights = np.maximum(share, 1e-4) ** -0.5
    return torch.from_numpy(weights / (weights * share).sum()).float()


def segmentation_loss(logits: Tensor, labels: Tensor, weights: Tensor, dice: float) -> Tensor:
    """Weighted cross-entropy plus ``dice`` times (1 - mean soft Dice of the classes present).

    ``logits`` (B, C, H, W), ``labels`` (B, H, W) int64, ``weights`` (C,).
    """
    entropy = F.cross_entropy(logits, labels, weight=weights)
    if not dice:
        return entropy
    probability = logits.softmax(1)
    truth = F.one_hot(labels, logits.shape[1]).permute(0, 3, 1, 2).to(probability.dtype)
    overlap = (probability * truth).sum((0, 2, 3))
    size, predicted = truth.sum((0, 2, 3)), probability.sum((0, 2, 3))
    score = 2 * overlap / (size + predicted).clamp(min=1e-6)
    return entropy + dice * (1 - score[size > 0].mean())


def grade_segmenter(
    segmenter: Segmenter,
    world: World,
    n: int = 1000,
    resolution: int = 128,
    blurred: float = 0.0,
    seed: int = GRADING_STREAM,
) -> dict[str, object]:
    """Grades on ``n`` held-out renders, blurred by ``blurred`` pixels (sigma) first.

    ``iou`` of each class and ``mean_iou`` over the classes, from the pixels of all images together
    (NaN becomes None: no such pixel), and ``pixel_accuracy``.
    """
    table = np.zeros((len(world.classes),) * 2, dtype=np.int64)
    for _, images, truth in held_out(world, n, resolution, blurred, seed):
        labels = segmenter.labels(images)
        table += confusion_matrix(truth, labels.numpy(), len(world.classes))
    iou = intersection_over_union(table)
    return {
        "n": n,
        "resolution": resolution,
        "blur": blurred,
        "mean_iou": float(np.nanmean(iou)),
        "pixel_accuracy": float(np.trace(table) / table.sum()),
        "iou": {
            name: None if math.isnan(value) else float(value)
            for name, value in zip(world.classes, iou, strict=True)
        },
    }


def recipe_facts(world: World, recipe: SegmenterRecipe, architecture: Architecture) -> dict:
    """The recipe as plain values, for the file's metadata and the checkpoint."""
    return {
        "world": world.name,
        "classes": list(world.classes),
        **recipe.model_dump(),
        "architecture": asdict(architecture) | {"channels": list(architecture.channels)},
    }
