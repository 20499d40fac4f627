"""Grade a critic: does it prefer a world's counterfactual to a ghost, a blur and a collage?

    grade_critic(critic, get_world("church"), n=200)
    # [{"kind": "ghost", "right": 190, "n": 200, ...}, ...]

For every new rule of the world, scenes are rendered as they are and under the rule. The place of
the change is where the two differ. There, the counterfactual is compared with three spoilt
versions: *ghost*, the mean of both renders; *blur*, the counterfactual blurred; *collage*, the same
place of another scene. The critic is right where its drop is smaller for the counterfactual. None
of the three was seen in training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.estimates.intervals import wilson
from palimpsest.generators.pictures import as_input
from palimpsest.instruments.critics.critic import Critic
from palimpsest.training.degradation import blur
from palimpsest.training.renders import GRADING_STREAM
from palimpsest.worlds.scene import World

KINDS = ("ghost", "blur", "collage")

BLURRED = 2.5
"""Sigma of the blurred place, in pixels of a 128-pixel image."""

LEAST_CHANGE = 0.1
"""Change of a pixel, mean over channels in [0, 2], from which on it belongs to the place."""

BATCH = 16


def spoilt_versions(before: Tensor, after: Tensor, place: Tensor) -> dict[str, Tensor]:
    """The three spoilt versions (B, 3, R, R) of ``after``, spoilt within ``place`` (B, R, R)."""
    soft = blur(after, BLURRED * after.shape[-1] / 128)
    inside = place[:, None]
    made = {"ghost": (before + after) / 2, "blur": soft, "collage": before.roll(1, 0)}
    return {kind: torch.where(inside, made[kind], after) for kind in KINDS}


def grade_critic(
    critic: Critic, world: World, n: int = 200, resolution: int = 128, seed: int = GRADING_STREAM
) -> list[dict[str, Any]]:
    """One entry for each new rule and kind: ``rule``, ``kind``, ``right`` of ``n`` scenes, the
    ``share`` with its interval, and the mean drops of the counterfactual and the spoilt version.

    ``n``: scenes of the ``seed`` that each rule changes visibly.
    """
    found = []
    for rule in world.counterfactuals:
        drops = _drops(critic, world, rule, n, resolution, seed)
        natural = drops.pop("counterfactual")
        for kind, spoilt in drops.items():
            right = int((natural < spoilt).sum())
            share = wilson(right, len(natural))
            found.append(
                {
                    "rule": rule,
                    "kind": kind,
                    "right": right,
                    "n": len(natural),
                    "share": share.estimate,
                    "share_low": share.low,
                    "share_high": share.high,
                    "counterfactual_drop": float(natural.mean()),
                    "spoilt_drop": float(spoilt.mean()),
                }
            )
    return found


def _drops(
    critic: Critic, world: World, rule: str, n: int, resolution: int, seed: int
) -> dict[str, np.ndarray]:
    """Drops (n,) of the counterfactual and of each spoilt version, at the place of the change."""
    parts: dict[str, list[Tensor]] = {name: [] for name in ("counterfactual", *KINDS)}
    stream, count = np.random.RandomState(seed), 0
    while count < n:
        scene = world.scene(stream.standard_normal((8 * BATCH, world.z_dim)))
        after, changed = world.under_rule(rule, scene)
        chosen = np.flatnonzero(changed)[:BATCH]
        before = as_input(world.render(scene[chosen], resolution).images)
        natural = as_input(world.render(after[chosen], resolution).images)
        place = (natural - before).abs().mean(1) >= LEAST_CHANGE
        seen = place.any(2).any(1).nonzero().flatten()[: n - count]
        before, natural, place = before[seen], natural[seen], place[seen]
        versions = {"counterfactual": natural, **spoilt_versions(before, natural, place)}
        unspoilt = critic.naturalness(before)
        for name, images in versions.items():
            parts[name].append(critic.drop_of(unspoilt, critic.naturalness(images), place))
        count += len(seen)
    return {name: torch.cat(some).numpy() for name, some in parts.items()}
