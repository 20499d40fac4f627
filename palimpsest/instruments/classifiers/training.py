"""Train an attribute classifier on a world's renders, and grade it.

    training = AttributeTraining(get_world("face"), AttributeRecipe(attribute="smile"))
    training.run(checkpoint=Path("face-smile.checkpoint.pt"))
    classifier = training.finished()
    grade_classifier(classifier, get_world("face"), n=1000, blurred=0.7)

What an image shows is what its world says of the scene (`World.attribute_presence`). The loss is
binary cross-entropy with the truth softened a little; the images are degraded as a generator's are
(`degradation`) and half of them mirrored. A killed run goes on from its checkpoint (`resumable`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.estimates.error_rates import Errors
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.classifiers.attribute_classifier import (
    AttributeArchitecture,
    AttributeClassifier,
)
from palimpsest.training.degradation import degrade
from palimpsest.training.renders import GRADING_STREAM, held_out, training_scenes
from palimpsest.training.resumable import ResumableTraining, check_minima
from palimpsest.worlds.scene import World

SOFTENING = 0.02
"""The truth of a training image is this far from 0 or 1, so that scores do not grow without end."""


@dataclass(frozen=True)
class AttributeRecipe:
    """Everything a training run depends on; ``attribute`` is a thing that scenes show or not.

    ``new_rules``: share of the ``scenes`` that follow one of the world's counterfactuals.
    """

    attribute: str
    resolution: int = 128
    scenes: int = 4000
    new_rules: float = 0.25
    steps: int = 800
    batch: int = 32
    rate: float = 3e-3
    weight_decay: float = 1e-2
    seed: int = 1
    architecture: AttributeArchitecture = AttributeArchitecture()


class AttributeTraining(ResumableTraining):
    """A training run; how it goes on and stops stands in `ResumableTraining`.

    Raises `ParameterError` for a recipe that is none, such as an attribute that the world's scenes
    all have.
    """

    def __init__(
        self,
        world: World,
        recipe: AttributeRecipe,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        check_minima(recipe, {"scenes": 2, "steps": 1, "batch": 4})
        if recipe.resolution not in (32, 64, 128, 256):
            raise ParameterError(f"resolution = {recipe.resolution}; it can be 32, 64, 128 or 256")
        self.world = world
        self.images, self.shown = render_shown(world, recipe, progress)
        torch.manual_seed(recipe.seed)
        super().__init__(recipe.architecture.build(), recipe, recipe_facts(world, recipe))

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (B, 3, R, R) in [-1, 1], degraded, and whether they show it, (B,) float32."""
        stream = np.random.RandomState([self.recipe.seed, step])
        picked = stream.randint(len(self.images), size=self.recipe.batch)
        mirrored = torch.from_numpy(stream.random_sample(self.recipe.batch) < 0.5)
        source = torch.Generator().manual_seed(int(stream.randint(2**31)))
        images = as_input(self.images[picked])
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return degrade(images, source), torch.from_numpy(self.shown[picked]).float()

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Binary cross-entropy of scores (B,) against the softened truth (B,)."""
        softened = SOFTENING + (1 - 2 * SOFTENING) * truth
        return F.binary_cross_entropy_with_logits(predicted, softened)

    def finished(self) -> AttributeClassifier:
        """The classifier as trained so far, with the facts of its training."""
        recipe = self.recipe
        network = recipe.architecture.build()
        network.load_state_dict(self.network.state_dict())
        return AttributeClassifier(
            network,
            recipe.architecture,
            self.world.name,
            recipe.attribute,
            recipe.resolution,
            self.facts(),
        )


def render_shown(
    world: World, recipe: AttributeRecipe, progress: Callable[[int], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The renders of a recipe, (n, R, R, 3) uint8, and which show the attribute, (n,) bool.

    ``progress`` is told how many more are done. Raises `ParameterError` for an attribute that the
    world does not know, or that all or none of the scenes have.
    """
    lots = list(
        training_scenes(world, scenes=recipe.scenes, new_rules=recipe.new_rules, seed=recipe.seed)
    )
    shown = []
    for scene in (scene for lot in lots for scene in lot):
        told = world.attribute_presence(scene)
        if recipe.attribute not in told:
            known = ", ".join(told)
            raise ParameterError(
                f"attribute = {recipe.attribute}; a scene of the {world.name} world shows: {known}"
            )
        shown.append(told[recipe.attribute])
    truth = np.concatenate(shown)
    if truth.all() or not truth.any():
        raise ParameterError(
            f"attribute = {recipe.attribute}; {'all' if truth.all() else 'none'} of the "
            f"{len(truth)} scenes show it, so there is nothing to tell apart"
        )
    images = []
    for lot in lots:
        images += [world.render(scene, recipe.resolution).images for scene in lot]
        if progress is not None:
            progress(sum(map(len, lot)))
    return np.concatenate(images), truth


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
    truth, said = [], []
    for scene, images, _ in held_out(world, n, classifier.resolution, blurred, seed):
        truth.append(world.attribute_presence(scene)[classifier.attribute])
        said.append(classifier.shows(images).numpy())
    errors = Errors.of(np.concatenate(truth), np.concatenate(said))
    return {"n": n, "resolution": classifier.resolution, "blur": blurred, **errors.facts()}


def recipe_facts(world: World, recipe: AttributeRecipe) -> dict:
    """The recipe as plain values, for metadata and for telling checkpoints apart."""
    facts = asdict(recipe)
    facts["architecture"]["widths"] = list(recipe.architecture.widths)
    return {"world": world.name, **facts}
