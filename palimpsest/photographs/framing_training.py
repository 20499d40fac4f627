"""Training of the network that finds a face's square, on photographs pasted into backgrounds.

    training = FramingTraining(FramingRecipe(), photographs.training.images)
    train_with_progress(training, Path("photo_faces-framing.checkpoint.pt"))

Backgrounds are renders of the drawn worlds, and photographs of the set turned upside down or by a
quarter, which have the texture of photographs but no face as one stands. Windows that miss the
face's square by little are neither shown as right nor as wrong.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from palimpsest.photographs.framing import WINDOW, FramingNetwork, overlap
from palimpsest.photographs.settings import FramingRecipe
from palimpsest.training.renders import render_all
from palimpsest.training.resumable import Losses, ResumableTraining
from palimpsest.worlds import get_world

CANVAS = 128
"""Side of the composed pictures."""

WORLDS = ("church", "kitchen", "horse")

WARM_UP = 100
"""Steps over which the rate rises to its full height."""

CUT = 10
"""Windows cut from each composed picture: one is the face's square."""

ANYWHERE = 6
"""How many of them lie anywhere; the others lie around the face and miss its square."""

MISSING = 0.6
"""A window that overlaps the face's square by less than this misses it."""


class Windows(NamedTuple):
    """``windows`` (10 B, 1, 32, 32) in [-1, 1]; ``truth`` (10 B,), 1 for a face's square."""

    windows: Tensor
    truth: Tensor


def render_backgrounds(count: int, seed: int) -> np.ndarray:
    """Renders of the drawn worlds in turn, uint8 (count, 128, 128), grey."""
    parts = []
    for place, name in enumerate(WORLDS):
        world = get_world(name)
        n = len(range(place, count, len(WORLDS)))
        z = np.random.RandomState(seed).standard_normal((n, world.z_dim))
        parts.append(render_all(world, [[world.scene(z)]], CANVAS).images.mean(-1))
    return np.concatenate(parts).round().astype(np.uint8)


def compose(face: np.ndarray, background: np.ndarray, left: int, top: int, size: int) -> np.ndarray:
    """``face`` (S, S) at a place of ``background`` (H, W), float32 each, with a soft edge."""
    scaled = F.interpolate(
        torch.from_numpy(face)[None, None], (size, size), mode="bilinear", antialias=True
    )[0, 0].numpy()
    edge = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1
    mask = np.clip(np.minimum(edge[:, None], edge[None, :]) / (0.1 * size), 0, 1)
    made = background.copy()
    place = made[top : top + size, left : left + size]
    place += mask * (scaled - place)
    return made


class ComposedWindows(Dataset):
    """The windows of each step, from a random stream of its own, (seed, step)."""

    def __init__(self, recipe: FramingRecipe, photographs: np.ndarray) -> None:
        """``photographs``: uint8 (N, S, S)."""
        self.recipe, self.photographs = recipe, photographs
        self.renders = render_backgrounds(recipe.backgrounds, recipe.seed)

    def __getitem__(self, step: int) -> Windows:
        stream = np.random.RandomState([self.recipe.seed, step])
        windows, truth = [], []
        for _ in range(self.recipe.batch):
            size = stream.randint(40, 100)
            left, top = stream.randint(0, CANVAS - size, size=2)
            canvas = compose(self._face(stream), self.background(stream), left, top, size)
            own = np.array([left, top, size], float)
            near = own + size * np.array([*stream.uniform(-0.03, 0.03, 2), 0])
            near[2] *= stream.uniform(0.96, 1.05)
            wrong = [_elsewhere(stream, own, wide=i < ANYWHERE) for i in range(CUT - 1)]
            chosen = np.stack([near, *wrong])
            windows.append(_cut(torch.from_numpy(canvas), chosen))
            truth += [1.0, *[0.0] * (CUT - 1)]
        factor = stream.uniform(0.7, 1.2, (len(truth), 1, 1, 1))
        noise = 0.04 * stream.standard_normal((len(factor), 1, WINDOW, WINDOW))
        changed = torch.cat(windows) * torch.from_numpy(factor.astype(np.float32))
        changed = (changed + torch.from_numpy(noise.astype(np.float32))).clamp(-1, 1)
        return Windows(changed, torch.tensor(truth))

    def _face(self, stream: np.random.RandomState) -> np.ndarray:
        face = self.photographs[stream.randint(len(self.photographs))]
        return (face[:, ::-1] if stream.rand() < 0.5 else face).astype(np.float32) / 127.5 - 1

    def background(self, stream: np.random.RandomState) -> np.ndarray:
        """float32 (128, 128) in [-1, 1]: a render, or four photographs turned."""
        if stream.rand() < 0.6:
            chosen = self.renders[stream.randint(len(self.renders))]
            return chosen.astype(np.float32) / 127.5 - 1
        quarters = [np.rot90(self._face(stream), stream.randint(1, 4)) for _ in range(4)]
        whole = np.block([quarters[:2], quarters[2:]])
        start = (stream.randint(len(whole)), stream.randint(len(whole)))
        factor = CANVAS / len(whole)
        rolled = torch.from_numpy(np.roll(whole, start, (0, 1)).copy())
        return F.interpolate(rolled[None, None], scale_factor=factor, mode="area")[0, 0].numpy()


class FramingTraining(ResumableTraining):
    """A training run on ``photographs``, uint8 (N, S, S)."""

    def __init__(self, recipe: FramingRecipe, photographs: np.ndarray) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.network = FramingNetwork()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.rate)
        super().__init__(
            recipe.steps,
            {**recipe.model_dump(mode="json"), "photographs": len(photographs)},
            ComposedWindows(recipe, photographs),
            {"network": self.network, "optimizer": self.optimizer},
        )

    def update(self, batch: Windows) -> Losses:
        """One step of Adam; returns the cross entropy and the share of wrong windows."""
        warm = min(1.0, (self.step + 1) / WARM_UP)
        fall = 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * warm * fall
        logits = self.network(batch.windows)
        loss = F.binary_cross_entropy_with_logits(logits, batch.truth)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        wrong = (logits.detach() > 0) != (batch.truth > 0.5)
        return {"entropy": float(loss.detach()), "wrong": float(wrong.float().mean())}

    def finished(self) -> FramingNetwork:
        """The network with its provenance, ready for use."""
        self.network.facts = {
            "recipe": self.recipe.model_dump(mode="json"),
            "photographs": self.recipe_facts["photographs"],
            "seconds": round(self.seconds),
            "curve": self.curve,
        }
        return self.network.eval()


def _elsewhere(stream: np.random.RandomState, own: np.ndarray, wide: bool) -> np.ndarray:
    """A window (3,) that misses the square ``own``: anywhere, or beside and around it."""
    while True:
        if wide:
            size = stream.uniform(20, CANVAS)
            left, top = stream.uniform(0, CANVAS - size, 2)
        else:
            size = own[2] * math.exp(stream.uniform(-0.8, 0.6))
            left, top = own[:2] + (own[2] - size) / 2 + own[2] * stream.uniform(-0.5, 0.5, 2)
        window = np.array([left, top, size])
        if overlap(own[None], window)[0] < MISSING:
            return window


def _cut(canvas: Tensor, windows: np.ndarray) -> Tensor:
    """Windows (n, 3) of the picture ``canvas`` (H, W), as (n, 1, 32, 32); edges are reflected."""
    side = canvas.shape[-1]
    steps = (torch.arange(2 * WINDOW) + 0.5) / (2 * WINDOW)
    left, top, size = torch.from_numpy(windows.astype(np.float32)).unbind(1)
    x, y = (2 * (at[:, None] + size[:, None] * steps) / side - 1 for at in (left, top))
    n = len(windows)
    grid = torch.stack(
        [x[:, None, :].expand(n, len(steps), -1), y[:, :, None].expand(n, -1, len(steps))], dim=-1
    )
    cut = F.grid_sample(
        canvas[None, None].expand(n, -1, -1, -1),
        grid,
        padding_mode="reflection",
        align_corners=False,
    )
    return F.avg_pool2d(cut, 2)


def grade_framing(
    network: FramingNetwork, photographs: np.ndarray, n: int, seed: int = 990_000_001
) -> dict[str, float]:
    """How well ``network`` finds ``n`` of the ``photographs`` in larger pictures of 512 pixels.

    ``found``: share whose square it overlaps by half (intersection over union); ``overlap``: the
    median overlap. Backgrounds are renders and turned photographs that training did not draw.
    """
    recipe = FramingRecipe(seed=seed, backgrounds=60)
    composed = ComposedWindows(recipe, photographs)
    stream = np.random.RandomState(seed)
    overlaps = []
    for i in range(n):
        face = photographs[i * len(photographs) // n].astype(np.float32) / 127.5 - 1
        size = stream.randint(100, 400)
        left, top = stream.randint(0, 4 * CANVAS - size, size=2)
        ground = torch.from_numpy(composed.background(stream))[None, None]
        ground = F.interpolate(ground, scale_factor=4, mode="bilinear")[0, 0].numpy()
        pixels = compose(face, ground, left, top, size)
        picture = Image.fromarray(((pixels + 1) * 127.5).clip(0, 255).round().astype(np.uint8))
        box = network.find(picture)
        own = np.array([left, top, size], float)
        overlaps.append(overlap(own[None], np.array([box.left, box.top, box.size], float))[0])
    return {
        "photographs": n,
        "found": round(float(np.mean(np.array(overlaps) > 0.5)), 4),
        "overlap": round(float(np.median(overlaps)), 4),
    }
