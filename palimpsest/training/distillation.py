"""Train a mini generator on a world: distil the renderer, growing the resolution.

A world's scene is a fixed function of z, so the generator can be shown the very image that each z
stands for. It learns G(z) → render(scene(z)) with

    class-weighted L1 + 0.5 · L1 at three pooled scales + 0.7 · L1 of the gradients at three scales,

first at 16 pixels, then at twice that, and so on (`growing`). Scenes are rendered as they are
needed and none is shown twice. Step i always sees the scenes of stream (seed, i), so a run is a
function of its recipe, and one that was killed goes on from its last checkpoint as if nothing had
happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from palimpsest.errors import WorldError
from palimpsest.files.atomic import atomic_path
from palimpsest.generators.base import Generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.training.growing import grow
from palimpsest.training.interchange import Splices, plan_splices, slot_cells
from palimpsest.training.recipe import Recipe, Stage, recipe_facts, same_until
from palimpsest.worlds.scene import World

RENDER_AT_LEAST = 32


class Batch(NamedTuple):
    """The scenes of one step.

    ``z`` (B, z_dim) float32; ``images`` uint8 (B, R, R, 3) and ``labels`` uint8 (B, R, R), at the
    stage's size or above, of the scenes as they are after the ``splices``.
    """

    z: Tensor
    images: Tensor
    labels: Tensor
    splices: Splices


class RenderedSteps(Dataset):
    """The batch of each step."""

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


class StepsFrom(Sampler):
    """Step numbers from ``first`` to the end of the recipe."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.end))

    def __len__(self) -> int:
        return self.end - self.first


def distillation_loss(made: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """The loss of the module's docstring; images (B, 3, R, R), ``weights`` (B, 1, R, R)."""
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


def _targets(images: Tensor, weights: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
    """uint8 images (B, R, R, 3) as (B, 3, r, r) in [-1, 1], and weights (B, 1, R, R) as they are
    at that ``resolution`` r."""
    wanted = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    factor = wanted.shape[-1] // resolution
    if factor > 1:
        wanted, weights = F.avg_pool2d(wanted, factor), F.avg_pool2d(weights, factor)
    return wanted, weights


class Distillation:
    """A training run: `advance` it step by step, `save` and `resume` it at any step."""

    def __init__(self, world: World, recipe: Recipe) -> None:
        if max(stage.resolution for stage in recipe.stages) > recipe.resolution:
            raise WorldError("the recipe's stages go beyond the resolution of its channels")
        weights = [
            {**recipe.class_weights, **(stage.class_weights or {})} for stage in recipe.stages
        ]
        unknown = {name for named in weights for name in named} - set(world.classes)
        if unknown:
            raise WorldError(f"class_weights name {sorted(unknown)}, not classes of {world.name}")
        self.world = world
        self.recipe = recipe
        if recipe.interchange is not None and not world.slots:
            raise WorldError(f"the {world.name} world has no slots that scenes could interchange")
        self.student = grow(world, recipe)
        self.average = grow(world, recipe)
        self.optimizer = torch.optim.Adam(
            self.student.parameter_groups(), lr=recipe.rate, betas=(0.9, 0.99)
        )
        # (stages, classes)
        self.class_weights = torch.tensor(
            [[named.get(name, 1.0) for name in world.classes] for named in weights]
        )
        self.step = 0
        self.curve: list[dict[str, float]] = []
        self.seconds = 0.0

    def advance(self, batch: Batch) -> float:
        """One step on a batch; returns its loss."""
        began = time.perf_counter()
        index, stage, _ = self.recipe.stage_at(self.step)
        weights = self.class_weights[index, batch.labels.long()][:, None]
        wanted, weights = _targets(batch.images, weights, stage.resolution)
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
        self.step += 1
        self.seconds += time.perf_counter() - began
        return loss.item()

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
        # Young averages follow quickly, or the random start would be seen for long.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.student.parameters()), 1 - decay
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint that `resume` goes on from."""
        state = {
            "recipe": recipe_facts(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint at ``path``.

        Stages that it had not begun may be others, so that a finished run can be given one more.
        Raises `WorldError` for a checkpoint of another recipe.
        """
        state = torch.load(path, weights_only=True)
        if not same_until(state["step"], state["recipe"], recipe_facts(self.recipe)):
            raise WorldError(f"{path} is a checkpoint of another recipe; remove it to start anew")
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def batches(self, workers: int = 1) -> DataLoader:
        """The batches of all steps to come, rendered ahead by ``workers`` processes."""
        return DataLoader(
            RenderedSteps(self.world, self.recipe),
            batch_size=None,
            sampler=StepsFrom(self.step, self.recipe.steps),
            num_workers=workers,
            prefetch_factor=8 if workers else None,
        )

    def run(
        self,
        checkpoint: Path | None = None,
        every: int = 200,
        stop_at: int | None = None,
        workers: int = 1,
        report: Callable[[int, Stage, float], None] | None = None,
    ) -> None:
        """Train to the end, or to step ``stop_at``, checkpointing every ``every`` steps."""
        end = self.recipe.steps if stop_at is None else min(stop_at, self.recipe.steps)
        if self.step >= end:
            return
        running = None
        for batch in self.batches(workers):
            _, stage, within = self.recipe.stage_at(self.step)
            loss = self.advance(batch)
            running = loss if running is None or within == 0 else 0.98 * running + 0.02 * loss
            if self.step % 50 == 0:
                self.curve.append(
                    {"step": self.step, "resolution": stage.resolution, "loss": round(running, 5)}
                )
            if report is not None:
                report(self.step, stage, running)
            if checkpoint is not None and (self.step % every == 0 or self.step == end):
                self.save(checkpoint)
            if self.step >= end:
                return

    def finished(self) -> Generator:
        """The averaged generator at the resolution trained so far, ready to ship."""
        _, stage, _ = self.recipe.stage_at(max(self.step - 1, 0))
        g = self.average.finished(stage.resolution)
        if isinstance(g, StyleGAN2):
            stream = np.random.RandomState(self.recipe.seed)
            z = torch.from_numpy(stream.standard_normal((4096, g.z_dim)))
            with torch.no_grad():
                g.latent_avg.copy_(g.mapping(z.float()).mean(dim=0))
        return g
