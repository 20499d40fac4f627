"""Train a segmenter on a world's renders and their exact labels, and grade it.

    training = SegmenterTraining(get_world("church"), SegmenterRecipe(steps=2000))
    training.run(checkpoint=Path("church-segmenter.checkpoint.pt"))
    segmenter = training.finished()
    grades = grade_segmenter(segmenter, get_world("church"), n=1000, resolution=128)

The loss is cross-entropy with weights for rare classes plus soft Dice (Milletari et al. 2016) over
the classes of a batch; the images are degraded as a generator's are (`degradation`). Step i draws
its batch from stream (seed, i): a run is a function of its recipe, and a killed one goes on from
its checkpoint as if nothing had happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.artefacts import atomic_path
from palimpsest.errors import ParameterError
from palimpsest.instruments.agreement import confusion_matrix, intersection_over_union
from palimpsest.instruments.degradation import blur, degrade
from palimpsest.instruments.pictures import as_input
from palimpsest.instruments.segmenter import Architecture, Segmenter
from palimpsest.worlds.scene import Picture, Scene, World

GRADING_STREAM = 990_000_001
"""Seed of the scenes that grade a segmenter; training draws from pairs (seed, number)."""


@dataclass(frozen=True)
class SegmenterRecipe:
    """Everything a training run depends on.

    ``scenes``: how many are rendered, at ``resolution`` and at half of it; ``new_rules`` of them
    follow one of the world's counterfactuals, since what judges an edit must know what it makes
    (no tower bears a tree before there is a rule that puts it there). ``small_share`` of the
    steps see the half-size ones, twice as many of them (``batch`` is that of full size). ``rate``:
    AdamW's, warmed up for 100 steps, then a half cosine to 0. ``dice``: weight of the Dice term.
    """

    resolution: int = 128
    scenes: int = 6000
    new_rules: float = 0.25
    steps: int = 1600
    batch: int = 16
    small_share: float = 0.3
    rate: float = 4e-3
    weight_decay: float = 1e-3
    dice: float = 0.5
    seed: int = 1
    architecture: Architecture = Architecture()

    def rate_at(self, step: int) -> float:
        """The rate of a step."""
        warm = min(1.0, (step + 1) / 100)
        return self.rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.steps))


class SegmenterTraining:
    """A training run: `advance` it step by step, `save` and `resume` it at any step.

    Raises `ParameterError` for a recipe that is none.
    """

    def __init__(
        self,
        world: World,
        recipe: SegmenterRecipe,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        least = {"scenes": 1, "steps": 1, "batch": 4}
        for field, minimum in least.items():
            if getattr(recipe, field) < minimum:
                raise ParameterError(f"{field} = {getattr(recipe, field)}; at least {minimum}")
        if recipe.resolution not in (64, 128, 256):
            raise ParameterError(f"resolution = {recipe.resolution}; it can be 64, 128 or 256")
        self.world = world
        self.recipe = recipe
        self.pools = {
            size: render_pool(world, recipe, size, progress)
            for size in (recipe.resolution, recipe.resolution // 2)
        }
        self.class_weights = class_weights(self.pools[recipe.resolution].labels, len(world.classes))
        torch.manual_seed(recipe.seed)
        network = recipe.architecture.build(len(world.classes))
        self.network = network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay
        )
        self.step = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (B, 3, R, R) in [-1, 1], degraded, and labels (B, R, R) int64 of a step."""
        stream = np.random.RandomState([self.recipe.seed, step])
        small = stream.random_sample() < self.recipe.small_share
        pool = self.pools[self.recipe.resolution // (2 if small else 1)]
        picked = stream.randint(self.recipe.scenes, size=self.recipe.batch * (2 if small else 1))
        source = torch.Generator().manual_seed(int(stream.randint(2**31)))
        images = degrade(as_input(pool.images[picked]), source)
        return images, torch.from_numpy(pool.labels[picked]).long()

    def advance(self) -> float:
        """One step; returns its loss."""
        began = time.perf_counter()
        images, labels = self.batch(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate_at(self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(images.contiguous(memory_format=torch.channels_last))
        loss = segmentation_loss(logits.float(), labels, self.class_weights, self.recipe.dice)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.seconds += time.perf_counter() - began
        return loss.item()

    def run(
        self,
        checkpoint: Path | None = None,
        every: int = 100,
        minutes: float = math.inf,
        report: Callable[[int, float], None] | None = None,
    ) -> bool:
        """Train to the end, or for so many minutes; True if the end was reached.

        Writes a checkpoint every ``every`` steps and when it stops; ``report(step, loss)`` hears of
        each step.
        """
        until = time.monotonic() + 60 * minutes
        running: float | None = None
        while self.step < self.recipe.steps and time.monotonic() < until:
            loss = self.advance()
            running = loss if running is None else 0.98 * running + 0.02 * loss
            last = self.step == self.recipe.steps
            if self.step % 50 == 0 or last:
                self.curve.append({"step": self.step, "loss": round(running, 5)})
            if checkpoint is not None and (self.step % every == 0 or last):
                self.save(checkpoint)
            if report is not None:
                report(self.step, running)
        if checkpoint is not None:
            self.save(checkpoint)
        return self.step >= self.recipe.steps

    def save(self, path: Path) -> None:
        """Write a checkpoint that `resume` goes on from."""
        state = {
            "recipe": recipe_facts(self.world, self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint at ``path``.

        Raises `ParameterError` where it belongs to another recipe or world.
        """
        state = torch.load(path, weights_only=True)
        if state["recipe"] != recipe_facts(self.world, self.recipe):
            raise ParameterError(f"{path}: a checkpoint of another recipe; remove it to start anew")
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def finished(self) -> Segmenter:
        """The segmenter as trained so far, with the facts of its training."""
        architecture = self.recipe.architecture
        network = architecture.build(len(self.world.classes))
        network.load_state_dict(self.network.state_dict())
        facts = {
            "recipe": recipe_facts(self.world, self.recipe),
            "seed": self.recipe.seed,
            "steps": self.step,
            "seconds": round(self.seconds),
            "curve": self.curve,
        }
        return Segmenter(network, architecture, self.world.classes, self.world.name, facts)


def render_pool(
    world: World,
    recipe: SegmenterRecipe,
    resolution: int,
    progress: Callable[[int], None] | None = None,
) -> Picture:
    """The renders of a recipe at one size; ``progress`` is told how many more are done."""
    z = np.random.RandomState(recipe.seed).standard_normal((recipe.scenes, world.z_dim))
    parts = []
    for first in range(0, recipe.scenes, 100):
        scene = world.scene(z[first : first + 100])
        for part in _with_new_rules(world, scene, recipe.new_rules):
            parts.append(world.render(part, resolution))
        if progress is not None:
            progress(len(scene))
    return Picture(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _with_new_rules(world: World, scene: Scene, share: float) -> list[Scene]:
    """The scenes, of which the last ``share`` follow the world's counterfactuals in turn."""
    plain = len(scene) - round(share * len(scene)) if world.counterfactuals else len(scene)
    parts = [scene[:plain]]
    for number, changes in enumerate(world.counterfactuals.values()):
        chosen = scene[plain + number :: len(world.counterfactuals)]
        parts.append(chosen.with_(**changes))
    return [part for part in parts if len(part)]


def class_weights(labels: np.ndarray, classes: int) -> Tensor:
    """Weight of each class in the cross-entropy, (classes,): frequency to the power -1/2.

    The mean over pixels is 1; a class ten thousand times rarer than another does not outweigh it.
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
    z = np.random.RandomState(seed).standard_normal((n, world.z_dim))
    for first in range(0, n, 50):
        drawn = world.render(world.scene(z[first : first + 50]), resolution)
        labels = segmenter.segment(blur(as_input(drawn.images), blurred))
        table += confusion_matrix(drawn.labels, labels.numpy(), len(world.classes))
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


def recipe_facts(world: World, recipe: SegmenterRecipe) -> dict:
    """The recipe as plain values, for metadata and for telling checkpoints apart."""
    facts = asdict(recipe)
    facts["architecture"]["channels"] = list(recipe.architecture.channels)
    return {"world": world.name, "classes": list(world.classes), **facts}
