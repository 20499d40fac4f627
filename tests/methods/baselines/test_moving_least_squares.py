"""Rigid moving least squares: rotations and translations come back as they are."""

import math

import pytest
import torch

from palimpsest.methods.baselines.moving_least_squares import deformation_field, rigid_deformation


def drawn(*shape, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=random, dtype=torch.float64) * 40


def rotated(points, angle, by=(3.0, -5.0)):
    c, s = math.cos(angle), math.sin(angle)
    return points @ torch.tensor([[c, s], [-s, c]], dtype=torch.float64) + torch.tensor(by)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, math.pi])
@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_rotation_and_translation_come_back(angle, alpha):
    source, points = drawn(7, 2), drawn(50, 2, seed=1)
    moved = rigid_deformation(points, source, rotated(source, angle), alpha)
    assert (moved - rotated(points, angle)).abs().max() < 1e-6


def test_pairs_at_rest_move_nothing():
    source, points = drawn(5, 2), drawn(50, 2, seed=1)
    assert (rigid_deformation(points, source, source) - points).abs().max() < 1e-9


def test_every_pair_is_met_and_the_near_one_rules():
    source, target = drawn(6, 2), drawn(6, 2, seed=1)
    assert (rigid_deformation(source, source, target) - target).abs().max() < 1e-6
    near = rigid_deformation(source + 1e-3, source, target)
    assert (near - target).norm(dim=-1).max() < 1e-2


def test_nothing_is_scaled():
    source = torch.tensor([[10.0, 10.0], [10.0, 30.0]], dtype=torch.float64)
    doubled = 2 * source
    line = torch.stack([torch.full((9,), 10.0), torch.linspace(60, 68, 9)], 1).double()
    moved = rigid_deformation(line, source, doubled)
    # far from the pairs all weights are nearly alike, and lengths are kept where a
    # similarity would double them
    steps = (moved[1:] - moved[:-1]).norm(dim=1)
    assert (steps - 1).abs().max() < 0.35


@pytest.mark.parametrize("copies", [1, 3])
def test_pairs_at_one_place_only_translate(copies):
    place = torch.tensor([[11.1, 7.3]], dtype=torch.float64).repeat(copies, 1)
    points, offset = drawn(50, 2), drawn(copies, 2, seed=1)
    moved = rigid_deformation(points, place, place + offset)
    assert (moved - points - offset.mean(0)).abs().max() < 1e-6


def test_items_of_a_batch_may_have_different_numbers_of_pairs():
    source, target, points = drawn(2, 5, 2), drawn(2, 5, 2, seed=1), drawn(30, 2, seed=2)
    counts = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    both = rigid_deformation(points, source, target, counts=counts)
    few = rigid_deformation(points, source[0, :3], target[0, :3])
    assert torch.allclose(both[0], few, atol=1e-9)
    assert torch.allclose(both[1], rigid_deformation(points, source[1], target[1]), atol=1e-9)


@pytest.mark.parametrize("spacing", [1.0, 8.57, 100.0])
def test_field_of_a_rotation_is_that_rotation(spacing):
    source = drawn(5, 2)
    field = deformation_field(source, rotated(source, 0.7), (21, 34), spacing)
    pixels = torch.cartesian_prod(torch.arange(21.0), torch.arange(34.0)).double()
    assert field.shape == (21, 34, 2)
    assert (field.flatten(0, 1) - rotated(pixels, 0.7)).abs().max() < 1e-6


def test_field_agrees_with_the_deformation_at_its_nodes():
    source, target = drawn(2, 5, 2), drawn(2, 5, 2, seed=1)
    field = deformation_field(source, target, (33, 41), spacing=8.0)
    nodes = torch.cartesian_prod(torch.arange(0.0, 33, 8), torch.arange(0.0, 41, 8)).double()
    exact = rigid_deformation(nodes, source, target).reshape(2, 5, 6, 2)
    assert (field[:, ::8, ::8] - exact).abs().max() < 1e-6
    finest = deformation_field(source, target, (33, 41), spacing=1.0)
    pixels = torch.cartesian_prod(torch.arange(33.0), torch.arange(41.0)).double()
    assert (finest.flatten(1, 2) - rigid_deformation(pixels, source, target)).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("source", "target", "counts", "says"),
    [
        (torch.zeros(3, 2), torch.zeros(4, 2), None, "do not|not"),
        (torch.zeros(3, 3), torch.zeros(3, 3), None, r"\(\.\.\., N, 2\)"),
        (torch.zeros(0, 2), torch.zeros(0, 2), None, "there is none"),
        (torch.zeros(2, 2), torch.zeros(2, 2), torch.zeros(2), "there is none"),
        (torch.zeros(2, 2), torch.zeros(2, 2), torch.tensor([2.0, -1.0]), "negative"),
        (torch.zeros(2, 2), torch.zeros(2, 2), torch.ones(3), "counts for pairs"),
    ],
)
def test_bad_pairs_are_refused(source, target, counts, says):
    with pytest.raises(ValueError, match=says):
        rigid_deformation(torch.zeros(1, 2), source, target, counts=counts)


def test_bad_points_and_spacings_are_refused():
    pairs = torch.ones(3, 2)
    with pytest.raises(ValueError, match="points"):
        rigid_deformation(torch.zeros(4, 3), pairs, pairs)
    with pytest.raises(ValueError, match="spacing 0"):
        deformation_field(pairs, pairs, (8, 8), 0)
