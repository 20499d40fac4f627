"""Train an attribute classifier on a world's renders, and grade it.

    training = AttributeTraining(get_world("face"), "smile", ClassifierRecipe(steps=800))
    training.run(checkpoint=Path("face-smile.checkpoint.pt"))
    classifier = training.finished()
    grade_classifier(classifier, get_world("face"), n=1000, blurred=0.7)

The world says whether a scene shows the attribute (`World.attribute_presence`). The loss is binary
cross-entropy with softened labels; the images are degraded as a generator's are (`degradation`) and
half of them mirrored. The run resumes from its checkpoint (`resumable`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from palimpsest.errors import ParameterError
from palimpsest.estimates.error_rates import Errors
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.classifiers.attribute_classifier import (
    AttributeArchitecture,
    AttributeClassifier,
)
from palimpsest.training.degradation import degrade
from palimpsest.training.instrument_recipes import ClassifierRecipe
from palimpsest.training.renders import GRADING_STREAM, held_out, render_all, training_scenes
from palimpsest.training.supervised import SupervisedTraining
from palimpsest.worlds.scene import Scene, World

SOFTENING = 0.02
"""Distance of a softened label from 0 or 1: with hard labels the scores would grow without end."""


class AttributeRenders(Dataset):
    """The batch of each step: images (B, 3, R, R) in [-1, 1], and labels (B,) float32, 0 or 1.

    ``images`` (n, R, R, 3) uint8: renders of the recipe's scenes; ``shown`` (n,) bool: which of
    them show the attribute.

    Raises `ParameterError` for an attribute that the world does not have, or that all or none of
    the scenes show.
    """

    def __init__(
        self,
        world: World,
        attribute: str,
        recipe: ClassifierRecipe,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.recipe = recipe
        lots = list(
            training_scenes(
                world, scenes=recipe.scenes, new_rules=recipe.new_rules, seed=recipe.seed
            )
        )
        self.shown = presence(world, [scene for lot in lots for scene in lot], attribute)
        self.images = render_all(world, lots, recipe.resolution, progress).images

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        stream = np.random.RandomState([self.recipe.seed, step])
        picked = stream.randint(len(self.images), size=self.recipe.batch)
        mirrored = torch.from_numpy(stream.random_sample(self.recipe.batch) < 0.5)
        source = torch.Generator().manual_seed(int(stream.randint(2**31)))
        images = as_input(self.images[picked])
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return degrade(images, source), torch.from_numpy(self.shown[picked]).float()


class AttributeTraining(SupervisedTraining):
    """A training run of an attribute's classifier; ``progress`` gets the number of scenes rendered.

    Raises `ParameterError` as `AttributeRenders`.
    """

    def __init__(
        self,
        world: World,
        attribute: str,
        recipe: ClassifierRecipe,
        progress: Callable[[int], None] | None = None,
        architecture: AttributeArchitecture | None = None,
    ) -> None:
        self.world = world
        self.attribute = attribute
        self.architecture = architecture or AttributeArchitecture()
        renders = AttributeRenders(world, attribute, recipe, progress)
        super().__init__(recipe, recipe_facts(world, attribute, recipe, self.architecture), renders)

    def build(self) -> nn.Module:
        return self.architecture.build()

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Binary cross-entropy of scores (B,) and softened labels (B,)."""
        softened = SOFTENING + (1 - 2 * SOFTENING) * truth
        return F.binary_cross_entropy_with_logits(predicted, softened)

    def finished(self) -> AttributeClassifier:
        """The classifier as trained so far, with the facts of its training."""
        return AttributeClassifier(
            self.trained_network(),
            self.architecture,
            self.world.name,
            self.attribute,
            self.recipe.resolution,
            self.facts(),
        )


def presence(world: World, scenes: list[Scene], attribute: str) -> np.ndarray:
    """Which of all ``scenes`` show the attribute, (n,) bool. Raises as `AttributeRenders`."""
    parts = []
    for scene in scenes:
        known = world.attribute_presence(scene)
        if attribute not in known:
            raise ParameterError(
                f"attribute = {attribute}; a scene of the {world.name} world shows: "
                f"{', '.join(known)}"
            )
        parts.append(known[attribute])
    shown = np.concatenate(parts)
    if shown.all() or not shown.any():
        raise ParameterError(
            f"attribute = {attribute}; {'all' if shown.all() else 'none'} of the {len(shown)} "
            "scenes show it, so a classifier cannot learn it"
        )
    return shown


def grade_classifier(
    classifier: AttributeClassifier,
    world: World,
    n: int = 1000,
    blurred: float = 0.0,
    seed: int = GRADING_STREAM,
) -> dict[str, float | int | None]:
    """Grades on ``n`` held-out renders, blurred by ``blurred`` pixels (sigma) first.

    Its `Errors` (accuracy, false positives and negatives with intervals) beside ``n``,
    ``resolution`` and ``blur``.
    """
    truth, predicted = [], []
    for scene, images, _ in held_out(world, n, classifier.resolution, blurred, seed):
        truth.append(world.attribute_presence(scene)[classifier.attribute])
        predicted.append(classifier.shows(images).numpy())
    errors = Errors.of(np.concatenate(truth), np.concatenate(predicted))
    return {"n": n, "resolution": classifier.resolution, "blur": blurred, **errors.facts()}


def recipe_facts(
    world: World, attribute: str, recipe: ClassifierRecipe, architecture: AttributeArchitecture
) -> dict:
    """The recipe as plain values, for the file's metadata and the checkpoint."""
    return {
        "world": world.name,
        "attribute": attribute,
        **recipe.model_dump(),
        "architecture": asdict(architecture) | {"widths": list(architecture.widths)},
    }
