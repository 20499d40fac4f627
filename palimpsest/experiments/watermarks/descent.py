"""A rank-one rule that a descent in images finds, its direction and its coefficients both free.

    edit, loss = descend(layer, changing, others, how, seed=1, solver="oracle", session="oracle")

From a small change of the layer's weight Adam lowers

    E |G'(z) - wanted image| over samples that are to change
      + E |G'(z) - wanted image| over others, which are to stay

and what is wanted decides what the rule is: the truth (`oracle`) or erased looks (`by_images`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from palimpsest.experiments.watermarks.settings import DescentSettings
from palimpsest.generators.base import Layer
from palimpsest.generators.identity import made_on
from palimpsest.memory import Edit
from palimpsest.memory.image_goals import ImageGoals
from palimpsest.memory.insert import named
from palimpsest.memory.problem import rank_change
from palimpsest.memory.statistics import versions


def descend(
    layer: Layer,
    changing: ImageGoals,
    others: ImageGoals,
    how: DescentSettings,
    seed: int,
    *,
    solver: str,
    session: str,
    direction: Tensor | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[Edit, float]:
    """The rank-one edit at the end of the descent, and its last loss.

    Args:
        seed: of the order of samples, and of the start if there is no ``direction`` (1, N).
        solver, session: for the edit's metadata.
        progress: called after each step with its number and the loss.
    """
    before = layer.weight.detach()
    m, n, *taps = before.shape
    if direction is None:
        start = torch.Generator().manual_seed(seed)
        direction = torch.randn(1, n, generator=start) / n**0.5
    scale = float(before.std())
    d = direction.to(before, copy=True).requires_grad_(True)
    coefficients = torch.zeros(m, 1, *taps).to(before).requires_grad_(True)
    optimiser = torch.optim.Adam([d, coefficients], lr=how.rate)
    stream = np.random.RandomState(seed)
    for step in range(how.steps):
        optimiser.param_groups[0]["lr"] = how.rate * (1 - step / how.steps) ** 0.5
        weight = before + scale * rank_change(coefficients, d)
        loss = before.new_zeros(())
        for goals in (changing, others):
            size = min(how.batch, len(goals))
            picked = stream.choice(len(goals), size, replace=False).tolist()
            loss = loss + goals.error(layer, weight, picked)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if progress is not None:
            progress(step, float(loss.detach()))
    length = d.detach().norm()
    told = {
        "layer": str(layer.number),
        "weights_sha256": layer.generator.weights_sha256,
        "truncation": f"{layer.generator.truncation:g}",
        "rank": "1",
        "solver": solver,
        "session": session,
        **made_on(layer.generator),
        **versions(),
        **named(layer),
    }
    edit = Edit((d.detach() / length).cpu(), (coefficients.detach() * scale * length).cpu(), told)
    return edit, float(loss.detach())
