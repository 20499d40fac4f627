"""The best rule that knows the truth: whether a rank-one rule that erases all marks exists at all.

    edit = oracle_rule(g, 5, get_world("church"), "remove_watermark", OracleSettings(), seed=1)

The world says which z shows the same scene without its marks, so every marked sample has a goal:
the image of that z. Direction and coefficients are both free, and images decide:

    E |G'(z) - G(z without marks)| over samples with marks
      + E |G'(z) - G(z)| over samples without

is minimised by Adam. No method has this knowledge; the row `oracle_rank_one` of Table 3 tells what
remains to be found. It does not prove that no better rule exists: it is where the descent ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.experiments.watermarks.settings import OracleSettings
from palimpsest.generators.base import Generator, KeyState
from palimpsest.generators.samples import sample_z
from palimpsest.memory import Edit
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
    weight_before = opened.weight
    states, wanted = _prepared(g, layer, z, goals.to(weight_before))
    groups = [np.flatnonzero(changed), np.flatnonzero(~changed)]

    start = torch.Generator().manual_seed(seed)
    width = weight_before.shape
    direction = torch.randn(1, width[1], generator=start) / width[1] ** 0.5
    coefficients = torch.zeros(width[0], 1, *width[2:])
    factors = [part.to(weight_before).requires_grad_(True) for part in (direction, coefficients)]
    scale = float(weight_before.std())
    optimizer = torch.optim.Adam(factors, lr=how.rate)
    stream = np.random.RandomState(seed)
    for step in range(how.steps):
        optimizer.param_groups[0]["lr"] = how.rate * (1 - step / how.steps) ** 0.5
        loss = weight_before.new_zeros(())
        for group in groups:
            picked = stream.choice(group, min(BATCH, len(group)), replace=False)
            weight = weight_before + scale * torch.einsum("msij,sn->mnij", factors[1], factors[0])
            made = opened.render(opened.values(states[picked.tolist()], weight))
            loss = loss + (made - wanted[picked]).abs().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if progress is not None:
            progress(step, float(loss.detach()))
    length = factors[0].detach().norm()
    told = {
        "layer": str(layer),
        "weights_sha256": g.weights_sha256,
        "truncation": f"{g.truncation:g}",
        "rank": "1",
        "solver": "oracle",
        "session": NAME,
        "oracle": json.dumps({"rule": rule, "loss": round(float(loss.detach()), 6)}),
    }
    return Edit(
        (factors[0].detach() / length).cpu(), (factors[1].detach() * scale * length).cpu(), told
    )


@torch.no_grad()
def _prepared(g: Generator, layer: int, z: Tensor, goals: Tensor) -> tuple[KeyState, Tensor]:
    """Keys of all samples at the layer, and the images (n, 3, R, R) of their goals."""
    wanted = torch.cat([g(part) for part in goals.split(BATCH)])
    return g.layer(layer).keys(z), wanted
