"""Insert a rule into a layer: from keys, target values and directions to an `Edit`.

    edit = insert(layer, state, target, D, solver="newton", stats=stats)

One exemplar, or lists of them, which share one Λ. With statistics the solver penalises the change
on all other keys (Eq. 5), and the edit's metadata records that change.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import KeyState, Layer, ValueState
from palimpsest.generators.identity import made_on
from palimpsest.memory.edits import Edit, applied_edits
from palimpsest.memory.goals import Goal
from palimpsest.memory.problem import Problem, Solution
from palimpsest.memory.solvers import SOLVERS
from palimpsest.memory.solvers.newton import Descent
from palimpsest.memory.statistics import KeyStatistics, as_text, versions

Target = ValueState | Tensor

LEAST = math.log(1e-9)
STEP = math.log(10.0)
"""`match_change` searches log μ from 0 in steps of a decade, down to `LEAST`."""


def insert(
    layer: Layer,
    state: KeyState | Sequence[KeyState],
    target: Target | Sequence[Target],
    directions: Tensor,
    solver: str = "newton",
    stats: KeyStatistics | None = None,
    weights: Tensor | Sequence[Tensor | None] | None = None,
    session: str = "",
    **settings: object,
) -> Edit:
    """The edit that maps keys to target values (paper, section 3.4).

    Args:
        layer: the layer to change; its generator may have edits.
        state: keys, or a list of them (windows may differ).
        target: target values (B, M, H', W') of the same window; one for each state.
        directions: D (S, N), orthonormal rows.
        solver: newton, projected_gradient, direct or closed_form.
        stats: second moment of the keys to preserve; without it all directions count equally.
        weights: weight of each value cell (B, H', W'), one for each state; None: equal weights.
        session: session name to record in the edit.
        settings: settings of the solver; see its module.

    Returns:
        an `Edit` whose metadata has loss_before and loss_after (L1 goal loss), change (Eq. 5),
        relative_change (√ of its share of E‖W₀ k‖²) and seconds.

    Raises:
        ParameterError: an unknown solver or setting, shapes that do not match, no goal, a goal
            that the layer gives already, or a goal that the directions cannot bring nearer.
    """
    if solver not in SOLVERS:
        raise ParameterError(f"unknown solver {solver!r}; the solvers are {', '.join(SOLVERS)}")
    solve = SOLVERS[solver]
    known = set(solve.__kwdefaults__ or {})
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ParameterError(f"{solver} has no setting {unknown[0]!r}; it has {sorted(known)}")
    problem = pose(layer, state, target, directions, stats, weights)
    _check_open(problem, session)
    began = time.perf_counter()
    solution = solve(problem, **settings)
    seconds = time.perf_counter() - began
    return _edit(problem, solution, solver, seconds, session, settings)


def match_change(
    layer: Layer,
    state: KeyState | Sequence[KeyState],
    target: Target | Sequence[Target],
    directions: Tensor,
    stats: KeyStatistics,
    change: float,
    weights: Tensor | Sequence[Tensor | None] | None = None,
    session: str = "",
    iterations: int = 30,
    tolerance: float = 0.01,
) -> Edit:
    """The newton edit whose change on other keys, tr(Λ D C Dᵀ Λᵀ), is at most ``change``.

    μ is found by safeguarded interpolation; this compares solvers at equal locality. The change is
    at most ``tolerance`` (relative) below ``change``, or smaller if the goal needs less.

    Raises:
        ParameterError: as `insert`; a ``change`` that is not positive, or too small to reach.
    """
    if not (math.isfinite(change) and change > 0):
        raise ParameterError(f"change = {change} must be a positive number")
    problem = pose(layer, state, target, directions, stats, weights)
    _check_open(problem, session)
    began = time.perf_counter()
    descent = Descent(problem)
    best: Solution | None = None
    over: tuple[float, float] | None = None  # log μ and log change of the nearest too large one
    under: tuple[float, float] | None = None
    wanted = math.log(change)
    place = 0.0  # log μ
    for _ in range(40):
        solution = descent.solve(math.exp(place), iterations)
        found = problem.change(solution.coefficients)
        if found <= change:
            if best is None or solution.losses[-1] < best.losses[-1]:
                best = solution
            under = (place, math.log(max(found, 1e-300)))
            if found >= (1 - tolerance) * change or place <= LEAST:
                break
        else:
            over = (place, math.log(found))
        if under is None or over is None:
            place = max(LEAST, place - STEP) if over is None else place + STEP
            continue
        if under[0] - over[0] < 1e-6:
            break
        # log change is nearly linear in log μ; aim a little below the wanted value
        slope = (under[1] - over[1]) / (under[0] - over[0])
        share = (wanted - tolerance / 2 - over[1]) / slope / (under[0] - over[0]) if slope else 0.5
        place = over[0] + min(0.9, max(0.1, share)) * (under[0] - over[0])
    if best is None:
        raise ParameterError(f"no edit has a change on other keys as small as {change:.3g}")
    return _edit(problem, best, "newton", time.perf_counter() - began, session, best.notes)


def pose(
    layer: Layer,
    state: KeyState | Sequence[KeyState],
    target: Target | Sequence[Target],
    directions: Tensor,
    stats: KeyStatistics | None = None,
    weights: Tensor | Sequence[Tensor | None] | None = None,
) -> Problem:
    """The `Problem` of one exemplar or several; arguments and errors as of `insert`."""
    states = [state] if isinstance(state, KeyState) else list(state)
    targets = [target] if isinstance(target, (ValueState, Tensor)) else list(target)
    if weights is None:
        weights = [None] * len(states)
    given = [weights] if isinstance(weights, Tensor) else list(weights)
    if not len(states) == len(targets) == len(given):
        raise ParameterError(
            f"{len(states)} states, {len(targets)} targets and {len(given)} weights: "
            "give one of each for every exemplar"
        )
    device = layer.weight.device
    goals = tuple(
        Goal(s, (t.v if isinstance(t, ValueState) else t).detach().to(device), w)
        for s, t, w in zip(states, targets, given, strict=True)
    )
    moment = None if stats is None else stats.second_moment
    return Problem(layer, goals, directions.detach().float().to(device), moment)


def edit_of(problem: Problem, coefficients: Tensor, solver: str, **notes: object) -> Edit:
    """An `Edit` from coefficients (M, S, kh, kw) and ``notes`` for its metadata."""
    g = problem.layer.generator
    change = problem.change(coefficients)
    numbers = {
        "layer": problem.layer.number,
        "rank": problem.rank,
        "loss_before": problem.loss(problem.weight).item(),
        "loss_after": problem.loss(problem.weight_of(coefficients)).item(),
        "change": change,
        "relative_change": math.sqrt(max(0.0, change) / problem.energy),
        **notes,
    }
    metadata = {name: as_text(value) for name, value in numbers.items()}
    metadata |= {
        "weights_sha256": g.weights_sha256,
        **made_on(g),
        "after_edits": ",".join(edit.identity[:12] for edit, _ in applied_edits(g)),
        "truncation": as_text(g.truncation),
        "solver": solver,
        **versions(),
    }
    metadata |= named(problem.layer)
    return Edit(problem.directions.cpu(), coefficients.detach().float().cpu(), metadata)


def named(layer: Layer) -> dict[str, str]:
    """The name of a wrapped network's convolution, for an edit's metadata."""
    return {"layer_name": layer.name} if layer.name else {}


def removal(layer: Layer, directions: Tensor) -> Edit:
    """The edit that removes the directions from the weight: W₀ − W₀ Dᵀ D.

    Keys along the directions then have no effect; with `unit_directions` units are deleted, as in
    GAN dissection.
    """
    g = layer.generator
    d = directions.detach().float().to(layer.weight.device)
    coefficients = -torch.einsum("mnyx,sn->msyx", layer.weight.detach(), d)
    metadata = {
        "layer": as_text(layer.number),
        "rank": as_text(len(d)),
        "weights_sha256": g.weights_sha256,
        **made_on(g),
        "solver": "removal",
        **versions(),
        **named(layer),
    }
    return Edit(d.cpu(), coefficients.cpu(), metadata)


def _check_open(problem: Problem, session: str) -> None:
    if problem.is_met:
        raise ParameterError(
            f"{_about(session)}layer {problem.layer.number} gives the goal already, so there is "
            "nothing to change; show another thing, silence more units, or choose another layer"
        )


def _about(session: str) -> str:
    return f"session {session}: " if session else ""


def _edit(
    problem: Problem,
    solution: Solution,
    solver: str,
    seconds: float,
    session: str,
    settings: dict[str, object],
) -> Edit:
    if not solution.coefficients.any():
        raise ParameterError(
            f"{_about(session)}no change along {problem.rank} direction(s) brings layer "
            f"{problem.layer.number} nearer to the goal; paint more context, raise the rank, "
            "solve for fewer exemplars, or choose another layer"
        )
    notes = {**settings, **solution.notes, "seconds": round(seconds, 6), "session": session}
    notes.pop("start", None)
    return edit_of(problem, solution.coefficients, solver, **notes)
