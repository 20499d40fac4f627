"""Weights tuned to the exemplar without the constraint to directions: two baselines of the paper.

    tuned = tune_layer(generator, 6, goal, learning_rate=0.01, iterations=2001)
    tuned = tune_all(generator, paste_image(generator, session), distance)
    tuned.generator, tuned.loss_before, tuned.loss_after

`tune_layer` is `single_layer` of Table 2: the whole weight of the edited layer, on the same
feature goal as the low-rank methods. `tune_all` is `finetune_all`: every weight of the generator,
on the pasted picture (Eq. 3). Neither changes the generator that it is given.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.generators import Generator, Layer, sample_z
from palimpsest.generators.identity import Change, content_sha256
from palimpsest.instruments.distances.perceptual import PerceptualDistance, PreparedImages
from palimpsest.memory.goals import Goal
from palimpsest.memory.problem import cell_weights
from palimpsest.memory.solvers.projected_gradient import descend
from palimpsest.methods.baselines.pasting import PastedImage

Prepared = Tensor | PreparedImages
Distance = Callable[[Tensor, Prepared], Tensor]
Steps = Callable[[Iterable[int]], Iterable[int]]

SMOOTH_SEED = 7
"""Seed of the samples on which ``smooth_weight`` compares the tuned generator with the original."""


@dataclass(frozen=True)
class Tuned:
    """A generator with tuned weights, the loss before and after, and the seconds it took.

    ``layer``: the only one that was tuned; None if all were.
    """

    generator: Generator
    loss_before: float
    loss_after: float
    seconds: float
    layer: int | None = None


@dataclass(frozen=True)
class _WholeWeight:
    """The goal of one layer as `descend` takes it: mean |v* - f(k*; W)| of a weight W."""

    layer: Layer
    goal: Goal
    directions: None = None  # never projected

    @property
    def weight(self) -> Tensor:
        return self.layer.weight.detach()

    def loss(self, weight: Tensor) -> Tensor:
        """Mean over channels, then over cells by their weights."""
        values = self.layer.values(self.goal.state, weight).v
        residual = (values - self.goal.target).abs().mean(dim=1)  # (B, H', W')
        counts = cell_weights(self.goal)
        return (residual * counts).sum() / counts.sum()


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
        goal: keys k* and values v* of the exemplar, the same as for the low-rank methods.
        steps: wraps the range of steps, for a progress bar such as tqdm.

    Raises:
        ParameterError: no iterations, a learning rate that is not positive or makes the loss
            overflow.
    """
    began = time.perf_counter()
    problem = _WholeWeight(generator.layer(number), goal)
    weight, losses = descend(
        problem,
        iterations=iterations,
        learning_rate=learning_rate,
        project_every=None,
        steps=steps,
    )
    with torch.no_grad():
        after = problem.loss(weight).item()
    tuned = generator.with_weight(number, weight)
    return Tuned(tuned, losses[0], after, time.perf_counter() - began, number)


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
    the noise inputs are not changed. ``smooth_weight`` adds Eq. 2, L_smooth: the same distance
    between the tuned and the original generator, on one further sample in each step. The paper's
    baseline minimises Eq. 3 alone, hence the default 0.

    Args:
        distance: two batches of pictures (B, 3, R, R) to a perceptual distance (B,).
        steps: wraps the range of steps, for a progress bar such as tqdm.
    """
    began = time.perf_counter()
    _ = generator.model_sha256  # cached before the change, so that the copy names the same model
    tuned = copy.deepcopy(generator).requires_grad_(True)
    optimiser = torch.optim.Adam(tuned.parameters(), lr=learning_rate, fused=True)
    others = sample_z(generator, iterations, SMOOTH_SEED) if smooth_weight else None

    def loss(made: Tensor, wanted: Tensor, prepared: Prepared) -> Tensor:
        return distance(made, prepared).mean() + (made - wanted).abs().mean()

    with torch.no_grad():
        pasted = (goal.image, _prepared(distance, goal.image))
        before = loss(tuned(goal.z), *pasted).item()
    with torch.enable_grad():
        for step in steps(range(iterations)):
            optimiser.zero_grad()
            total = loss(tuned(goal.z), *pasted)
            if others is not None:
                z = others[step : step + 1]
                with torch.no_grad():
                    kept = generator(z)
                total = total + smooth_weight * loss(tuned(z), kept, kept)
            total.backward()
            optimiser.step()
    tuned.requires_grad_(False)
    digest = content_sha256(tuned.state_dict())
    tuned.changes = (*generator.changes, Change("weights", digest, name="all weights"))
    with torch.no_grad():
        after = loss(tuned(goal.z), *pasted).item()
    return Tuned(tuned, before, after, time.perf_counter() - began)


def _prepared(distance: Distance, images: Tensor) -> Prepared:
    """``images`` as ``distance`` takes them fastest: they are the same in every step."""
    return distance.prepare(images) if isinstance(distance, PerceptualDistance) else images
