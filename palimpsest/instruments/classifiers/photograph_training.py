"""Train the smile classifier of photographs, and grade it on held-out ones.

    photographs = Photographs.read("faces.zip")
    training = SmileTraining(PhotographRecipe(), photographs.training)
    training.run(checkpoint=Path("smile.checkpoint.pt"))
    classifier = training.finished()
    grade_on_photographs(classifier, photographs.held_out, blurred=0.35)

The labels are those of the set: a person judged each photograph as smiling or not. The loss is
binary cross-entropy with softened labels; photographs are mirrored and shifted, and half of them
degraded as generated images are (`photograph_batches`). The run resumes from its checkpoint
(`resumable`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.estimates.error_rates import Errors
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.classifiers.contrast_network import ContrastArchitecture
from palimpsest.training.degradation import blur
from palimpsest.training.instrument_recipes import PhotographRecipe
from palimpsest.training.photograph_batches import (
    InstrumentPhotographs,
    LabelledPhotographs,
    grey_images,
)
from palimpsest.training.photographs import PhotographSet
from palimpsest.training.resumable import Losses
from palimpsest.training.supervised import SupervisedTraining


class SmileTraining(SupervisedTraining):
    """A training run of the smile classifier on ``photographs``."""

    def __init__(
        self,
        recipe: PhotographRecipe,
        photographs: PhotographSet,
        architecture: ContrastArchitecture | None = None,
    ) -> None:
        self.architecture = architecture or ContrastArchitecture()
        self.shown = len(photographs)
        facts = {**recipe.model_dump(), "architecture": plain(self.architecture)}
        super().__init__(recipe, facts, InstrumentPhotographs(recipe, photographs))

    def build(self) -> nn.Module:
        return self.architecture.build()

    def update(self, batch: LabelledPhotographs) -> Losses:
        return super().update((batch.images, batch.smiling))

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Binary cross-entropy of scores (B,) and softened labels (B,)."""
        return smile_loss(predicted, truth, self.recipe)

    def finished(self) -> AttributeClassifier:
        """The classifier as trained so far, with the facts of its training."""
        about = {"trained on": f"{self.shown} photographs and their labels, smiling or not"}
        side = self.architecture.side
        return AttributeClassifier(
            self.trained_network(), self.architecture, "", "smile", side, about | self.facts()
        )


def smile_loss(scores: Tensor, smiling: Tensor, recipe: PhotographRecipe) -> Tensor:
    """Binary cross-entropy, a scalar, of scores (B,) and labels (B,), softened and weighted."""
    softened = recipe.softening + (1 - 2 * recipe.softening) * smiling
    weight = 1 + (recipe.smiling_weight - 1) * smiling
    return F.binary_cross_entropy_with_logits(scores, softened, weight)


def grade_on_photographs(
    classifier: AttributeClassifier, held_out: PhotographSet, blurred: float = 0.0
) -> dict[str, float | int | None]:
    """Grades on held-out photographs, blurred by ``blurred`` pixels (sigma) first.

    Its `Errors` (accuracy, false positives and negatives with intervals) beside ``n``,
    ``resolution``, ``blur``, and ``balanced_accuracy``, the mean share right of either kind.
    """
    images = blur(grey_images(held_out.images), blurred)
    errors = Errors.of(held_out.smiling, classifier.shows(images).numpy())
    wrong = errors.false_positive.estimate + errors.false_negative.estimate
    return {
        "n": len(held_out),
        "resolution": classifier.resolution,
        "blur": blurred,
        "balanced_accuracy": 1 - wrong / 2,
        **errors.facts(),
    }


def plain(architecture: Any) -> dict[str, Any]:
    """The sizes of an architecture (a dataclass with ``widths``) as JSON values, as a checkpoint
    and a file's metadata hold them."""
    return asdict(architecture) | {"widths": list(architecture.widths)}
