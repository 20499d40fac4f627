"""Adam on the coefficients: argmin over Λ of ‖v* − f(k*; W₀ + Λ D)‖ (Eq. 17).

No projection is needed: the parametrisation allows no other change.
"""

from __future__ import annotations

import math

import torch

from palimpsest.errors import ParameterError
from palimpsest.memory.problem import Problem, Solution


def solve(problem: Problem, *, iterations: int = 2001, learning_rate: float = 0.05) -> Solution:
    """Λ from Adam, starting at zero; ``losses`` before each step and after the last.

    Raises:
        ParameterError: iterations or learning_rate not positive, or a loss that overflows.
    """
    if iterations < 1 or learning_rate <= 0:
        raise ParameterError(
            f"iterations = {iterations}, learning_rate = {learning_rate}: each must be positive"
        )
    start = problem.weight
    kernel = start.shape[2:]
    coefficients = start.new_zeros(len(start), problem.rank, *kernel).requires_grad_(True)
    adam = torch.optim.Adam([coefficients], lr=learning_rate, fused=True)
    losses: list[float] = []
    with torch.enable_grad():
        for step in range(iterations):
            loss = problem.loss(problem.weight_of(coefficients))
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise ParameterError(
                    f"the loss is {losses[-1]} at step {step}; lower learning_rate"
                )
            adam.zero_grad()
            loss.backward()
            adam.step()
    found = coefficients.detach()
    losses.append(problem.loss(problem.weight_of(found)).item())
    return Solution(found, losses, {})
