"""Inversion on a small Progressive GAN in which the weight that turns the rule round is known.

Two units of layer 3 are set to (a, 0) where the cause is on and to (0, a) where it is off, all over
the map, and the others to 0. Then the two halves of a pair differ by an exchange of these two
units, and a later layer exchanges what they bring about if it has the two columns of its weight the
other way round:

    W₁ − W₀ = (W₀[:, 1] − W₀[:, 0]) ⊗ (e₀ − e₁)

which is a change of rank one, and leaves no loss.
"""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import ValueState
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.memory import Edit
from palimpsest.memory.inversion import invert_layer, invert_low_rank, low_rank_factors
from palimpsest.memory.swaps import Swap, joined, pose_swap

PAIRS, WIDTH, CAUSE, GOAL = 3, 6, 3, 6
EVERYWHERE = torch.ones(16, 16)
DIRECTION = torch.zeros(WIDTH)
DIRECTION[0], DIRECTION[1] = math.sqrt(0.5), -math.sqrt(0.5)


@pytest.fixture(scope="module")
def g() -> ProgressiveGAN:
    """Layers 2 to 6, the last two of 16 × 16 cells; all weights random, all biases 0."""
    torch.manual_seed(1)
    return ProgressiveGAN(16, {4: WIDTH, 8: WIDTH, 16: WIDTH}, z_dim=5).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def halves() -> tuple[ValueState, ValueState]:
    """Pairs of values of layer 3 with the cause on, and off."""
    torch.manual_seed(2)
    a = torch.randn(PAIRS, 8, 8)
    states = []
    for unit in (0, 1):
        v = torch.zeros(PAIRS, WIDTH, 8, 8)
        v[:, unit] = 20 * a
        states.append(ValueState(v, CAUSE, (0, 0, 8, 8)))
    return states[0], states[1]


@pytest.fixture(scope="module")
def swap(g: ProgressiveGAN, halves: tuple[ValueState, ValueState]) -> Swap:
    return pose_swap(g, *halves, EVERYWHERE, GOAL)


def known_weight(g: ProgressiveGAN) -> Tensor:
    """Of layer 4, with the columns of the two units exchanged."""
    return g.layer(4).weight[:, [1, 0, *range(2, WIDTH)]]


def goal_values(g: ProgressiveGAN, values: ValueState) -> Tensor:
    while values.layer < GOAL:
        state = g.next_keys(values)
        values = g.layer(state.layer).values(state)
    return values.v


def test_the_goal_is_the_image_with_the_area_of_its_twin(g, halves) -> None:
    on, off = (goal_values(g, half) for half in halves)
    area = torch.zeros(16, 16)
    area[3:5, 2:9], area[5] = 1, 0.25
    posed = pose_swap(g, *halves, area, GOAL)
    want_on, want_off = posed.target.chunk(2)
    assert torch.allclose(want_on[:, :, 3:5, 2:9], off[:, :, 3:5, 2:9], atol=1e-5)
    assert torch.allclose(want_off[:, :, 3:5, 2:9], on[:, :, 3:5, 2:9], atol=1e-5)
    assert torch.equal(want_on[:, :, 6:], on[:, :, 6:]) and torch.equal(
        want_off[:, :, :3], off[:, :, :3]
    )
    assert torch.allclose(want_on[:, :, 5], 0.75 * on[:, :, 5] + 0.25 * off[:, :, 5], atol=1e-5)
    assert posed.pairs == PAIRS and posed.target.shape == (2 * PAIRS, WIDTH, 16, 16)


def test_each_pair_may_have_an_area_of_its_own(g, halves) -> None:
    areas = torch.zeros(PAIRS, 16, 16)
    areas[2] = 1
    want_on, want_off = pose_swap(g, *halves, areas, GOAL).target.chunk(2)
    on, off = (goal_values(g, half) for half in halves)
    assert torch.allclose(want_on[2], off[2], atol=1e-5)
    assert torch.equal(want_on[:2], on[:2])
    assert torch.equal(want_off[:2], off[:2])


def test_the_same_area_for_each_pair_is_one_area_for_all(g, halves) -> None:
    area = torch.rand(16, 16, generator=torch.Generator().manual_seed(5))
    one = pose_swap(g, *halves, area, GOAL)
    each = pose_swap(g, *halves, area.repeat(PAIRS, 1, 1), GOAL)
    assert torch.equal(one.target, each.target)


def test_the_loss_is_the_sum_of_the_means_of_both_halves(g, halves, swap: Swap) -> None:
    on, off = (goal_values(g, half) for half in halves)
    apart = float((on - off).square().mean())
    for number in (4, 5, 6):
        found = swap.loss(swap.keys(number), g.layer(number).weight).item()
        assert found == pytest.approx(2 * apart, rel=1e-4)
    only = swap.loss(swap.keys(4), g.layer(4).weight, [1, PAIRS + 1]).item()
    assert only == pytest.approx(2 * float((on[1] - off[1]).square().mean()), rel=1e-4)


def test_the_known_weight_leaves_no_loss(g, swap: Swap) -> None:
    state = swap.keys(4)
    before = swap.loss(state, g.layer(4).weight).item()
    assert swap.loss(state, known_weight(g)).item() < 1e-9 * before


def test_the_known_change_is_found_and_has_rank_one(g, swap: Swap) -> None:
    found = invert_low_rank(swap, 4, iterations=120, rate=0.05)
    edit = found.edit
    assert found.loss_after < 0.05 * found.loss_before
    assert edit.directions.shape == (1, WIDTH) and edit.coefficients.shape == (WIDTH, 1, 3, 3)
    assert edit.directions.norm().item() == pytest.approx(1, abs=1e-6)
    assert abs(edit.directions[0] @ DIRECTION) > 0.98
    matrix = edit.delta().transpose(0, 1).flatten(1).double()
    values = torch.linalg.svdvals(matrix)
    assert values[1] < 1e-6 * values[0]
    known = (known_weight(g) - g.layer(4).weight).flatten()
    assert torch.cosine_similarity(edit.delta().flatten(), known, dim=0) > 0.95


def test_the_edit_does_what_its_losses_say(g, swap: Swap) -> None:
    """Also that an edit of all directions is the tuned weight."""
    for found in (
        invert_layer(swap, 5, iterations=35),
        invert_low_rank(swap, 5, rank=2, iterations=35),
    ):
        weight = found.edit.apply(g).layer(5).weight
        reached = swap.loss(swap.keys(5), weight).item()
        assert reached == pytest.approx(found.loss_after, rel=1e-3)
        assert reached < found.loss_before == found.losses[0]
        assert found.edit.metadata["loss_after"] == format(found.loss_after, ".12g")
        assert [row["step"] for row in found.rows()] == [0, 10, 20, 30, 35]
        assert {row["layer"] for row in found.rows()} == {5}


def test_all_directions_fit_at_least_as_well_as_one(swap: Swap) -> None:
    for number in (5, 6):
        whole = invert_layer(swap, number, iterations=50)
        assert whole.edit.rank == WIDTH
        assert list(whole.losses) == sorted(whole.losses, reverse=True)
        narrow = invert_low_rank(swap, number, iterations=50, rate=0.02)
        assert whole.loss_after < narrow.loss_after < whole.loss_before


def test_a_layer_whose_values_are_the_goal_reaches_least_squares(g, halves) -> None:
    posed = pose_swap(g, *halves, torch.eye(8), 4)
    state = posed.keys(4)
    columns = torch.nn.functional.unfold(state.k, 3, padding=1)  # (2 P, 9 N, 64)
    columns = columns.transpose(0, 1).flatten(1).T.double()
    wanted = posed.target.flatten(2).transpose(0, 1).flatten(1).T.double()
    best = torch.linalg.lstsq(columns, wanted).solution
    least = 2 * (columns @ best - wanted).square().mean().item()
    found = invert_layer(posed, 4, iterations=300, rate=0.03)
    assert least <= found.loss_after * (1 + 1e-6) and found.loss_after < 1.02 * least


def test_the_generator_is_left_as_it_was(g, swap: Swap) -> None:
    kept = copy.deepcopy(g.state_dict())
    edit = invert_low_rank(swap, 5, iterations=20).edit
    other = edit.apply(g)
    assert not torch.equal(other.layer(5).weight, kept["layer5.conv.weight"])
    for weights in (g.state_dict(), edit.remove(other).state_dict()):
        assert all(torch.equal(weights[name], kept[name]) for name in kept)
    assert not any(p.requires_grad or p.grad is not None for p in g.parameters())


def test_the_same_pairs_give_the_same_edit_and_files_keep_it(swap: Swap, tmp_path) -> None:
    first, second = (invert_low_rank(swap, 6, iterations=20, notes={"session": "x"}) for _ in "ab")
    assert first.losses == second.losses
    assert first.edit.identity == second.edit.identity
    first.edit.save(tmp_path / "edit.safetensors")
    read = Edit.load(tmp_path / "edit.safetensors")
    assert read.identity == first.edit.identity
    told = {"session": "x", "layer": "6", "rank": "1", "pairs": "3", "switched_layer": "3"}
    assert told.items() <= read.metadata.items()


def test_pairs_may_take_turns(swap: Swap) -> None:
    every = invert_layer(swap, 5, iterations=20)
    assert invert_layer(swap, 5, iterations=20, pairs_a_step=PAIRS).losses == pytest.approx(
        every.losses, rel=1e-4
    )
    one = invert_layer(swap, 5, iterations=40, pairs_a_step=1)
    assert one.losses[0] == every.losses[0]
    assert one.losses[1] != every.losses[1] and one.loss_after < 0.8 * one.loss_before


@pytest.mark.parametrize("number", [2, 3])
def test_a_layer_that_cannot_see_the_switch_is_refused(swap: Swap, number: int) -> None:
    for invert in (invert_layer, invert_low_rank):
        with pytest.raises(ParameterError, match=f"layer {number} cannot see a switch.*4 to 6"):
            invert(swap, number)


def test_layers_and_goals_out_of_reach_are_refused(g, halves) -> None:
    near = pose_swap(g, *halves, torch.ones(8, 8), 4)
    with pytest.raises(ParameterError, match="layer 5 comes after the goal.*choose 4"):
        invert_layer(near, 5)
    for goal in (3, 2, 7):
        with pytest.raises(ParameterError, match=f"goal at layer {goal}.*after layer 3"):
            pose_swap(g, *halves, EVERYWHERE, goal)


def test_pairs_that_do_not_match_are_refused(g, halves) -> None:
    on, off = halves
    with pytest.raises(ParameterError, match="same samples"):
        pose_swap(g, on, off[[0, 1]], EVERYWHERE, GOAL)
    with pytest.raises(ParameterError, match="do not differ in the area"):
        pose_swap(g, on, on, EVERYWHERE, GOAL)
    with pytest.raises(ParameterError, match="do not differ in the area"):
        pose_swap(g, on, off, torch.zeros(16, 16), GOAL)
    with pytest.raises(ParameterError, match=r"area of shape \(8, 8\).*\(16, 16\)"):
        pose_swap(g, on, off, torch.ones(8, 8), GOAL)
    with pytest.raises(ParameterError, match="area of shape"):
        pose_swap(g, on, off, torch.ones(PAIRS + 1, 16, 16), GOAL)
    for wrong in (2.0, -0.5, math.nan):
        with pytest.raises(ParameterError, match="outside 0 to 1"):
            pose_swap(g, on, off, torch.full((16, 16), wrong), GOAL)


def test_numbers_that_make_no_sense_are_refused(swap: Swap) -> None:
    for wrong in ({"iterations": 0}, {"rate": 0.0}, {"pairs_a_step": 0}):
        with pytest.raises(ParameterError, match="must be positive"):
            invert_layer(swap, 5, **wrong)
    for rank in (0, WIDTH + 1):
        with pytest.raises(ParameterError, match=f"rank {rank}; a layer of 6 inputs"):
            invert_low_rank(swap, 5, rank=rank, iterations=10)
    with pytest.raises(ParameterError, match="lower the rate"):
        invert_layer(swap, 6, rate=1e30, iterations=10)


def test_a_change_of_low_rank_is_given_back_by_its_factors() -> None:
    torch.manual_seed(5)
    d = torch.linalg.qr(torch.randn(7, 2)).Q.T
    scale = torch.tensor([5.0, 0.5])
    tops = torch.linalg.qr(torch.randn(36, 2)).Q.T.reshape(2, 4, 3, 3) * scale[:, None, None, None]
    change = torch.einsum("smyx,sn->mnyx", tops, d)
    directions, coefficients = low_rank_factors(change, 2)
    again = torch.einsum("msyx,sn->mnyx", coefficients, directions)
    assert torch.allclose(again, change, atol=1e-5)
    assert torch.allclose(directions @ directions.T, torch.eye(2), atol=1e-6)
    largest, _ = low_rank_factors(change, 1)
    assert abs(largest[0] @ d[0]).item() == pytest.approx(1, abs=1e-5)
    assert largest[0, largest[0].abs().argmax()] > 0
    assert torch.equal(low_rank_factors(-change, 1)[0], largest)


def test_states_are_joined_in_order(halves) -> None:
    on, off = halves
    both = joined(on, off, on[0])
    assert len(both) == 2 * PAIRS + 1 and both.layer == CAUSE and both.skip is None
    assert torch.equal(both.v[PAIRS : 2 * PAIRS], off.v) and torch.equal(both.v[-1], on.v[0])
