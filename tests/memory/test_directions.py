"""Directions: what they are for simple contexts, and which contexts are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.memory import (
    KeyStatistics,
    context_directions,
    unit_directions,
    unit_order,
    unit_scores,
)

if TYPE_CHECKING:
    from tests.memory.conftest import Recorded


def random_stats(units: int, seed: int) -> KeyStatistics:
    mixing = torch.randn(units, units, generator=torch.Generator().manual_seed(seed)).double()
    return KeyStatistics(mixing @ mixing.T + 0.1 * torch.eye(units).double(), count=1000)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10))
def test_of_one_key_is_eq_10(seed: int, scale: float) -> None:
    stats = random_stats(6, seed)
    key = torch.randn(1, 6, generator=torch.Generator().manual_seed(seed + 1))
    expected = stats.inverse @ key[0].double()
    direction = context_directions([key], [torch.tensor([scale])], stats)[0]
    assert torch.allclose(direction.double(), expected / expected.norm(), atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), rank=st.integers(1, 4))
def test_rows_are_orthonormal_and_face_the_context(seed: int, rank: int) -> None:
    stats = random_stats(8, seed)
    keys = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(seed)) + 0.3
    weights = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(seed))
    found = context_directions(keys, weights, stats, rank).double()
    assert torch.allclose(found @ found.T, torch.eye(rank).double(), atol=1e-5)
    cells = keys.permute(0, 2, 3, 1).reshape(-1, 8)
    total = (weights.flatten()[:, None] * stats.whiten(cells)).sum(dim=0)
    assert (found @ total > 0).all()


def test_cells_of_weight_zero_do_not_count() -> None:
    stats = random_stats(5, 0)
    keys = torch.randn(5, 2, 2)
    weights = torch.tensor([[1.0, 0.5], [0.0, 0.0]])
    changed = keys.clone()
    changed[:, 1] += 3
    assert torch.equal(
        context_directions([keys], [weights], stats, 2),
        context_directions([changed], [weights], stats, 2),
    )


def test_refused_contexts(recorded: Recorded) -> None:
    keys, weights = recorded.context
    with pytest.raises(ParameterError, match="no cell of positive weight"):
        context_directions(keys[:1], [torch.zeros(16, 16)], recorded.stats)
    few = torch.zeros(16, 16)
    few[3, 3:5] = 1
    with pytest.raises(ParameterError, match=r"rank 3 is not within 1\.\.2"):
        context_directions(keys[:1], [few], recorded.stats, rank=3)
    with pytest.raises(ParameterError, match="independent"):
        context_directions([keys[0]] * 3, [few * 1.0] * 3, recorded.stats, rank=3)
    with pytest.raises(ParameterError, match="4 context images, but 3"):
        context_directions(keys, weights[:3], recorded.stats)
    with pytest.raises(ParameterError, match="not negative"):
        context_directions(keys[:1], [-few], recorded.stats)
    with pytest.raises(ParameterError, match="not the same layer"):
        context_directions(keys, weights, random_stats(5, 0))


def test_units(recorded: Recorded) -> None:
    order = unit_order(*recorded.context, recorded.stats)
    assert sorted(order.tolist()) == list(range(recorded.stats.units))
    scores = unit_scores(*recorded.context, recorded.stats)
    assert scores[order].diff().max() <= 0, "the most specific first"
    rows = unit_directions(order[:3], recorded.stats.units)
    assert torch.equal(rows @ rows.T, torch.eye(3))
    assert rows.argmax(dim=1).tolist() == order[:3].tolist()
    with pytest.raises(ParameterError, match="different"):
        unit_directions([1, 1], 4)
    with pytest.raises(StatisticsError, match="no unit quantiles"):
        unit_order(*recorded.context, recorded.stats, rule="quantile")
    with pytest.raises(ParameterError, match="none of energy, quantile"):
        unit_order(*recorded.context, recorded.stats, rule="size")
