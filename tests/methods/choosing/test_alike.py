"""Exemplars that look alike are found, whatever their order."""

from __future__ import annotations

import torch

from palimpsest.generators.base import KeyState
from palimpsest.memory.goals import Goal
from palimpsest.methods.choosing.alike import alike_groups


def goal(look: list[float], seed: int, outside: float = 0.0) -> Goal:
    """A goal of 4 x 4 cells that wants ``look`` and some noise; ``outside`` where it weighs 0."""
    noise = torch.Generator().manual_seed(seed)
    target = torch.tensor(look)[None, :, None, None].expand(1, -1, 4, 4).clone()
    target += 0.05 * torch.randn(target.shape, generator=noise)
    weights = torch.ones(1, 4, 4)
    weights[:, :2] = 0
    target[:, :, :2] = outside
    return Goal(KeyState(torch.zeros(1, 3, 4, 4), 6, (0, 0, 4, 4)), target, weights)


RED, BLUE, YELLOW = [1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 1.0, 2.0], [1.0, 1.0, 0.0, 2.0]


def test_goals_of_one_look_are_one_group() -> None:
    goals = [goal(look, i) for i, look in enumerate([RED, BLUE, RED, BLUE, RED])]
    assert (0, 2, 4) in alike_groups(goals) and (1, 3) in alike_groups(goals)
    goals = [goal(look, i) for i, look in enumerate([RED, BLUE, YELLOW, BLUE, RED, YELLOW])]
    assert {(0, 4), (1, 3), (2, 5)} <= set(alike_groups(goals))


def test_cells_without_weight_do_not_count() -> None:
    goals = [goal(RED, i, outside=9.0 * (i % 2)) for i in range(2)]
    goals += [goal(BLUE, 2 + i, outside=9.0 * (i % 2)) for i in range(2)]
    assert set(alike_groups(goals)) == {(0, 1), (2, 3)}


def test_groups_are_some_of_the_goals_and_come_once() -> None:
    goals = [goal([float(i), 0.0, 1.0, 0.0], i) for i in range(6)]
    groups = alike_groups(goals)
    assert len(set(groups)) == len(groups)
    assert all(1 < len(group) < 6 for group in groups)
    assert groups == sorted(groups, key=lambda group: (-len(group), group))
    assert alike_groups(goals[:2]) == [] == alike_groups([])
