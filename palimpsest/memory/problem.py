"""The insertion problem that the solvers solve: f(k*; W) ≈ v*, W = W₀ + Λ D (Eqs. 5, 8, 17).

``loss`` is the goal (L1, as the original measures it), ``change`` the smoothness term

    tr(Λ D C Dᵀ Λᵀ), summed over taps  =  E‖(W − W₀) k‖²       (Eq. 5)

which measures how much the layer's output changes for all its other keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Layer
from palimpsest.memory.goals import Goal

ROUNDING = 1e-5
"""Share of the size of the goals below which their loss is rounding of the layer's own values."""


@dataclass(frozen=True)
class Solution:
    """Coefficients (M, S, kh, kw) that a solver found, and the losses of its iterations.

    ``losses``: the goal loss at the points that the solver's docstring names; ``notes``: numbers
    for the edit's metadata.
    """

    coefficients: Tensor
    losses: list[float]
    notes: dict[str, float]


@dataclass(frozen=True)
class Problem:
    """Goals of one layer, the directions of the change, and the second moment to preserve.

    ``directions`` (S, N), orthonormal rows; ``second_moment`` (N, N) float64, or None to count all
    directions of the key space equally.

    Raises `ParameterError` for shapes that do not match, directions that are not orthonormal, goals
    without a cell of positive weight, or a generator with random noise.
    """

    layer: Layer
    goals: tuple[Goal, ...]
    directions: Tensor
    second_moment: Tensor | None = None

    def __post_init__(self) -> None:
        m, n = self.weight.shape[:2]
        d = self.directions
        if d.ndim != 2 or d.shape[1] != n:
            raise ParameterError(
                f"directions of shape {tuple(d.shape)} for layer {self.layer.number}, "
                f"whose keys have {n} units; they must be (S, {n})"
            )
        gram = d.double() @ d.double().T
        if not torch.allclose(gram, torch.eye(len(d), dtype=gram.dtype).to(gram), atol=1e-4):
            raise ParameterError("directions are not orthonormal rows; see context_directions")
        if self.second_moment is not None and self.second_moment.shape != (n, n):
            raise ParameterError(
                f"second moment of shape {tuple(self.second_moment.shape)}; layer "
                f"{self.layer.number} needs ({n}, {n})"
            )
        if not self.goals:
            raise ParameterError("no goal; at least one pair of keys and values is needed")
        if getattr(self.layer.generator, "noise", "single") == "random":
            raise ParameterError("noise is 'random': set it to 'single' or 'buffers' while editing")
        for number, goal in enumerate(self.goals):
            self._check_goal(number, goal, m)
        if self.cells <= 0:
            raise ParameterError("every cell of the goals has weight zero")

    def _check_goal(self, number: int, goal: Goal, channels: int) -> None:
        b, _, h, w = goal.state.k.shape
        if goal.state.layer != self.layer.number:
            raise ParameterError(
                f"goal {number} has keys of layer {goal.state.layer}, not {self.layer.number}"
            )
        cells = self.layer.value_shape
        if self.layer.crops:
            up = self.layer.upsampling
            cells = (h * up, w * up)
        wanted = (b, channels, *cells)
        if goal.target.shape != wanted:
            raise ParameterError(
                f"goal {number} has a target of shape {tuple(goal.target.shape)}, not {wanted}"
            )
        if not torch.isfinite(goal.target).all():
            raise ParameterError(f"goal {number} has a target with NaN or infinity")
        if goal.weights is not None and (
            goal.weights.shape != (b, *cells)
            or not torch.isfinite(goal.weights).all()
            or (goal.weights < 0).any()
        ):
            raise ParameterError(
                f"goal {number}: weights must be {(b, *cells)}, finite and not negative"
            )

    @property
    def weight(self) -> Tensor:
        """W₀, (M, N, kh, kw): the weight that the edit starts from."""
        return self.layer.weight.detach()

    @property
    def rank(self) -> int:
        """S, the number of directions."""
        return self.directions.shape[0]

    @cached_property
    def cells(self) -> float:
        """Sum of the weights of all goal cells."""
        return float(sum(cell_weights(goal).sum().item() for goal in self.goals))

    def weight_of(self, coefficients: Tensor) -> Tensor:
        """W₀ + Λ D for coefficients (M, S, kh, kw)."""
        return self.weight + rank_change(coefficients, self.directions)

    def coefficients_of(self, weight: Tensor) -> Tensor:
        """Λ = (W − W₀) Dᵀ, (M, S, kh, kw): the part of a change within the directions."""
        return torch.einsum("mnyx,sn->msyx", weight - self.weight, self.directions)

    def loss(self, weight: Tensor) -> Tensor:
        """Weighted mean of |v* − f(k*; W)| over cells and channels, a scalar."""
        total = 0.0
        for goal in self.goals:
            residual = (goal.target - self.layer.values(goal.state, weight).v).abs()
            if goal.weights is not None:
                residual = residual * goal.weights[:, None].to(residual)
            total = total + residual.sum()
        return total / (self.cells * self.weight.shape[0])

    @cached_property
    def is_met(self) -> bool:
        """Whether W₀ gives the goals already, up to rounding: nothing is left to change."""
        size = sum(
            float((goal.target.abs() * cell_weights(goal)[:, None].to(goal.target)).sum())
            for goal in self.goals
        )
        size /= self.cells * self.weight.shape[0]
        return self.loss(self.weight).item() <= ROUNDING * size

    @cached_property
    def moment_along(self) -> Tensor:
        """D C Dᵀ, (S, S) float64."""
        d = self.directions.double()
        if self.second_moment is None:
            return d @ d.T
        return d @ self.second_moment.to(d) @ d.T

    @cached_property
    def energy(self) -> float:
        """tr(W₀ C W₀ᵀ), summed over taps: E‖W₀ k‖², the scale of `change`."""
        rows = self.weight.permute(0, 2, 3, 1).reshape(-1, self.weight.shape[1])
        if self.second_moment is None:
            return float(rows.double().square().sum())
        moment = self.second_moment.to(rows)
        return float(((rows @ moment) * rows).sum(dtype=torch.float64))

    def change(self, coefficients: Tensor) -> float:
        """tr(Λ D C Dᵀ Λᵀ), summed over taps: E‖(W − W₀) k‖² (Eq. 5)."""
        rows = coefficients.double().permute(1, 0, 2, 3).flatten(1)  # (S, M*9)
        return float((rows * (self.moment_along @ rows)).sum())


def cell_weights(goal: Goal) -> Tensor:
    """Weights of a goal's cells, (B, H', W'); all ones if the goal has no weights."""
    if goal.weights is not None:
        return goal.weights
    return torch.ones(len(goal.target), *goal.target.shape[2:], device=goal.target.device)


def rank_change(coefficients: Tensor, directions: Tensor) -> Tensor:
    """Λ D: coefficients (M, S, kh, kw) and directions (S, N) to (M, N, kh, kw)."""
    return torch.einsum("msyx,sn->mnyx", coefficients, directions)


def with_orthonormal(coefficients: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients (M, S, kh, kw) and orthonormal directions (S, N) of the same change Λ D.

    The directions are the nearest orthonormal rows (the polar factor of D), so each stays the one
    that it was; those of a D of lower rank are not unique.
    """
    left, sizes, right = torch.linalg.svd(directions.double(), full_matrices=False)
    stretch = (left * sizes) @ left.T  # D = stretch @ nearest
    found = torch.einsum("msyx,st->mtyx", coefficients.double(), stretch)
    return found.to(coefficients), (left @ right).to(directions)
