"""Algebra of the solvers: what each promises, on the recorded networks."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from palimpsest.errors import ParameterError
from palimpsest.memory import SOLVERS, Goal, Problem, insert, match_change, pose
from palimpsest.memory.goals import cut_goal, painted_box
from palimpsest.memory.problem import rank_change, with_orthonormal
from palimpsest.memory.solvers import closed_form, newton
from palimpsest.memory.subspace import Subspace
from tests.doubles.bounds import EXACT

if TYPE_CHECKING:
    from tests.memory.conftest import Recorded

QUICK = {
    "newton": {"iterations": 8},
    "projected_gradient": {"iterations": 41, "low_rank_gradient": True},
    "direct": {"iterations": 40},
    "closed_form": {},
}


def posed(recorded: Recorded, rank: int = 1, **options) -> Problem:
    goal = recorded.goal(**{"halo": 1, **options})
    return pose(
        recorded.layer,
        goal.state,
        goal.target,
        recorded.directions(rank),
        recorded.stats,
        goal.weights,
    )


def two_exemplars(recorded: Recorded, rank: int = 1) -> Problem:
    """A cropped exemplar and a goal of two whole samples, all of other styles and weights."""
    first, second = recorded.goal(halo=1), recorded.goal(tight=False, alpha=False)
    other = recorded.layer.keys(recorded.z[[recorded.other, 11]])
    target = torch.cat([second.target, second.target.flip(3)])
    cells = torch.rand(2, *second.target.shape[2:], generator=torch.Generator().manual_seed(0))
    goals = (first, Goal(other, target, (cells - 0.5).clamp_min(0)))
    return Problem(recorded.layer, goals, recorded.directions(rank), recorded.stats.second_moment)


def in_float64(recorded: Recorded, problem: Problem) -> Problem:
    """The same problem with all its numbers in float64."""
    layer = copy.deepcopy(recorded.g).double().layer(recorded.number)
    goals = []
    for goal in problem.goals:
        tensors = {
            name: value.double()
            for name, value in vars(goal.state).items()
            if isinstance(value, torch.Tensor)
        }
        goals.append(
            replace(goal, state=replace(goal.state, **tensors), target=goal.target.double())
        )
    return Problem(layer, tuple(goals), problem.directions.double(), recorded.stats.second_moment)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), pairs=st.integers(1, 3))
def test_closed_form_is_the_constrained_optimum(seed: int, pairs: int) -> None:
    """W₁ K* = V*, and of all such W none is nearer on the old keys: against a KKT solve."""
    draw = torch.Generator().manual_seed(seed)
    m, n = 4, 7
    weight, keys, values = (
        torch.randn(*shape, generator=draw).double() for shape in ((m, n), (n, pairs), (m, pairs))
    )
    old = torch.randn(n, 50, generator=draw).double()
    moment = old @ old.T / 50
    found = closed_form.insert_pairs(weight, keys, values, moment)
    assert torch.allclose(found @ keys, values, atol=1e-8)
    # min ½ tr((W - W₀) C (W - W₀)ᵀ) with W K* = V*: [C K*; K*ᵀ 0] [Wᵀ; λ] = [C W₀ᵀ; V*ᵀ]
    system = torch.zeros(n + pairs, n + pairs).double()
    system[:n, :n], system[:n, n:], system[n:, :n] = moment, keys, keys.T
    right = torch.cat([moment @ weight.T, values.T])
    expected = torch.linalg.solve(system, right)[:n].T
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.linalg.matrix_rank(found - weight, rtol=1e-9) == pairs


def test_closed_form_of_a_layer_keeps_its_promise(progressive: Recorded) -> None:
    """One key alone: W₁ k* = v* exactly, by the tap that sees it, as `insert_pairs` has it."""
    layer, stats = progressive.layer, progressive.stats
    state = progressive.keys(5).crop(7, 6, 8, 7)
    key = state.k[0, :, 0, 0].double()
    direction = stats.inverse @ key
    wanted = torch.randn(1, 32, 1, 1, generator=torch.Generator().manual_seed(3))
    edit = insert(
        layer, state, wanted, (direction / direction.norm())[None].float(), "closed_form", stats
    )
    weight = layer.weight + edit.delta()
    assert torch.allclose(layer.values(state, weight).v, wanted, atol=1e-4)
    matrix = closed_form.insert_pairs(
        layer.weight[:, :, 1, 1], key, wanted.flatten(), stats.second_moment
    )
    assert progressive.off(weight[:, :, 1, 1], matrix) < 1e-4
    untouched = weight.clone()
    untouched[:, :, 1, 1] = layer.weight[:, :, 1, 1]
    assert torch.allclose(untouched, layer.weight, atol=1e-6)


@pytest.mark.parametrize("mu", [0.0, 0.5])
def test_closed_form_is_least_squares(progressive: Recorded, mu: float) -> None:
    problem = two_exemplars(progressive, rank=3)
    found = closed_form.solve(problem, mu=mu).coefficients.double()
    scale = sum(squares(problem, torch.zeros_like(found))).item()

    def objective(coefficients: torch.Tensor) -> float:
        goal = sum(squares(problem, coefficients)).item() / scale
        return goal + mu * problem.change(coefficients) / problem.energy

    least = objective(found)
    assert least < objective(torch.zeros_like(found))
    draw = torch.Generator().manual_seed(0)
    for size in (1e-1, 1e-2):
        step = (
            size
            * found.norm()
            * torch.nn.functional.normalize(
                torch.randn(found.shape, generator=draw).double().flatten(), dim=0
            ).reshape(found.shape)
        )
        assert objective(found + step) > least
        # at the optimum the objective is flat: it rises alike on both sides
        assert objective(found + step) - least == pytest.approx(
            objective(found - step) - least, rel=2e-2
        )


def squares(problem: Problem, coefficients: torch.Tensor) -> list[torch.Tensor]:
    weight = problem.weight.double() + torch.einsum(
        "msyx,sn->mnyx", coefficients, problem.directions.double()
    )
    found = []
    for goal in problem.goals:
        value = problem.layer.linear(goal.state.k.double(), weight)
        square = (goal.target - value).square().sum(dim=1)
        found.append((square if goal.weights is None else square * goal.weights).sum())
    return found


def test_closed_form_wants_a_linear_layer(styled: Recorded) -> None:
    goal = styled.goal()
    with pytest.raises(ParameterError, match="not: use newton"):
        insert(styled.layer, goal.state, goal.target, styled.directions(), "closed_form")


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("solver", list(SOLVERS))
def test_every_change_has_exactly_the_rank_asked_for(
    recorded: Recorded, solver: str, rank: int
) -> None:
    if solver == "closed_form" and not recorded.layer.is_linear:
        pytest.skip("not a linear layer")
    problem = posed(recorded, rank)
    solution = SOLVERS[solver](problem, **QUICK[solver])
    change = problem.weight_of(solution.coefficients) - problem.weight
    singular = torch.linalg.svdvals(change.transpose(0, 1).flatten(1).double())
    assert singular[rank - 1] > 1e-4 * singular[0]
    assert singular[rank] < 1e-5 * singular[0]
    assert solution.losses[-1] == pytest.approx(
        problem.loss(problem.weight_of(solution.coefficients)).item(), rel=1e-4
    )


def test_prediction_is_the_forward_pass(recorded: Recorded) -> None:
    """The subspace formula against the layer itself, exemplars of different windows at once.

    In float64, where the two agree on every processor.
    """
    problem = in_float64(recorded, two_exemplars(recorded, rank=3))
    sub = Subspace.of(problem)
    coefficients = torch.randn(
        problem.weight.shape[0], 3, 3, 3, generator=torch.Generator().manual_seed(1)
    ).double()
    predicted = sub.values(coefficients.flatten(1))
    weight = problem.weight_of(coefficients)
    forward = []
    for goal in problem.goals:
        value = problem.layer.values(goal.state, weight).v
        forward.append(value.transpose(0, 1)[:, goal.weights > 0])
    forward = torch.cat(forward, dim=1)
    assert (predicted - forward).abs().max() < EXACT * max(1.0, forward.abs().max().item())


def test_newton_expands_its_objective(recorded: Recorded) -> None:
    """The gradient that newton steps along is that of the rounded loss."""
    problem = two_exemplars(recorded, rank=3)
    descent = newton.Descent(problem)
    sub = descent.sub
    shape = (sub.base.shape[0], sub.features.shape[1])
    now = torch.randn(shape, generator=torch.Generator().manual_seed(2)).double()
    rounding = 0.05
    omega = sub.cell_weight * 3
    gradient, curvature = descent._expand(now, sub.values(now) - sub.target, omega, rounding)
    with torch.enable_grad():
        moved = now.clone().requires_grad_(True)
        loss = (newton.smooth_abs(sub.values(moved) - sub.target, rounding) @ omega).sum()
        (expected,) = torch.autograd.grad(loss, moved)
    assert recorded.off(gradient, expected) < 1e-6
    with torch.enable_grad():  # the curvature of the first channel, found in another way
        moved = now.clone().requires_grad_(True)
        values = sub.values(moved)[0]
        rows = [torch.autograd.grad(one, moved, retain_graph=True)[0][0] for one in values]
        slopes = torch.stack(rows)  # (P, F)
    residual = (sub.values(now) - sub.target)[0]
    weight = omega / residual.abs().clamp_min(rounding)
    assert recorded.off(curvature[0], slopes.T @ (weight[:, None] * slopes)) < 1e-6
    assert torch.linalg.eigvalsh(curvature).min() > -1e-6 * curvature.abs().max()
    descent.products, descent.block = None, 37  # in blocks, as where products would not fit
    assert (
        recorded.off(
            descent._expand(now, sub.values(now) - sub.target, omega, rounding)[1], curvature
        )
        < 1e-9
    )


@pytest.mark.parametrize("mu", [0.0, 0.1, 10.0])
def test_newton_never_ends_worse_and_mu_is_a_dial(recorded: Recorded, mu: float) -> None:
    problem = two_exemplars(recorded)
    solution = newton.solve(problem, mu=mu)
    assert solution.losses[-1] < solution.losses[0]
    assert torch.isfinite(solution.coefficients).all()
    tighter = newton.solve(problem, mu=10 * mu + 1)
    assert problem.change(tighter.coefficients) < problem.change(solution.coefficients)
    assert tighter.losses[-1] > solution.losses[-1]


def test_newton_beats_direct_descent(recorded: Recorded) -> None:
    problem = posed(recorded)
    descended = SOLVERS["direct"](problem, iterations=200).losses[-1]
    assert newton.solve(problem, mu=1e-3).losses[-1] <= descended * 1.002


@pytest.mark.parametrize("settings_", [{}, {"low_rank_gradient": True}])
@pytest.mark.parametrize("rank", [1, 3])
def test_newton_at_the_same_change_reaches_no_higher_loss(
    recorded: Recorded, rank: int, settings_: dict
) -> None:
    goal = recorded.goal(halo=1)
    exemplar = (recorded.layer, goal.state, goal.target, recorded.directions(rank))
    theirs = insert(
        *exemplar, "projected_gradient", recorded.stats, goal.weights, iterations=101, **settings_
    )
    change = float(theirs.metadata["change"])
    ours = match_change(*exemplar, recorded.stats, change, goal.weights)
    assert float(ours.metadata["change"]) <= change * (1 + 1e-6)
    assert float(ours.metadata["loss_after"]) <= float(theirs.metadata["loss_after"]) + 1e-6


def test_the_best_projection_can_be_kept(recorded: Recorded) -> None:
    problem = posed(recorded)
    solve = SOLVERS["projected_gradient"]
    best = solve(problem, iterations=61, keep="best", learning_rate=0.5)
    assert problem.loss(problem.weight_of(best.coefficients)).item() == pytest.approx(
        min(best.losses), abs=1e-5
    )
    assert best.notes["loss_best"] == min(best.losses)


def test_a_halo_predicts_the_value_in_the_full_image(recorded: Recorded) -> None:
    state = recorded.keys(5)
    layer = recorded.layer
    noise, layer.generator.noise = layer.generator.noise, "single"
    try:
        values = layer.values(state).v
        goal = cut_goal(layer, state, values, painted_box(recorded.array("area_v.paste")))
        found = layer.values(goal.state).v
        used = goal.weights.bool()[:, None].expand_as(found)
        assert used.any() and not used.all()
        assert torch.allclose(found[used], goal.target[used], atol=1e-5)
        bare = cut_goal(layer, state, values, painted_box(recorded.array("area_v.paste")), halo=0)
        assert not torch.allclose(layer.values(bare.state).v, bare.target, atol=1e-2)
    finally:
        layer.generator.noise = noise


def test_refused_problems(recorded: Recorded) -> None:
    goal, d = recorded.goal(), recorded.directions()
    layer = recorded.layer
    arguments = {"layer": layer, "state": goal.state, "target": goal.target, "directions": d}

    def refused(match: str, **changed) -> None:
        with pytest.raises(ParameterError, match=match):
            insert(**{**arguments, **changed})

    refused("the solvers are newton", solver="magic")
    refused("has no setting 'momentum'", momentum=0.9)
    refused("mu = -1 must not be negative", mu=-1)
    refused("iterations = 0", solver="projected_gradient", iterations=0)
    refused("learning_rate = 0", solver="direct", learning_rate=0)
    refused("it can be last or best", solver="projected_gradient", keep="first")
    refused("target of shape", target=goal.target[:, :, :2])
    refused("not orthonormal", directions=2 * d)
    refused("whose keys have", directions=d[:, :5])
    refused("1 states, 2 targets", target=[goal.target] * 2)
    refused("every cell of the goals has weight zero", weights=torch.zeros(goal.target[:, 0].shape))
    refused("finite and not negative", weights=-torch.ones(goal.target[:, 0].shape))
    refused("NaN", target=goal.target * float("nan"))
    before = next(n for n in layer.generator.layers if n < layer.number)
    refused("has keys of layer", state=layer.generator.layer(before).keys(recorded.z[:1]))


@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "closed_form"])
def test_a_goal_that_is_met_already_is_refused(recorded: Recorded, solver: str) -> None:
    """Not an edit of zeros, nor one of the layer's rounding."""
    goal, layer = recorded.goal(halo=1), recorded.layer
    with torch.no_grad():
        there = layer.values(goal.state).v
    noise = torch.randn(there.shape, generator=torch.Generator().manual_seed(0))
    for met in (there, there * (1 + 1e-6 * noise)):
        with pytest.raises(ParameterError, match="^session hat: layer . gives the goal already"):
            insert(layer, goal.state, met, recorded.directions(), solver, session="hat")
    with pytest.raises(ParameterError, match="gives the goal already"):
        match_change(layer, goal.state, there, recorded.directions(), recorded.stats, 0.1)
    small = there * (1 + 1e-3 * noise)
    assert insert(layer, goal.state, small, recorded.directions(), "newton").coefficients.any()


def test_an_edit_of_zeros_is_refused() -> None:
    """The direction is at right angles to every key of the goal, and nothing demodulates."""
    from tests.memory.conftest import RECORDED

    recorded = next(one for one in RECORDED if one.network == "pg")
    goal = recorded.goal(halo=1)
    k = goal.state.k.clone()
    k[:, 0] = 0
    apart = torch.eye(k.shape[1])[:1]
    state = replace(goal.state, k=k)
    with pytest.raises(ParameterError, match="no change along 1 direction.* nearer to the goal"):
        insert(recorded.layer, state, goal.target, apart, stats=recorded.stats)


def test_orthonormal_directions_make_the_same_change() -> None:
    stream = torch.Generator().manual_seed(3)
    coefficients = torch.randn(5, 3, 3, 3, generator=stream)
    directions = torch.randn(3, 8, generator=stream)
    found, rows = with_orthonormal(coefficients, directions)
    same = rank_change(coefficients, directions)
    torch.testing.assert_close(rank_change(found, rows), same, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(rows @ rows.T, torch.eye(3), atol=1e-6, rtol=0)
    # no orthonormal rows are nearer: the product of both is symmetric and positive (polar factor)
    product = directions @ rows.T
    torch.testing.assert_close(product, product.T, atol=1e-5, rtol=1e-5)
    assert (torch.linalg.eigvalsh(product) > 0).all()
    again, stay = with_orthonormal(found, rows)
    torch.testing.assert_close(stay, rows, atol=1e-6, rtol=0)
    torch.testing.assert_close(again, found, atol=1e-5, rtol=1e-5)
