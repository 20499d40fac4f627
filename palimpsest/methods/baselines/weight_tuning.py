"""What the paper compares with: weights tuned to the exemplar without a direction to keep to.

    tuned = tune_layer(generator, 6, goal, learning_rate=0.01, iterations=2001)
    tuned = tune_all(generator, paste_image(generator, session), distance)
    tuned.generator, tuned.loss_before, tuned.loss_after

`tune_layer` is `single_layer` of Table 2: the whole weight of the edited layer, on the same
feature goal as the low-rank methods. `tune_all` is `finetune_all`: every weight of the generator,
on the pasted picture (Eq. 3). Both leave the generator they are given as it was.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.generators import Generator, Layer, sample_z
from palimpsest.memory.goals import Goal
from palimpsest.memory.problem import cell_weights
from palimpsest.methods.baselines.pasting import PastedImage

Distance = Callable[[Tensor, Tensor], Tensor]
Steps = Callable[[Iterable[int]], Iterable[int]]

SMOOTH_SEED = 7
"""Seed of the samples on which `tune_all` may hold the generator to what it was."""


@dataclass(frozen=True)
class Tuned:
    """A generator with tuned weights, the loss before and after, and the seconds it took."""

    generator: Generator
    loss_before: float
    loss_after: float
    seconds: float


def tune_layer(
    generator: Generator,
    number: int,
    goal: Goal,
    learning_rate: float = 0.01,
    iterations: int = 2001,
    steps: Steps = iter,
) -> Tuned:
    """Adam on the whole weight of layer ``number``, on mean |v* - f(k*; W)|.

    Args:
        goal: keys k* and values v* of the exemplar, as the low-rank methods get them.
        steps: wraps the range of steps, for a progress bar such as tqdm.
    """
    began = time.perf_counter()
    layer = generator.layer(number)
    weight = layer.weight.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([weight], lr=learning_rate)
    with torch.no_grad():
        before = _feature_loss(layer, goal, weight).item()
    with torch.enable_grad():
        for _ in steps(range(iterations)):
            optimiser.zero_grad()
            _feature_loss(layer, goal, weight).backward()
            optimiser.step()
    with torch.no_grad():
        after = _feature_loss(layer, goal, weight).item()
    tuned = generator.with_weight(number, weight.detach())
    return Tuned(tuned, before, after, time.perf_counter() - began)


def _feature_loss(layer: Layer, goal: Goal, weight: Tensor) -> Tensor:
    """Mean of |v* - f(k*; W)| over channels and over cells as they count."""
    residual = (layer.values(goal.state, weight).v - goal.target).abs().mean(dim=1)  # (B, H', W')
    counts = cell_weights(goal)
    return (residual * counts).sum() / counts.sum()


def tune_all(
    generator: Generator,
    goal: PastedImage,
    distance: Distance,
    learning_rate: float = 1e-4,
    iterations: int = 2001,
    smooth_weight: float = 0.0,
    steps: Steps = iter,
) -> Tuned:
    """Adam on all weights, on ``distance(x*, G(z)) + mean |x* - G(z)|`` of the pasted picture.

    That is the paper's Eq. 3, L_constraint, with a perceptual distance that also sees colour. z and
    the noise inputs stay as they are. ``smooth_weight`` adds Eq. 2, L_smooth: the same distance
    between this and the original generator on one further sample a step. The paper's baseline
    minimises Eq. 3 alone, hence 0.

    Args:
        distance: two batches of pictures (B, 3, R, R) to a perceptual distance (B,).
        steps: wraps the range of steps, for a progress bar such as tqdm.
    """
    began = time.perf_counter()
    _ = generator.weights_sha256  # taken before the change, so that the copy names the same model
    tuned = copy.deepcopy(generator).requires_grad_(True)
    optimiser = torch.optim.Adam(tuned.parameters(), lr=learning_rate, fused=True)
    others = sample_z(generator, iterations, SMOOTH_SEED) if smooth_weight else None

    def loss(made: Tensor, wanted: Tensor) -> Tensor:
        return distance(made, wanted).mean() + (made - wanted).abs().mean()

    with torch.no_grad():
        before = loss(tuned(goal.z), goal.image).item()
    with torch.enable_grad():
        for step in steps(range(iterations)):
            optimiser.zero_grad()
            total = loss(tuned(goal.z), goal.image)
            if others is not None:
                z = others[step : step + 1]
                with torch.no_grad():
                    kept = generator(z)
                total = total + smooth_weight * loss(tuned(z), kept)
            total.backward()
            optimiser.step()
    tuned.requires_grad_(False)
    with torch.no_grad():
        after = loss(tuned(goal.z), goal.image).item()
    return Tuned(tuned, before, after, time.perf_counter() - began)
