"""Appendix B: the exact solution of the insertion for a layer that is linear in its weight.

For a matrix W and one pair (k*, v*), the weight that minimises tr((W − W₀) C (W − W₀)ᵀ), the change
of the old memory, among all with W k* = v* is

    W₁ = W₀ + Λ (C⁻¹ k*)ᵀ,    Λ = (v* − W₀ k*) / (k*ᵀ C⁻¹ k*)          (Eqs. 10 to 13)

`insert_pairs` computes this for any number of pairs. `solve` is the same for a convolution, whose
cells see nine keys each: one linear least-squares problem over the 9 S coefficients of each output
channel. If several Λ fit exactly, it returns the one of least change.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.memory.problem import Problem, Solution
from palimpsest.memory.subspace import Subspace


def insert_pairs(weight: Tensor, keys: Tensor, values: Tensor, second_moment: Tensor) -> Tensor:
    """W₁ = W₀ + Λ (C⁻¹ K*)ᵀ with W₁ K* = V* and the least change on the old keys.

    Args:
        weight: (M, N); keys: (N,) or (N, S), linearly independent columns; values: (M,) or (M, S);
        second_moment: (N, N), positive definite.

    Returns:
        (M, N) float64; W₁ − W₀ has rank S.

    Raises:
        ParameterError: shapes that do not match, or linearly dependent keys.
    """
    w, k, v, c = (t.to(torch.float64) for t in (weight, keys, values, second_moment))
    k, v = k.reshape(len(k), -1), v.reshape(len(v), -1)
    if w.shape != (len(v), len(k)) or k.shape[1] != v.shape[1] or c.shape != (len(k), len(k)):
        raise ParameterError(
            f"weight {tuple(w.shape)}, keys {tuple(k.shape)}, values {tuple(v.shape)} and second "
            f"moment {tuple(c.shape)} do not match"
        )
    along = torch.linalg.solve(c, k)  # (N, S): C⁻¹ K*
    gram = k.T @ along
    if torch.linalg.matrix_rank(gram, hermitian=True) < k.shape[1]:
        raise ParameterError("the keys are linearly dependent; give each only once")
    coefficients = torch.linalg.solve(gram, (v - w @ k).T).T  # (M, S)
    return w + coefficients @ along.T


def solve(problem: Problem, *, mu: float = 0.0) -> Solution:
    """The Λ that minimises Σ ω |v* − v|² / Σ ω |v* − v₀|² + μ · change / energy.

    Args:
        mu: weight of the relative change on other keys against the relative goal loss; 0 returns
            the Λ of least change among all with the least goal loss.

    Returns:
        ``losses``: the goal loss (L1, as in the other solvers) before and after.

    Raises:
        ParameterError: a layer that is not linear, or a negative ``mu``.
    """
    layer = problem.layer
    if not layer.is_linear:
        raise ParameterError(
            f"closed_form needs a layer that is linear in its weight; layer {layer.number} of a "
            f"{layer.generator.kind} generator is not: use newton"
        )
    if mu < 0:
        raise ParameterError(f"mu = {mu} must not be negative")
    sub = Subspace.of(problem)
    root = sub.cell_weight.sqrt()[:, None]
    residual = sub.target - sub.base  # (M, P)
    # in the metric of the change, the solution of least change has the least norm
    metric = torch.linalg.cholesky(sub.change_matrix)  # (F, F), L Lᵀ
    features = torch.linalg.solve_triangular(metric, sub.features.T, upper=False).T * root  # (P, F)
    goals = residual.T * root  # (P, M)
    if mu > 0:
        scale = (goals.square().sum() * mu / problem.energy).sqrt()
        f = features.shape[1]
        features = torch.cat([features, scale * torch.eye(f).to(features)])
        goals = torch.cat([goals, torch.zeros(f, goals.shape[1]).to(goals)])
    found = torch.linalg.pinv(features, rtol=1e-10) @ goals  # (F, M)
    found = torch.linalg.solve_triangular(metric.T, found, upper=True).T  # (M, F)
    coefficients = sub.unflatten(found).to(problem.weight.dtype)
    before = problem.loss(problem.weight).item()
    after = problem.loss(problem.weight_of(coefficients)).item()
    return Solution(coefficients, [before, after], {"mu": mu})
