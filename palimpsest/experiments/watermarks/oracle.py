"""The best rule that knows the truth: whether a rank-one rule that erases all marks exists at all.

    edit = oracle_rule(g, 5, get_world("church"), "remove_watermark", OracleSettings(), seed=1)

The world says which z shows the same scene without its marks, so every marked sample has a goal:
the image of that z. Direction and coefficients are both free, and images decide:

    E |G'(z) - G(z without marks)| over samples with marks
      + E |G'(z) - G(z)| over samples without

is minimised by Adam (`descent`). No method has this knowledge; the row `oracle_rank_one` of Table 3
tells what remains to be found. It does not prove that no better rule exists: it is where the
descent ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.experiments.watermarks.descent import descend
from palimpsest.experiments.watermarks.settings import OracleSettings
from palimpsest.generators.base import Generator
from palimpsest.generators.samples import sample_z
from palimpsest.memory import Edit
from palimpsest.memory.image_goals import ImageGoals
from palimpsest.methods.choosing.judges import singly
from palimpsest.worlds.scene import World

NAME = "oracle_rank_one"

BATCH = 8


def oracle_rule(
    g: Generator,
    layer: int,
    world: World,
    rule: str,
    how: OracleSettings,
    seed: int,
    progress: Callable[[int, float], None] | None = None,
) -> Edit:
    """The rank-one edit of ``layer`` that a descent finds for the world's ``rule``.

    Args:
        rule: the counterfactual that every changed sample is to follow; its values must have a z.
        seed: of the samples and of the start.
        progress: called after each step with its number and the loss.

    Raises:
        ParameterError: a rule that changes none, or all, of the samples.
    """
    opened = g.layer(layer)
    z = sample_z(g, how.samples, seed)
    scene = world.scene(z.cpu().numpy())
    changed = world.under_rule(rule, scene)[1]
    if changed.all() or not changed.any():
        raise ParameterError(f"{rule} changes {changed.sum()} of {len(z)} samples; look at more")
    moved = world.latents_under(rule, z.cpu().numpy())
    goals = torch.where(
        torch.from_numpy(changed)[:, None], torch.from_numpy(moved).float(), z.cpu()
    )
    wanted = _wanted(g, layer, z, goals.to(opened.weight))
    changing, others = (_part(wanted, np.flatnonzero(group)) for group in (changed, ~changed))
    edit, loss = descend(
        opened, changing, others, how, seed, solver="oracle", session=NAME, progress=progress
    )
    told = {"oracle": json.dumps({"rule": rule, "loss": round(loss, 6)})}
    return replace(edit, metadata={**edit.metadata, **told})


@torch.no_grad()
def _wanted(g: Generator, layer: int, z: Tensor, goals: Tensor) -> ImageGoals:
    """Keys of all samples at the layer, and the images of their goals."""
    images = torch.cat([g(part) for part in goals.split(BATCH)])
    return ImageGoals.unweighted(singly(g.layer(layer).keys(z)), images)


def _part(goals: ImageGoals, numbers: np.ndarray) -> ImageGoals:
    states = tuple(goals.states[i] for i in numbers)
    return ImageGoals(states, goals.images[numbers], goals.weights[numbers])
