"""Train a mini generator on a world: distil the renderer at growing resolutions.

A world's scene is a fixed function of z, so the target image of every z is known. The generator
learns G(z) → render(scene(z)) with the loss

    class-weighted L1 + 0.5 · L1 at three pooled scales + 0.7 · L1 of the gradients at three scales,

first at 16 pixels, then at twice that, and so on (`growing`). Scenes are rendered on demand, and
none is used twice. The scenes of step i come from the random stream (seed, i), so a run is a
function of its recipe and resumes from its last checkpoint bit for bit (`resumable`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from palimpsest.errors import WorldError
from palimpsest.generators.base import Generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.training.growing import grow
from palimpsest.training.interchange import Splices, plan_splices, slot_cells
from palimpsest.training.recipe import Recipe, recipe_facts, same_until
from palimpsest.training.resumable import Losses, ResumableTraining
from palimpsest.worlds.scene import World

RENDER_AT_LEAST = 32


class Batch(NamedTuple):
    """The scenes of one step.

    ``z`` (B, z_dim) float32; ``images`` uint8 (B, R, R, 3) and ``labels`` uint8 (B, R, R) of the
    scenes after the ``splices``, at the stage's resolution or a higher one.
    """

    z: Tensor
    images: Tensor
    labels: Tensor
    splices: Splices


class RenderedSteps(Dataset):
    """The batch of each step, rendered on demand."""

    def __init__(self, world: World, recipe: Recipe) -> None:
        self.world = world
        self.recipe = recipe

    def __getitem__(self, step: int) -> Batch:
        _, stage, _ = self.recipe.stage_at(step)
        stream = np.random.RandomState([self.recipe.seed, step])
        z = stream.standard_normal((stage.batch, self.world.z_dim))
        scene, splices = self.world.scene(z), Splices.none(stage.batch, len(self.world.slots))
        settings = self.recipe.interchange
        if settings is not None and stage.resolution >= settings.start:
            splices = plan_splices(self.world, settings, stage.batch, stream)
            scene = splices.scene(self.world, scene)
        drawn = self.world.render(scene, resolution=max(RENDER_AT_LEAST, stage.resolution))
        return Batch(
            torch.from_numpy(z.astype(np.float32)),
            torch.from_numpy(drawn.images),
            torch.from_numpy(drawn.labels),
            splices,
        )


def distillation_loss(made: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """The loss of the module's docstring, of images (B, 3, R, R) and ``weights`` (B, 1, R, R)."""
    loss = ((made - wanted).abs() * weights).mean()
    difference = made - wanted
    for scale in range(3):
        if scale:
            difference = F.avg_pool2d(difference, 2)
            loss = loss + 0.5 * difference.abs().mean()
        along_x = (difference[..., 1:] - difference[..., :-1]).abs().mean()
        along_y = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
        loss = loss + 0.7 * (along_x + along_y)
    return loss + 0.5 * F.avg_pool2d(difference, 2).abs().mean()


def render_targets(images: Tensor, weights: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
    """Images (B, 3, r, r) in [-1, 1] and weights (B, 1, r, r) at the ``resolution`` r.

    Made from uint8 ``images`` (B, R, R, 3) and ``weights`` (B, 1, R, R) by average pooling.
    """
    wanted = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    factor = wanted.shape[-1] // resolution
    if factor > 1:
        wanted, weights = F.avg_pool2d(wanted, factor), F.avg_pool2d(weights, factor)
    return wanted, weights


def class_weight_table(
    world: World, recipe: Recipe, instead: Mapping[str, float] | None = None
) -> Tensor:
    """Weight of each class of ``world`` in the L1 term, (classes,); ``instead`` replaces some.

    Raises `WorldError` for a class that the world does not have.
    """
    named = {**recipe.class_weights, **(instead or {})}
    if unknown := set(named) - set(world.classes):
        raise WorldError(f"class_weights name {sorted(unknown)}, not classes of {world.name}")
    return torch.tensor([named.get(name, 1.0) for name in world.classes])


def with_mean_latent(g: Generator, seed: int) -> Generator:
    """``g`` with the mean w of 4,096 samples of ``seed``, if it is a StyleGAN2."""
    if isinstance(g, StyleGAN2):
        stream = np.random.RandomState(seed)
        z = torch.from_numpy(stream.standard_normal((4096, g.z_dim)))
        with torch.no_grad():
            g.latent_avg.copy_(g.mapping(z.float()).mean(dim=0))
    return g


class Distillation(ResumableTraining):
    """A training run of one world's generator.

    ``student`` is trained, ``average`` is its exponential moving average. Stages that a checkpoint
    has not begun may differ from the recipe's, so a finished run can be given one more stage.

    Raises `WorldError` for a recipe that does not fit the world.
    """

    def __init__(self, world: World, recipe: Recipe) -> None:
        if max(stage.resolution for stage in recipe.stages) > recipe.resolution:
            raise WorldError("the recipe's stages go beyond the resolution of its channels")
        if recipe.interchange is not None and not world.slots:
            raise WorldError(f"the {world.name} world has no slots that scenes could interchange")
        self.world = world
        self.recipe = recipe
        self.student = grow(world, recipe)
        self.average = grow(world, recipe)
        self.optimizer = torch.optim.Adam(
            self.student.parameter_groups(), lr=recipe.rate, betas=(0.9, 0.99)
        )
        weights = [class_weight_table(world, recipe, one.class_weights) for one in recipe.stages]
        self.class_weights = torch.stack(weights)  # (stages, classes)
        super().__init__(
            recipe.steps,
            {"world": world.name, **recipe_facts(recipe)},
            RenderedSteps(world, recipe),
            {"student": self.student, "average": self.average, "optimizer": self.optimizer},
        )

    def about(self, step: int) -> dict[str, int]:
        return {"resolution": self.recipe.stage_at(step)[1].resolution}

    def begins_stage(self, step: int) -> bool:
        return self.recipe.stage_at(step)[2] == 0

    def continues(self, facts: Mapping[str, Any], step: int) -> bool:
        return same_until(step, facts, self.recipe_facts)

    def update(self, batch: Batch) -> Losses:
        """One step of Adam on the student, then of its average."""
        index, stage, _ = self.recipe.stage_at(self.step)
        weights = self.class_weights[index, batch.labels.long()][:, None]
        wanted, weights = render_targets(batch.images, weights, stage.resolution)
        rate = self.recipe.rate_at(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        with torch.autocast("cpu", torch.bfloat16):
            made = self._made(batch, stage.resolution)
        loss = distillation_loss(made.float(), wanted, weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self._average()
        return {"loss": loss.item()}

    def _made(self, batch: Batch, resolution: int) -> Tensor:
        if not batch.splices.slots.any():
            return self.student.image_at(batch.z, resolution)
        settings = self.recipe.interchange

        def spliced(v: Tensor) -> Tensor:
            boxes = slot_cells(self.world, v.shape[-1])
            return batch.splices.splice(v, settings.units, boxes)

        return self.student.image_at(batch.z, resolution, settings.layer, spliced)

    @torch.no_grad()
    def _average(self) -> None:
        # a young average follows quickly, otherwise it would keep the random start for long
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.student.parameters()), 1 - decay
        )

    def finished(self) -> Generator:
        """The averaged generator at the resolution reached so far, with its mean latent."""
        _, stage, _ = self.recipe.stage_at(max(self.step - 1, 0))
        return with_mean_latent(self.average.finished(stage.resolution), self.recipe.seed)
