"""Train a mini StyleGAN2 on a world: distil the renderer, growing the resolution.

A world's scene is a fixed function of z, so the generator can be shown the very image that each z
stands for. It learns G(z) → render(scene(z)) with

    class-weighted L1 + 0.5 · L1 at three pooled scales + 0.7 · L1 of the gradients at three scales,

first at 16 pixels, then at twice that, and so on (Karras et al. 2018, section 2, with StyleGAN2's
skip connections in place of blending). Scenes are rendered as they are needed and none is shown
twice. Step i always sees the scenes of stream (seed, i), so a run is a function of its recipe, and
one that was killed goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from palimpsest.artefacts import atomic_path
from palimpsest.errors import WorldError
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import MAPPING_RATE, StyleGAN2
from palimpsest.worlds.scene import World

RENDER_AT_LEAST = 32


@dataclass(frozen=True)
class Stage:
    """Train at one resolution for a number of steps."""

    resolution: int
    steps: int
    batch: int


@dataclass(frozen=True)
class Recipe:
    """Everything a training run depends on.

    ``channels``: width at each resolution. ``rate``: Adam's rate until the last stage, where it
    falls as a half cosine to ``final_rate``. ``mapping_rate``: factor on it for the mapping
    network, in units that cancel StyleGAN2's own slowing of that network. ``class_weights``: weight
    of each class in the L1 term, 1 where none is given.
    """

    channels: Mapping[int, int]
    stages: tuple[Stage, ...]
    class_weights: Mapping[str, float]
    style_dim: int = 160
    mapping_layers: int = 4
    rate: float = 4e-3
    final_rate: float = 2e-4
    mapping_rate: float = 0.5
    ema: float = 0.998
    seed: int = 0

    @property
    def resolution(self) -> int:
        return max(self.channels)

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[int, Stage, int]:
        """Index of the stage that ``step`` belongs to, the stage, and the step's number in it."""
        for index, stage in enumerate(self.stages):
            if step < stage.steps:
                return index, stage, step
            step -= stage.steps
        raise ValueError(f"step {step} is past the end of the recipe")

    def rate_at(self, step: int) -> float:
        index, stage, within = self.stage_at(step)
        warm = min(1.0, (step + 1) / 100)
        if index < len(self.stages) - 1:
            return self.rate * warm
        fall = 0.5 * (1 + math.cos(math.pi * within / stage.steps))
        return (self.final_rate + (self.rate - self.final_rate) * fall) * warm


class RenderedSteps(Dataset):
    """The scenes of each step: z (B, z_dim), images and labels at the stage's size or above."""

    def __init__(self, world: World, recipe: Recipe) -> None:
        self.world = world
        self.recipe = recipe

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        _, stage, _ = self.recipe.stage_at(step)
        stream = np.random.RandomState([self.recipe.seed, step])
        z = stream.standard_normal((stage.batch, self.world.z_dim))
        drawn = self.world.render(
            self.world.scene(z), resolution=max(RENDER_AT_LEAST, stage.resolution)
        )
        return (
            torch.from_numpy(z.astype(np.float32)),
            torch.from_numpy(drawn.images),
            torch.from_numpy(drawn.labels),
        )


class StepsFrom(Sampler):
    """Step numbers from ``first`` to the end of the recipe."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.end))

    def __len__(self) -> int:
        return self.end - self.first


def new_generator(world: World, recipe: Recipe) -> StyleGAN2:
    """An untrained generator for ``world``; later to-RGB layers start small, to join smoothly."""
    torch.manual_seed(recipe.seed)
    encoding = SoftThresholds(world.z_dim, tuple(world.thresholds))
    g = StyleGAN2(
        recipe.resolution,
        recipe.channels,
        style_dim=recipe.style_dim,
        mapping_layers=recipe.mapping_layers,
        encoding=encoding,
    )
    g.noise = "none"
    with torch.no_grad():
        for to_rgb in g.to_rgbs:
            to_rgb.conv.weight.mul_(0.1)
    return g.to(memory_format=torch.channels_last)


def image_at(g: StyleGAN2, z: Tensor, resolution: int) -> Tensor:
    """The running RGB image at ``resolution``: the image of a network that has grown so far."""
    state = g.start(z)
    while True:
        values = g.layer(state.layer).values(state)
        if values.layer % 2 == 0 and values.v.shape[-1] == resolution:
            return g.running_image(values)
        state = g.advance(values)


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


class Distillation:
    """A training run: `advance` it step by step, `save` and `resume` it at any step."""

    def __init__(self, world: World, recipe: Recipe) -> None:
        if max(stage.resolution for stage in recipe.stages) > recipe.resolution:
            raise WorldError("the recipe's stages go beyond the resolution of its channels")
        unknown = set(recipe.class_weights) - set(world.classes)
        if unknown:
            raise WorldError(f"class_weights name {sorted(unknown)}, not classes of {world.name}")
        self.world = world
        self.recipe = recipe
        self.generator = new_generator(world, recipe)
        self.average = new_generator(world, recipe)
        mapping = list(self.generator.style.parameters())
        rest = [p for n, p in self.generator.named_parameters() if not n.startswith("style.")]
        self.optimizer = torch.optim.Adam(
            [{"params": rest}, {"params": mapping}], lr=recipe.rate, betas=(0.9, 0.99)
        )
        self.class_weights = torch.tensor(
            [recipe.class_weights.get(name, 1.0) for name in world.classes]
        )
        self.step = 0
        self.curve: list[dict[str, float]] = []
        self.seconds = 0.0

    def advance(self, z: Tensor, images: Tensor, labels: Tensor) -> float:
        """One step on a batch; returns its loss."""
        began = time.perf_counter()
        _, stage, _ = self.recipe.stage_at(self.step)
        wanted, weights = self._targets(images, labels, stage.resolution)
        rate = self.recipe.rate_at(self.step)
        for group, factor in zip(
            self.optimizer.param_groups, (1.0, self.recipe.mapping_rate / MAPPING_RATE), strict=True
        ):
            group["lr"] = rate * factor
        with torch.autocast("cpu", torch.bfloat16):
            made = image_at(self.generator, z, stage.resolution)
        loss = distillation_loss(made.float(), wanted, weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self._average()
        self.step += 1
        self.seconds += time.perf_counter() - began
        return loss.item()

    def _targets(self, images: Tensor, labels: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
        wanted = images.permute(0, 3, 1, 2).float() / 127.5 - 1
        weights = self.class_weights[labels.long()][:, None]
        factor = wanted.shape[-1] // resolution
        if factor > 1:
            wanted, weights = F.avg_pool2d(wanted, factor), F.avg_pool2d(weights, factor)
        return wanted, weights

    @torch.no_grad()
    def _average(self) -> None:
        # Young averages follow quickly, or the random start would be seen for long.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.generator.parameters()), 1 - decay
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint that `resume` goes on from."""
        state = {
            "recipe": recipe_facts(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint at ``path``. Raises `WorldError` for another recipe's."""
        state = torch.load(path, weights_only=True)
        if state["recipe"] != recipe_facts(self.recipe):
            raise WorldError(f"{path} is a checkpoint of another recipe; remove it to start anew")
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.generator.load_state_dict(state["generator"])
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
            loss = self.advance(*batch)
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

    def finished(self) -> StyleGAN2:
        """The averaged generator at the resolution trained so far, ready to ship."""
        _, stage, _ = self.recipe.stage_at(max(self.step - 1, 0))
        channels = {r: c for r, c in self.recipe.channels.items() if r <= stage.resolution}
        g = StyleGAN2(
            stage.resolution,
            channels,
            style_dim=self.recipe.style_dim,
            mapping_layers=self.recipe.mapping_layers,
            encoding=self.average.encoding,
        )
        held = self.average.state_dict()
        g.load_state_dict({name: held[name] for name in g.state_dict()})
        g.eval().requires_grad_(False)
        with torch.no_grad():
            z = torch.from_numpy(
                np.random.RandomState(self.recipe.seed).standard_normal((4096, g.z_dim))
            )
            g.latent_avg.copy_(g.mapping(z.float()).mean(dim=0))
        return g


def recipe_facts(recipe: Recipe) -> dict:
    """The recipe as plain numbers, for metadata and for telling checkpoints apart."""
    facts = asdict(recipe)
    facts["channels"] = {str(r): c for r, c in recipe.channels.items()}
    facts["class_weights"] = dict(recipe.class_weights)
    facts["stages"] = [asdict(stage) for stage in recipe.stages]
    return facts


def hardware() -> str:
    """Processor, threads and library of this process, for the record of a training run."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else platform.processor()
    return f"{model}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"
