"""Edits: applied and taken off bit for bit, in any order, and only where they belong."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from palimpsest.errors import EditError
from palimpsest.memory import Edit, applied_edits, insert

if TYPE_CHECKING:
    from tests.memory.conftest import Recorded


@pytest.fixture
def edit(recorded: Recorded) -> Edit:
    goal = recorded.goal(halo=1)
    return insert(
        recorded.layer,
        goal.state,
        goal.target,
        recorded.directions(),
        stats=recorded.stats,
        weights=goal.weights,
        session="test",
        iterations=5,
    )


def made(recorded: Recorded, layer: int, seed: int) -> Edit:
    """Some edit of a layer."""
    m, n = recorded.g.layer(layer).weight.shape[:2]
    draw = torch.Generator().manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(n, 2, generator=draw))[0].T
    return Edit(
        directions,
        torch.randn(m, 2, 3, 3, generator=draw),
        {"layer": str(layer), "weights_sha256": recorded.g.weights_sha256},
    )


def weights(g) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in g.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_apply_changes_the_layer_by_the_rule_and_nothing_else(
    recorded: Recorded, edit: Edit
) -> None:
    before = weights(recorded.g)
    g2 = edit.apply(recorded.g, strength=0.5)
    assert same(weights(recorded.g), before)
    expected = recorded.layer.weight + 0.5 * edit.delta()
    assert torch.equal(g2.layer(recorded.number).weight, expected)
    changed = [k for k, v in weights(g2).items() if not torch.equal(v, before[k])]
    assert len(changed) == 1
    assert g2.weights_sha256 == recorded.g.weights_sha256
    z = recorded.z[:2]
    assert not torch.allclose(g2(z), recorded.g(z))


def test_removal_and_strength_zero_are_bit_exact(recorded: Recorded, edit: Edit) -> None:
    before = weights(recorded.g)
    assert same(weights(edit.remove(edit.apply(recorded.g))), before)
    assert same(weights(edit.apply(recorded.g, strength=0)), before)
    assert applied_edits(edit.remove(edit.apply(recorded.g))) == ()


def test_saved_and_loaded(recorded: Recorded, edit: Edit, tmp_path: Path) -> None:
    path = tmp_path / "hat.safetensors"
    edit.save(path)
    loaded = Edit.load(path)
    assert torch.equal(loaded.directions, edit.directions)
    assert torch.equal(loaded.coefficients, edit.coefficients)
    assert loaded.metadata == dict(edit.metadata)
    assert loaded.identity == edit.identity
    assert loaded.layer == recorded.number
    assert loaded.rank == 1
    assert float(loaded.metadata["loss_after"]) < float(loaded.metadata["loss_before"])
    assert loaded.metadata["session"] == "test"
    for name in ("weights_sha256", "solver", "seconds", "mu", "change", "relative_change", "torch"):
        assert loaded.metadata[name]
    # a copy from disk takes off what the original put on
    assert same(weights(loaded.remove(edit.apply(recorded.g))), weights(recorded.g))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_of_removal(recorded: Recorded, order: tuple[int, ...]) -> None:
    last = recorded.g.layers[-2]
    edits = [
        made(recorded, recorded.number, 0),
        made(recorded, last, 1),
        made(recorded, recorded.number, 2),
    ]
    g = Edit.compose(edits).apply(recorded.g, strength=0.3)
    left = list(edits)
    for place in order:
        g = edits[place].remove(g)
        left.remove(edits[place])
        expected = Edit.compose(left).apply(recorded.g, strength=0.3)
        assert same(weights(g), weights(expected))
    assert same(weights(g), weights(recorded.g))


def test_sequences(recorded: Recorded) -> None:
    a, b = made(recorded, recorded.number, 0), made(recorded, recorded.number, 1)
    both = Edit.compose([a, b])
    g2 = Edit.compose([both]).apply(recorded.g)
    assert [edit.identity for edit, _ in applied_edits(g2)] == [a.identity, b.identity]
    assert same(weights(both.remove(g2)), weights(recorded.g))
    twice = a.apply(a.apply(recorded.g), strength=2.0)
    assert applied_edits(a.remove(twice)) == ((a, 1.0),)


def test_an_edit_solved_on_an_edited_generator_notes_it(recorded: Recorded, edit: Edit) -> None:
    g2 = edit.apply(recorded.g)
    goal = recorded.goal(halo=1)
    second = insert(
        g2.layer(recorded.number),
        goal.state,
        goal.target,
        recorded.directions(),
        weights=goal.weights,
        iterations=3,
    )
    assert second.metadata["after_edits"] == edit.identity[:12]
    assert second.weights_sha256 == edit.weights_sha256
    assert float(second.metadata["loss_before"]) == pytest.approx(
        float(edit.metadata["loss_after"]), rel=1e-5
    )


def test_refusals(recorded: Recorded, edit: Edit, tmp_path: Path) -> None:
    g = recorded.g
    with pytest.raises(EditError, match="not applied"):
        edit.remove(g)
    foreign = Edit(
        edit.directions, edit.coefficients, {**edit.metadata, "weights_sha256": "f" * 64}
    )
    with pytest.raises(EditError, match="made for weights ffffffffffff.*strict=False"):
        foreign.apply(g)
    assert torch.equal(
        foreign.apply(g, strict=False).layer(recorded.number).weight,
        edit.apply(g).layer(recorded.number).weight,
    )
    missing = Edit(edit.directions, edit.coefficients, {**edit.metadata, "layer": "40"})
    with pytest.raises(EditError, match="for layer 40; the generator has"):
        missing.apply(g)
    narrow = Edit(edit.directions[:, :-1], edit.coefficients, edit.metadata)
    with pytest.raises(EditError, match="changes a weight of shape"):
        narrow.apply(g)
    with pytest.raises(EditError, match="finite"):
        edit.apply(g, strength=float("nan"))
    with pytest.raises(EditError, match="NaN"):
        Edit(edit.directions, edit.coefficients * float("inf"), edit.metadata)
    with pytest.raises(EditError, match="must be"):
        Edit(edit.directions, edit.coefficients[:, :, 0], edit.metadata)
    with pytest.raises(EditError, match="number of its layer"):
        Edit(edit.directions, edit.coefficients, {})
    g2 = edit.apply(g)
    tuned = g2.with_weight(recorded.number, g2.layer(recorded.number).weight + 1)
    with pytest.raises(EditError, match="changed by something else"):
        edit.remove(tuned)
    path = tmp_path / "edit.safetensors"
    recorded.stats.save(path)
    with pytest.raises(EditError, match="holds no directions"):
        Edit.load(path)
    path.write_bytes(b"not an edit")
    with pytest.raises(EditError, match="edit.safetensors: damaged"):
        Edit.load(path)
