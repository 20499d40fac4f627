"""Train a critic on a generator's samples under random edits.

    training = CriticTraining(g, "church", segmenter, CriticRecipe(steps=1500), world)
    training.run(checkpoint=Path("church-critic.checkpoint.pt"))
    critic = training.finished()

A random edit pastes a random square of one image into another and inserts that as a rule, until
some cells change visibly. What it does is what edits that go wrong do: smears, ghosts, wrong
colours, torn outlines. Cells that changed are spoilt, all others are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from palimpsest.generators.base import Generator, KeyState, Layer
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.critics.critic import Critic, CriticArchitecture
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.training.instrument_recipes import CriticRecipe
from palimpsest.training.supervised import SupervisedTraining
from palimpsest.worlds.scene import World

STAGES = 4
"""Maps of the encoder that a critic reads."""

MOST = 0.98
"""Quantile of the cells' changes by which a random edit is scaled."""

SCALINGS = 3
"""Most times that a random edit is scaled."""

RIDGES = (0.03, 3.0)
"""Added to the second moment of a batch's keys, as a share of its mean eigenvalue: with little of
it an edit reaches hardly more than the place it was made for, with much of it half of the image."""

RIDGE_OF_TAPS = 0.05
"""Ridge of the least squares for the coefficients, relative to the number of cells."""


@torch.no_grad()
def random_edit(layer: Layer, state: KeyState, rank: int, source: torch.Generator) -> Tensor:
    """A random change of the weight (M, N, 3, 3) of ``layer``, which keeps the size of its maps.

    ``state``: keys of a batch. Each of ``rank`` parts takes a square of one image, the mean key
    there as direction, whitened with a random ridge, and the coefficients that give the square best
    (least squares) the values of a square of another image. All parts have the same norm.
    """
    keys, values = state.k, layer.values(state).v
    flat = keys.permute(0, 2, 3, 1).flatten(0, 2)
    moment = flat.T @ flat / len(flat)
    low, high = (math.log(ridge) for ridge in RIDGES)
    ridge = math.exp(low + (high - low) * float(torch.rand((), generator=source)))
    moment.diagonal().add_(ridge * moment.diagonal().mean())
    side = keys.shape[-1]

    def draw(count: int) -> int:
        return int(torch.randint(count, (), generator=source))

    def square(size: int) -> tuple[int, slice, slice]:
        top, left = draw(side - size + 1), draw(side - size + 1)
        return draw(len(keys)), slice(top, top + size), slice(left, left + size)

    change = torch.zeros_like(layer.weight)
    for _ in range(rank):
        size = 2 + draw(max(1, side // 3))
        (image, rows, columns), donor = square(size), square(size)
        direction = torch.linalg.solve(moment, keys[image, :, rows, columns].mean((1, 2)))
        matched = torch.einsum("nhw,n->hw", keys[image], direction)
        # (cells, 9): what each tap of the kernel reads at each cell of the square
        taps = F.unfold(matched[None, None], 3, padding=1)[0].unflatten(1, (side, side))
        taps = taps[:, rows, columns].flatten(1).T
        taps = taps / taps.abs().mean().clamp(min=1e-12)
        wanted = values[donor[0], :, donor[1], donor[2]] - values[image, :, rows, columns]
        normal = taps.T @ taps + RIDGE_OF_TAPS * len(taps) * torch.eye(taps.shape[1])
        found = torch.linalg.solve(normal, taps.T @ wanted.flatten(1).T).T.unflatten(1, (3, 3))
        part = found[:, None] * direction[None, :, None, None]
        change = change + part / part.norm().clamp(min=1e-12)
    return change


@torch.no_grad()
def scaled_edit(
    layer: Layer, state: KeyState, before: Tensor, change: Tensor, wanted: float
) -> Tensor:
    """Images (B, 3, R, R) under ``change``, scaled up until the cells that change most change by
    about ``wanted`` or more: the mean over channels in [0, 2], at the quantile `MOST`.

    ``before``: the images (B, 3, R, R) without it.
    """
    scale = 0.1 * float(layer.weight.norm())
    for _ in range(SCALINGS):
        after = layer.render(layer.values(state, layer.weight + scale * change))
        moved = F.avg_pool2d((after - before).abs().mean(1, keepdim=True), 4)
        reached = float(moved.flatten().quantile(MOST))
        if reached >= 0.7 * wanted:
            break
        scale *= min(6.0, wanted / max(reached, 1e-6))
    return after


class SpoiltSamples(Dataset):
    """The batch of each step: images (B, 3, R, R) in [-1, 1], and truth (B, r, r) float32.

    The truth is 1 in a cell that no edit spoilt, 0 in one that an edit did, and NaN between.
    ``cells``: r.
    """

    def __init__(self, g: Generator, recipe: CriticRecipe, world: World | None, cells: int) -> None:
        self.g, self.recipe, self.world, self.cells = g, recipe, world, cells
        self.layers = [number for number in recipe.layers if number in g.layers]

    @torch.no_grad()
    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        recipe = self.recipe
        stream = np.random.RandomState([recipe.seed, step])
        source = torch.Generator().manual_seed(int(stream.randint(2**31)))
        z = stream.standard_normal((recipe.batch, self.g.z_dim)).astype(np.float32)
        half, quarter = recipe.batch // 2, recipe.batch // 4
        layer = self.g.layer(self.layers[stream.randint(len(self.layers))])
        state = layer.keys(torch.from_numpy(z[:half]))
        before = layer.render(layer.values(state))
        rank = int(stream.randint(recipe.ranks[0], recipe.ranks[1] + 1))
        change = random_edit(layer, state, rank, source)
        after = scaled_edit(layer, state, before, change, float(stream.uniform(*recipe.changes)))
        spoilt = self._truth(before, after)
        if self.world is None:
            plain = self.g(torch.from_numpy(z[half:]))
        else:
            scene = self.world.scene(z[half : half + quarter])
            drawn = as_input(self.world.render(scene, self.g.resolution).images)
            plain = torch.cat([drawn, self.g(torch.from_numpy(z[half + quarter :]))])
        images = torch.cat([after, plain])
        mirrored = torch.from_numpy(stream.random_sample(len(images)) < 0.5)[:, None, None]
        truth = torch.cat([spoilt, torch.ones(len(plain), *spoilt.shape[1:])])
        images = torch.where(mirrored[:, None], images.flip(3), images)
        return images.clamp(-1.1, 1.1), torch.where(mirrored, truth.flip(2), truth)

    def _truth(self, before: Tensor, after: Tensor) -> Tensor:
        moved = (after - before).abs().mean(1, keepdim=True)
        moved = F.adaptive_avg_pool2d(moved, self.cells)[:, 0]
        truth = torch.where(moved >= self.recipe.spoilt, 0.0, 1.0)
        between = (moved > self.recipe.spoilt / 3) & (moved < self.recipe.spoilt)
        return truth.masked_fill(between, torch.nan)


class CriticTraining(SupervisedTraining):
    """A training run of the critic of ``model``, whose generator is ``g``."""

    def __init__(
        self,
        g: Generator,
        model: str,
        segmenter: Segmenter,
        recipe: CriticRecipe,
        world: World | None = None,
    ) -> None:
        self.model, self.segmenter = model, segmenter
        self.architecture = CriticArchitecture(segmenter.feature_channels[:STAGES])
        cells = g.resolution // 2 ** (1 + self.architecture.at)
        facts = {
            "model": model,
            "weights_sha256": g.weights_sha256,
            "segmenter": segmenter.name,
            "world": world.name if world else None,
            **recipe.model_dump(mode="json"),
            "architecture": _plain(asdict(self.architecture)),
        }
        super().__init__(recipe, facts, SpoiltSamples(g, recipe, world, cells))

    def build(self) -> nn.Module:
        return self.architecture.build()

    def predicted(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            maps = self.segmenter.features(images)
        return self.network(maps[:STAGES])

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Binary cross-entropy of scores (B, h, w), spoilt and unspoilt cells weighing the same."""
        known = ~truth.isnan()
        wanted = truth.nan_to_num()
        each = F.binary_cross_entropy_with_logits(predicted, wanted, reduction="none")
        sides = [known & (wanted == value) for value in (0.0, 1.0)]
        return sum((each * side).sum() / side.sum().clamp(min=1) for side in sides) / 2

    def finished(self) -> Critic:
        """The critic as trained so far, with the facts of its training."""
        return Critic(
            self.trained_network(), self.architecture, self.segmenter, self.model, self.facts()
        )


def _plain(facts: dict[str, object]) -> dict[str, object]:
    return {n: list(v) if isinstance(v, Sequence) else v for n, v in facts.items()}
