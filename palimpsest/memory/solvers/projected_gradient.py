"""The paper's solver: Adam on the whole weight, projected onto the directions (section 3.4).

    W ← W₀ + P(W − W₀),   P(X) = X Dᵀ D along the input channels, all taps and outputs,

after every tenth step and the last. As in the original, projections do not reset Adam's moments.
Between projections the loss falls below what a projected weight reaches, so `Solution.losses` holds
the losses right after projections. These can stagnate, or end above the first one;
`low_rank_gradient` also projects each gradient, which prevents that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.memory.problem import Problem, Solution


def solve(
    problem: Problem,
    *,
    iterations: int = 2001,
    learning_rate: float = 0.05,
    project_every: int = 10,
    low_rank_gradient: bool = False,
    keep: str = "last",
) -> Solution:
    """Λ from projected gradient descent.

    Args:
        iterations, learning_rate, project_every, low_rank_gradient: see `descend`.
        keep: "last", as in the paper, or "best", the projected weight of lowest loss.

    Returns:
        ``losses`` of the projected weight: before the first step, after each projection, and at
        the end.
    """
    if keep not in ("last", "best"):
        raise ParameterError(f"keep = {keep!r}; it can be last or best")
    best_weight, best, projected = problem.weight, math.inf, []

    def note(weight: Tensor, loss: float) -> None:
        nonlocal best_weight, best
        projected.append(loss)
        if loss < best:
            best_weight, best = weight.clone(), loss

    weight, _ = descend(
        problem,
        iterations=iterations,
        learning_rate=learning_rate,
        project_every=project_every,
        low_rank_gradient=low_rank_gradient,
        on_projected=note,
    )
    note(weight, problem.loss(weight).item())
    kept = weight if keep == "last" else best_weight
    return Solution(problem.coefficients_of(kept), projected, {"loss_best": best})


class Tunable(Protocol):
    """An initial weight (M, N, kh, kw) and its loss, such as a `Problem`.

    ``directions`` (S, N) are needed only for projections.
    """

    weight: Tensor
    directions: Tensor | None

    def loss(self, weight: Tensor) -> Tensor: ...


def descend(
    problem: Tunable,
    *,
    iterations: int = 2001,
    learning_rate: float = 0.05,
    project_every: int | None = 10,
    low_rank_gradient: bool = False,
    on_projected: Callable[[Tensor, float], None] | None = None,
    steps: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> tuple[Tensor, list[float]]:
    """The weight (M, N, kh, kw) from Adam on the whole weight, and the loss before each step.

    Args:
        learning_rate: Adam's step size.
        project_every: steps between projections; None never projects and tunes the whole layer.
        low_rank_gradient: project the gradient before Adam uses it.
        on_projected: called with weight and loss for every projected weight.
        steps: wrapper of the range of steps, for a progress bar such as tqdm.

    Raises:
        ParameterError: iterations, learning rate or interval not positive, or an infinite loss.
    """
    if iterations < 1 or learning_rate <= 0 or (project_every is not None and project_every < 1):
        raise ParameterError(
            f"iterations = {iterations}, learning_rate = {learning_rate}, "
            f"project_every = {project_every}: each must be positive"
        )
    start = problem.weight
    weight = start.clone().requires_grad_(True)
    adam = torch.optim.Adam([weight], lr=learning_rate, fused=True)
    across = None if project_every is None else start - project(start, problem.directions)
    losses: list[float] = []
    within = True  # whether the weight's change is within the directions
    with torch.enable_grad():
        for step in steps(range(iterations)):
            loss = problem.loss(weight)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise ParameterError(
                    f"the loss is {losses[-1]} at step {step}; lower learning_rate"
                )
            if within and on_projected is not None:
                on_projected(weight.detach(), losses[-1])
            adam.zero_grad()
            loss.backward()
            with torch.no_grad():
                if low_rank_gradient:
                    weight.grad.copy_(project(weight.grad, problem.directions))
                adam.step()
                within = project_every is not None and (
                    step % project_every == 0 or step == iterations - 1
                )
                if across is not None and within:
                    weight.copy_(across + project(weight, problem.directions))
    return weight.detach(), losses


def project(weight: Tensor, directions: Tensor) -> Tensor:
    """P(X) = X Dᵀ D along the input channels of (M, N, kh, kw)."""
    within = torch.einsum("mnyx,sn->msyx", weight, directions)
    return torch.einsum("msyx,sn->mnyx", within, directions)
