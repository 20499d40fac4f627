"""Invert a rule: tune one layer so that an effect is swapped between pairs (paper, section 5.3).

    swap = pose_swap(g, on, off, area, goal_layer=8)       # see swaps.py
    trials = [invert_layer(swap, number) for number in (5, 6, 7, 8)]
    best = min(trials, key=lambda trial: trial.loss_after).edit.layer
    edit = invert_low_rank(swap, best).edit                 # rank one

A rank-one change is Λ ⊗ d, with d (N,) a direction of the key space. As in the original, the whole
weight is tuned, and every tenth step its change, as a matrix of N × 9·M, is truncated to its
largest singular value. The second moment is not used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import KeyState
from palimpsest.generators.identity import made_on
from palimpsest.memory.edits import Edit, applied_edits
from palimpsest.memory.problem import rank_change
from palimpsest.memory.statistics import as_text, versions
from palimpsest.memory.swaps import Swap

Steps = Callable[[Iterable[int]], Iterable[int]]

INTERVAL = 10
"""Steps between two evaluations on all pairs; a low-rank change is truncated before each."""


@dataclass(frozen=True)
class Inversion:
    """An edit tuned to a `Swap`, and the losses over all pairs during the descent.

    ``losses``: of the unedited weight, then after every `INTERVAL` steps and the last step.
    """

    edit: Edit
    losses: tuple[float, ...]

    @property
    def loss_before(self) -> float:
        """Loss of the unedited weight."""
        return self.losses[0]

    @property
    def loss_after(self) -> float:
        """Loss of the edit: the lowest of all."""
        return min(self.losses)

    def rows(self) -> list[dict[str, float]]:
        """Table rows: layer, rank, step and loss of each evaluation."""
        last = int(self.edit.metadata["iterations"])
        named = {"layer": self.edit.layer, "rank": self.edit.rank}
        return [
            named | {"step": min(look * INTERVAL, last), "loss": loss}
            for look, loss in enumerate(self.losses)
        ]


def invert_layer(
    swap: Swap,
    number: int,
    *,
    iterations: int = 100,
    rate: float = 0.02,
    pairs_a_step: int | None = None,
    notes: Mapping[str, str] | None = None,
    steps: Steps = iter,
) -> Inversion:
    """Adam on the whole weight of layer ``number``; returns the best of the evaluated weights.

    The edit has as many directions as the layer has inputs (D is the identity).

    Args:
        iterations, rate: Adam's steps and step size; the original has 100 and 0.02.
        pairs_a_step: pairs in a step's batch, taken in turns; None: all, as in the original.
        notes: text for the edit's metadata, such as a session.
        steps: wrapper of the range of steps, for a progress bar such as tqdm.

    Raises:
        ParameterError: a layer that cannot invert the rule (`swaps.check_reach`), numbers that are
            not positive, or a loss that is not finite.
    """
    began = time.perf_counter()
    change, losses = _descend(swap, number, None, iterations, rate, pairs_a_step, steps)
    identity = torch.eye(change.shape[1])
    facts = {"solver": "invert_layer", "iterations": iterations, "rate": rate, **(notes or {})}
    return _inversion(swap, number, identity, change, losses, began, facts)


def invert_low_rank(
    swap: Swap,
    number: int,
    *,
    rank: int = 1,
    iterations: int = 300,
    rate: float = 0.01,
    pairs_a_step: int | None = None,
    notes: Mapping[str, str] | None = None,
    steps: Steps = iter,
) -> Inversion:
    """`invert_layer` with the change truncated to ``rank`` every tenth step and at the end.

    Adam's moments are kept across truncations. ``losses`` are measured right after a truncation:
    between two, the loss falls below what a change of this rank can reach. The original has 10,000
    steps.

    Raises `ParameterError` as `invert_layer`, and for a rank above the layer's number of inputs.
    """
    began = time.perf_counter()
    change, losses = _descend(swap, number, rank, iterations, rate, pairs_a_step, steps)
    directions, coefficients = low_rank_factors(change, rank)
    facts = {"solver": "invert_low_rank", "iterations": iterations, "rate": rate, **(notes or {})}
    return _inversion(swap, number, directions, coefficients, losses, began, facts)


def low_rank_factors(change: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """D (rank, N), orthonormal rows, and Λ (M, rank, kh, kw): the best approximation of ``change``.

    ``change`` (M, N, kh, kw) is read as a matrix of N rows; the directions are its leading left
    singular vectors, each with a positive largest entry.

    Raises `ParameterError` for a rank below 1 or above N.
    """
    inputs = change.shape[1]
    if not 1 <= rank <= inputs:
        raise ParameterError(f"rank {rank}; a layer of {inputs} inputs has 1 to {inputs}")
    matrix = change.transpose(0, 1).flatten(1).double()  # (N, M·9)
    left = torch.linalg.svd(matrix, full_matrices=False).U[:, :rank].T  # (rank, N)
    peak = left.gather(1, left.abs().argmax(1, keepdim=True))
    directions = left * torch.where(peak < 0, -1.0, 1.0)
    coefficients = torch.einsum("mnyx,sn->msyx", change.double(), directions)
    return directions.float(), coefficients.float()


def _descend(
    swap: Swap,
    number: int,
    rank: int | None,
    iterations: int,
    rate: float,
    pairs_a_step: int | None,
    steps: Steps,
) -> tuple[Tensor, tuple[float, ...]]:
    """The best of the evaluated changes (M, N, kh, kw), and the losses over all pairs."""
    taken = swap.pairs if pairs_a_step is None else min(pairs_a_step, swap.pairs)
    if iterations < 1 or rate <= 0 or taken < 1:
        raise ParameterError(
            f"iterations = {iterations}, rate = {rate}, pairs_a_step = {pairs_a_step}: each must "
            "be positive"
        )
    state = swap.keys(number)
    start = swap.generator.layer(number).weight.detach()
    change = torch.zeros_like(start).requires_grad_(True)
    adam = torch.optim.Adam([change], lr=rate)
    best, losses = change.detach().clone(), [_whole_loss(swap, state, start)]
    for step in steps(range(iterations)):
        with torch.enable_grad():
            loss = swap.loss(state, start + change, _turn(step, taken, swap.pairs))
            adam.zero_grad()
            loss.backward()
        adam.step()
        if (step + 1) % INTERVAL and step + 1 < iterations:
            continue
        if rank is not None:
            directions, coefficients = low_rank_factors(change.detach(), rank)
            with torch.no_grad():
                change.copy_(rank_change(coefficients, directions))
        reached = _whole_loss(swap, state, start + change.detach())
        if not math.isfinite(reached):
            raise ParameterError(f"the loss is {reached} after step {step + 1}; lower the rate")
        if reached < min(losses):
            best = change.detach().clone()
        losses.append(reached)
    return best, tuple(losses)


def _turn(step: int, taken: int, pairs: int) -> list[int]:
    """The samples of a step: the next ``taken`` pairs, starting over after the last."""
    picked = [(step * taken + i) % pairs for i in range(taken)]
    return [*picked, *(pairs + i for i in picked)]


def _whole_loss(swap: Swap, state: KeyState, weight: Tensor) -> float:
    with torch.no_grad():
        return swap.loss(state, weight).item()


def _inversion(
    swap: Swap,
    number: int,
    directions: Tensor,
    coefficients: Tensor,
    losses: tuple[float, ...],
    began: float,
    notes: Mapping[str, object],
) -> Inversion:
    g = swap.generator
    facts = {
        "layer": number,
        "rank": len(directions),
        "loss_before": losses[0],
        "loss_after": min(losses),
        "pairs": swap.pairs,
        "switched_layer": swap.values.layer,
        "goal_layer": swap.goal_layer,
        "seconds": round(time.perf_counter() - began, 6),
        **notes,
    }
    metadata = {name: as_text(value) for name, value in facts.items()}
    metadata |= {
        "weights_sha256": g.weights_sha256,
        **made_on(g),
        "after_edits": ",".join(edit.identity[:12] for edit, _ in applied_edits(g)),
        "truncation": as_text(g.truncation),
        **versions(),
    }
    return Inversion(Edit(directions.cpu(), coefficients.cpu(), metadata), losses)
