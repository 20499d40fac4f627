"""This project's solver: damped Gauss–Newton, independently for each output channel.

Within the directions, each output channel depends on 9 S separate coefficients (`subspace`), so an
edit is M independent problems

    min over Λₒ of  Σ ω |v* − valueₒ(Λₒ)| / M / L₀  +  μ · Λₒ (D C Dᵀ ⊗ 1) Λₒᵀ / E₀

solved as one batch; the L1 loss is handled by iterative reweighting. L₀ is the goal loss of the
unedited weight and E₀ = E‖W₀ k‖² over the keys of C, so μ has no unit: it is the λ of Eq. 5 times
E₀ / L₀, the weight of the relative change on all other keys against the relative goal loss. Without
this penalty some channels diverge, because demodulation leaves only the direction of Wₒ.

A step that does not lower a channel's objective is rejected and raises that channel's damping. The
result is the best Λ of each channel, zero included, so the goal loss never ends above its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.memory.problem import Problem, Solution
from palimpsest.memory.subspace import Subspace

LEAST_MU = 1e-6
"""Least penalty with demodulation, which leaves the size of some channels' Λ undetermined."""

BLOCK_NUMBERS = 8_000_000
"""Largest number of feature products to cache (64 MB); more are recomputed in blocks."""


def solve(
    problem: Problem, *, mu: float = 0.3, iterations: int = 30, start: Tensor | None = None
) -> Solution:
    """Λ from damped Gauss–Newton.

    Args:
        mu: weight of the relative change on other keys against the relative goal loss; at least
            1e-6 in a layer with demodulation.
        iterations: Gauss–Newton steps; 10 end within a few per cent of 60.
        start: initial coefficients (M, S, kh, kw); zero if None.

    Returns:
        ``losses``: goal loss of the best Λ so far, before the first step and after each.

    Raises:
        ParameterError: ``mu`` negative, or iterations not positive.
    """
    return Descent(problem).solve(mu, iterations, start)


@dataclass
class Descent:
    """A precomputed problem that can be solved for several values of ``mu``."""

    problem: Problem

    def __post_init__(self) -> None:
        self.sub = Subspace.of(self.problem)
        f = self.sub.features.shape[1]
        self.upper = torch.triu_indices(f, f)
        place = torch.empty(f, f, dtype=torch.long)
        place[self.upper[0], self.upper[1]] = torch.arange(self.upper.shape[1])
        place.T[self.upper[0], self.upper[1]] = torch.arange(self.upper.shape[1])
        # of each entry of a symmetric matrix its place among those on and above the diagonal
        self.place = place.flatten().to(self.sub.features.device)
        p = self.sub.features.shape[0]
        self.block = max(1, BLOCK_NUMBERS // self.upper.shape[1])
        self.products = self._products(slice(0, p)) if p <= self.block else None

    def solve(self, mu: float, iterations: int = 30, start: Tensor | None = None) -> Solution:
        """The solution for one ``mu``; see the function `solve`."""
        if mu < 0 or iterations < 1:
            raise ParameterError(
                f"mu = {mu} must not be negative, iterations = {iterations} be positive"
            )
        sub = self.sub
        m, f = sub.base.shape[0], sub.features.shape[1]
        zero = torch.zeros(m, f).to(sub.base)
        residual = sub.values(zero) - sub.target
        loss_zero = (residual.abs() @ sub.cell_weight).mean().item()
        if loss_zero == 0:
            return Solution(self._coefficients(zero), [0.0], {"mu": mu})
        # everything below is relative to the unedited loss of the mean channel
        price = mu if sub.is_linear else max(mu, LEAST_MU)
        penalty = sub.change_matrix * (price * m / self.problem.energy)
        omega = sub.cell_weight / loss_zero

        best = zero
        best_goal = residual.abs() @ omega  # (M,)
        best_objective = best_goal.clone()
        now = zero
        if start is not None:
            now = start.to(sub.base).reshape(m, f)
            residual = sub.values(now) - sub.target
        damping = torch.full((m,), 1e-3).to(sub.base)
        losses = [best_goal.mean().item() * loss_zero]
        for step in range(iterations):
            # |r| is smoothed near zero, less in each step: plain reweighting converges slowly there
            rounding = loss_zero * max(1e-3, 0.85**step)
            smooth = smooth_abs(residual, rounding) @ omega + quadratic(now, penalty)
            gradient, curvature = self._expand(now, residual, omega, rounding)
            gradient = gradient + 2 * now @ penalty
            curvature += 2 * penalty
            diagonal = curvature.diagonal(dim1=1, dim2=2)
            diagonal += (
                damping[:, None] * diagonal + 1e-12 * diagonal.amax(dim=1, keepdim=True) + 1e-30
            )
            factor, _ = torch.linalg.cholesky_ex(curvature)
            move = -torch.cholesky_solve(gradient[:, :, None], factor)[:, :, 0]
            tried = now + torch.nan_to_num(move, nan=0.0, posinf=0.0, neginf=0.0)
            tried_residual = sub.values(tried) - sub.target
            change = quadratic(tried, penalty)
            better = smooth_abs(tried_residual, rounding) @ omega + change < smooth
            now = torch.where(better[:, None], tried, now)
            residual = torch.where(better[:, None], tried_residual, residual)
            damping = torch.where(better, damping / 4, damping * 8).clamp(1e-7, 1e8)

            goal = residual.abs() @ omega
            objective = goal + quadratic(now, penalty)
            improved = objective < best_objective
            best = torch.where(improved[:, None], now, best)
            best_goal = torch.where(improved, goal, best_goal)
            best_objective = torch.where(improved, objective, best_objective)
            losses.append(best_goal.mean().item() * loss_zero)
        return Solution(self._coefficients(best), losses, {"mu": mu})

    def _coefficients(self, flat: Tensor) -> Tensor:
        return self.sub.unflatten(flat).to(self.problem.weight.dtype)

    def _expand(
        self, now: Tensor, residual: Tensor, omega: Tensor, rounding: float
    ) -> tuple[Tensor, Tensor]:
        """Gradient (M, F) and Gauss–Newton curvature (M, F, F) of Σ ω |r|, without the penalty.

        ∂value/∂Λ = α (S − pre · u), with α = slope · demod and u = demod² (b + G Λ) of the sample.
        """
        sub = self.sub
        weight = omega / residual.abs().clamp_min(rounding)  # (M, P)
        if sub.is_linear:
            return (weight * residual) @ sub.features, self._outer(weight)
        pre = sub.base + now @ sub.features.T
        factor, pull = sub.demodulation(now)
        u = factor.square()[:, :, None] * pull  # (E, M, F)
        factor = sub.by_cell(factor)
        active = factor * pre + sub.shift > 0
        slope = torch.where(active, sub.gain, sub.gain * sub.negative_slope)
        alpha = slope * factor
        pulled = weight * residual * alpha
        curved = weight * alpha.square()
        gradient = pulled @ sub.features
        curvature = self._outer(curved)
        pulled, mixed = pulled * pre, curved * pre
        sides = []
        for cells, turn in zip(sub.cells, u, strict=True):
            gradient -= pulled[:, cells].sum(dim=1)[:, None] * turn
            cross = mixed[:, cells] @ sub.features[cells]  # (M, F)
            square = (mixed[:, cells] * pre[:, cells]).sum(dim=1)
            sides.append(0.5 * square[:, None] * turn - cross)
        # side ⊗ turn + turn ⊗ side of all samples in one product: each pass over (M, F, F) is dear
        side = torch.stack(sides)
        left, right = torch.cat([side, u]), torch.cat([u, side])  # (2 E, M, F)
        curvature.baddbmm_(left.permute(1, 2, 0), right.transpose(0, 1))
        return gradient, curvature

    def _outer(self, weight: Tensor) -> Tensor:
        """Sᵀ diag(weightₒ) S of every channel: (M, P) to (M, F, F)."""
        packed = 0.0
        for cells, products in self._blocks():
            packed = packed + weight[:, cells] @ products
        f = self.sub.features.shape[1]
        return packed.index_select(1, self.place).reshape(len(weight), f, f)

    def _blocks(self) -> Iterator[tuple[slice, Tensor]]:
        p = self.sub.features.shape[0]
        if self.products is not None:
            yield slice(0, p), self.products
            return
        for first in range(0, p, self.block):
            cells = slice(first, min(p, first + self.block))
            yield cells, self._products(cells)

    def _products(self, cells: slice) -> Tensor:
        """Products of every two features, (P, F (F + 1) / 2)."""
        s = self.sub.features[cells]
        return s[:, self.upper[0]] * s[:, self.upper[1]]


def smooth_abs(x: Tensor, rounding: float) -> Tensor:
    """|x|, but a parabola below ``rounding``; the reweighted squares are its majorant."""
    size = x.abs()
    return torch.where(size > rounding, size, (size.square() / rounding + rounding) / 2)


def quadratic(x: Tensor, form: Tensor) -> Tensor:
    """xₒ · form · xₒ of every row of x (M, F)."""
    return ((x @ form) * x).sum(dim=1)
