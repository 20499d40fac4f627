"""A layer restricted to a low-rank change: values as a function of few coefficients a channel.

With W = W₀ + Λ D, output channel o depends only on its own F coefficients Λₒ, one for each of S
directions and each tap of the kernel (9 S in a 3 x 3 layer):

    valueₒ = φ(demodₒ(Λₒ) · (A₀ₒ + Λₒ S) + shiftₒ)
    demodₒ = (q₀ₒ + 2 bₒ·Λₒ + Λₒᵀ G Λₒ)^(-1/2)

A₀ is the linear output of W₀, and S that of each direction at each tap, computed by `Layer.linear`,
so transposed convolution and blur need no code here; shift is noise and bias, φ the layer's leaky
rectifier and gain. All but Λ is computed once. The cells of positive weight of all goals are
concatenated (P cells). A linear layer has no demodulation and φ; its shift is part of A₀.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.generators.base import Layer
from palimpsest.memory.problem import Problem, cell_weights


@dataclass(frozen=True)
class Subspace:
    """All terms of the problem except Λ, in float64.

    ``features`` S (P, F); ``base`` A₀, ``target``, ``shift`` (M, P); ``cell_weight`` (P,), sum 1;
    ``cells``: for each of E samples its slice of the P cells; ``energy`` q₀ (E, M), ``mixed`` b
    (E, M, F) and ``gram`` G (E, F, F) of the demodulation, or None without demodulation;
    ``change_matrix`` (F, F): Σₒ Λₒ · change_matrix · Λₒᵀ is the change on other keys (Eq. 5).
    """

    rank: int
    kernel: tuple[int, int]
    features: Tensor
    base: Tensor
    target: Tensor
    shift: Tensor
    cell_weight: Tensor
    cells: tuple[slice, ...]
    energy: Tensor | None
    mixed: Tensor | None
    gram: Tensor | None
    change_matrix: Tensor
    is_linear: bool
    negative_slope: float
    gain: float

    @classmethod
    def of(cls, problem: Problem) -> Subspace:
        """The terms of ``problem``."""
        layer, weight = problem.layer, problem.weight
        directions = problem.directions.double()
        kernel = tuple(weight.shape[2:])
        probes = probe_weights(directions, kernel)  # (F, N, kh, kw)
        features, base, target, shift, omega, cells, styles = [], [], [], [], [], [], []
        first = 0
        for goal in problem.goals:
            state = goal.state
            a = layer.linear(state.k, weight).double()
            s = layer.linear(state.k.double(), probes)
            at_zero = layer.activate(torch.zeros_like(a), state)
            moved = None if layer.is_linear else shift_of(layer, at_zero)
            if layer.is_linear:
                a = a + at_zero  # the bias, if it has one
            for index, w in enumerate(cell_weights(goal).double().to(a.device)):
                used = w > 0
                features.append(s[index][:, used].T)
                base.append(a[index][:, used])
                target.append(goal.target[index].double()[:, used])
                shift.append(base[-1][:, :0] if moved is None else moved[index][:, used])
                omega.append(w[used])
                cells.append(slice(first, first + len(omega[-1])))
                first += len(omega[-1])
                if state.style is not None:
                    styles.append(state.style[index].double())
        moment = problem.moment_along.to(base[0].device)
        taps = torch.eye(math.prod(kernel)).to(moment)
        demodulation = (None, None, None)
        if not layer.is_linear:
            demodulation = demodulation_terms(layer, weight, directions, torch.stack(styles))
        weights = torch.cat(omega)
        return cls(
            problem.rank,
            kernel,
            torch.cat(features),
            torch.cat(base, dim=1),
            torch.cat(target, dim=1),
            torch.cat(shift, dim=1),
            weights / weights.sum(),
            tuple(cells),
            *demodulation,
            change_matrix=torch.kron(moment, taps),
            is_linear=layer.is_linear,
            negative_slope=layer.negative_slope,
            gain=layer.gain,
        )

    def unflatten(self, coefficients: Tensor) -> Tensor:
        """(M, F) to (M, S, kh, kw)."""
        return coefficients.reshape(len(coefficients), self.rank, *self.kernel)

    def demodulation(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """demod (E, M), and (b + G Λ) (E, M, F), for coefficients (M, F)."""
        pull = self.mixed + coefficients @ self.gram  # G is symmetric
        squared = self.energy + ((self.mixed + pull) * coefficients).sum(dim=2)
        return squared.clamp_min(1e-12).rsqrt(), pull

    def values(self, coefficients: Tensor) -> Tensor:
        """Values (M, P) for coefficients (M, F)."""
        pre = self.base + coefficients @ self.features.T
        if self.is_linear:
            return pre
        factor, _ = self.demodulation(coefficients)
        x = self.by_cell(factor) * pre + self.shift
        return torch.where(x > 0, x, self.negative_slope * x) * self.gain

    def by_cell(self, of_sample: Tensor) -> Tensor:
        """Expand one number a sample, (E, M), to its cells, (M, P)."""
        if len(self.cells) == 1:
            return of_sample.T
        lengths = torch.tensor([c.stop - c.start for c in self.cells], device=of_sample.device)
        return of_sample.T.repeat_interleave(lengths, dim=1)


def probe_weights(directions: Tensor, kernel: tuple[int, int]) -> Tensor:
    """A weight (F, N, kh, kw) with an output channel for each direction and tap, zero elsewhere."""
    taps = torch.eye(math.prod(kernel)).to(directions)
    rows = torch.einsum("sn,tu->stnu", directions, taps)
    return rows.reshape(-1, directions.shape[1], *kernel)


def shift_of(layer: Layer, values: Tensor) -> Tensor:
    """Noise plus bias, from the ``values`` that a pre-activation of zero has in ``layer``."""
    return torch.where(values > 0, values, values / layer.negative_slope) / layer.gain


def demodulation_terms(
    layer: Layer, weight: Tensor, directions: Tensor, styles: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """q₀ (E, M), b (E, M, F) and G (E, F, F) for styles (E, N).

    1 / demod² is a quadratic form of the weight; two probe weights give its scale and offset, which
    belong to the layer.
    """
    probe = torch.zeros(2, *weight.shape[1:]).to(styles)
    probe[1, 0, probe.shape[2] // 2, probe.shape[3] // 2] = 1
    offset, unit = layer.demodulation(torch.ones_like(styles[:1]), probe)[0].pow(-2)
    scale = unit - offset
    power = styles.square()  # (E, N)
    # W₀ is large: sums over its channels stay in its own precision, the results are float64
    energy = weight.square().sum(dim=(2, 3)) @ power.T.to(weight)  # (M, E)
    weighted = (power[:, None] * directions).flatten(0, 1)  # (E*S, N)
    mixed = torch.einsum("mnt,jn->mjt", weight.flatten(2), weighted.to(weight))  # (M, E*S, taps)
    e, s = len(styles), len(directions)
    taps = mixed.shape[2]
    mixed = mixed.reshape(len(weight), e, s * taps).transpose(0, 1)
    pairs = torch.einsum("en,sn,rn->esr", power, directions, directions)
    gram = torch.kron(pairs, torch.eye(taps).to(pairs)[None])
    return scale * energy.T.double() + offset, scale * mixed.double(), scale * gram
