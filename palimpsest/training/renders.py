"""Renders for training instruments, and held-out renders for grading them.

lots = list(training_scenes(world, scenes=6000, new_rules=0.25, seed=1))
picture = render_all(world, lots, 128)          # .images (n, R, R, 3) uint8, .labels (n, R, R)
for scene, images, labels in held_out(world, n=1000, resolution=128, blurred=0.7):
    ...                                 # images (B, 3, R, R) in [-1, 1], labels (B, R, R)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from torch import Tensor

from palimpsest.generators.pictures import as_input
from palimpsest.training.degradation import blur
from palimpsest.worlds.scene import Picture, Scene, World

GRADING_STREAM = 990_000_001
"""Seed of the scenes that grade an instrument; training uses small seeds."""

TUNING_STREAM = 980_000_003
"""Seed of the scenes that select thresholds; they are not used for training or grading."""

BLUR = 0.7
"""Sigma of the blurred renders for grading, in pixels at resolution 128."""


def training_scenes(
    world: World, *, scenes: int, new_rules: float, seed: int
) -> Iterator[list[Scene]]:
    """The scenes of a training set in lots of about a hundred, each lot a list of batches.

    The share ``new_rules`` of them follows the world's counterfactuals in turn: an instrument that
    judges an edit must have seen what the edit makes.
    """
    z = np.random.RandomState(seed).standard_normal((scenes, world.z_dim))
    for first in range(0, scenes, 100):
        yield _with_new_rules(world, world.scene(z[first : first + 100]), new_rules)


def render_all(
    world: World,
    lots: Iterable[list[Scene]],
    resolution: int,
    progress: Callable[[int], None] | None = None,
) -> Picture:
    """The renders of all ``lots``, in their order; ``progress`` gets the size of each lot."""
    parts = []
    for lot in lots:
        parts += [world.render(scene, resolution) for scene in lot]
        if progress is not None:
            progress(sum(map(len, lot)))
    return Picture(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _with_new_rules(world: World, scene: Scene, share: float) -> list[Scene]:
    """The scenes, of which the last ``share`` follow the world's counterfactuals in turn."""
    plain = len(scene) - round(share * len(scene)) if world.counterfactuals else len(scene)
    parts = [scene[:plain]]
    for number, changes in enumerate(world.counterfactuals.values()):
        chosen = scene[plain + number :: len(world.counterfactuals)]
        parts.append(chosen.with_(**changes))
    return [part for part in parts if len(part)]


def held_out_scenes(
    world: World, n: int, seed: int = GRADING_STREAM, batch: int = 50
) -> Iterator[Scene]:
    """``n`` held-out scenes, ``batch`` at a time."""
    z = np.random.RandomState(seed).standard_normal((n, world.z_dim))
    for first in range(0, n, batch):
        yield world.scene(z[first : first + batch])


def held_out(
    world: World, n: int, resolution: int = 128, blurred: float = 0.0, seed: int = GRADING_STREAM
) -> Iterator[tuple[Scene, Tensor, np.ndarray]]:
    """The held-out scenes with their renders, blurred by ``blurred`` pixels (sigma), and labels.

    Images are (B, 3, R, R) float32 in [-1, 1], labels (B, R, R) uint8.
    """
    for scene in held_out_scenes(world, n, seed):
        drawn = world.render(scene, resolution)
        yield scene, blur(as_input(drawn.images), blurred), drawn.labels
