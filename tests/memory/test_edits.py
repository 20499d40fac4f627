"""Edits: applied and taken off bit for bit, in any order, and only where they belong."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from palimpsest.errors import EditError
from palimpsest.generators import load_generator, save_generator
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
    assert g2.model_sha256 == recorded.g.weights_sha256 != g2.weights_sha256
    z = recorded.z[:2]
    assert not torch.allclose(g2(z), recorded.g(z))


def test_removal_and_strength_zero_are_bit_exact(recorded: Recorded, edit: Edit) -> None:
    before = weights(recorded.g)
    assert same(weights(edit.remove(edit.apply(recorded.g))), before)
    assert same(weights(edit.apply(recorded.g, strength=0)), before)
    for g in (edit.remove(edit.apply(recorded.g)), edit.apply(recorded.g, strength=0)):
        assert g.weights_sha256 == recorded.g.weights_sha256
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


def on_top(recorded: Recorded, g2) -> Edit:
    """An edit solved on the edited generator ``g2``."""
    goal = recorded.goal(halo=1)
    return insert(
        g2.layer(recorded.number),
        goal.state,
        goal.target,
        recorded.directions(),
        weights=goal.weights,
        session="second",
        iterations=3,
    )


def test_an_edit_solved_on_an_edited_generator_says_so(recorded: Recorded, edit: Edit) -> None:
    g2 = edit.apply(recorded.g, strength=0.5)
    second = on_top(recorded, g2)
    assert second.metadata["after_edits"] == edit.identity[:12]
    assert second.metadata["made_on"] == f"test {edit.identity[:12]} at 0.5"
    assert second.metadata["model_sha256"] == recorded.g.weights_sha256
    assert second.weights_sha256 == g2.weights_sha256 != edit.weights_sha256
    plain = on_top(recorded, edit.remove(g2))
    assert "made_on" not in plain.metadata and plain.weights_sha256 == edit.weights_sha256


def test_an_edit_made_on_top_fits_there_and_nowhere_else(recorded: Recorded, edit: Edit) -> None:
    g = recorded.g
    other = made(recorded, recorded.number, 1)
    second = on_top(recorded, edit.apply(g))
    g3 = second.apply(other.apply(edit.apply(g)))  # what came after it does not matter
    assert [one.identity for one, _ in applied_edits(g3)] == [
        edit.identity,
        other.identity,
        second.identity,
    ]
    assert same(weights(Edit.compose([other, second, edit]).remove(g3)), weights(g))
    assert same(
        weights(Edit.compose([edit, second]).apply(g)), weights(second.apply(edit.apply(g)))
    )
    told = rf"made on top of test {edit.identity[:12]} at 1, .*apply it first"
    for wrong in (g, other.apply(g), edit.apply(g, strength=0.5), edit.apply(other.apply(g))):
        with pytest.raises(EditError, match=told) as caught:
            second.apply(wrong)
        assert "\n" not in str(caught.value)
    assert second.apply(g, strict=False).lineage[0] == g.weights_sha256


def test_identity_is_the_model_and_the_edits_in_order_with_strengths(recorded: Recorded) -> None:
    g = recorded.g
    a, b = made(recorded, recorded.number, 0), made(recorded, recorded.g.layers[-2], 1)
    ways = [
        g,
        a.apply(g),
        a.apply(g, 0.5),
        b.apply(a.apply(g)),
        a.apply(b.apply(g)),
        a.apply(a.apply(g)),
        g.with_weight(recorded.number, recorded.layer.weight + 1),
        g.with_weight(recorded.number, recorded.layer.weight + 2),
    ]
    assert len({way.weights_sha256 for way in ways}) == len(ways)
    assert {way.model_sha256 for way in ways} == {g.weights_sha256}
    assert b.apply(a.apply(g)).weights_sha256 == Edit.compose([a, b]).apply(g).weights_sha256
    assert a.remove(b.apply(a.apply(g))).weights_sha256 == b.apply(g).weights_sha256
    assert b.apply(a.apply(g)).lineage == (
        g.weights_sha256,
        a.apply(g).weights_sha256,
        b.apply(a.apply(g)).weights_sha256,
    )


def test_merged_and_saved_it_is_the_same_rewritten_generator(
    recorded: Recorded, edit: Edit, tmp_path: Path
) -> None:
    g2 = edit.apply(recorded.g, strength=0.5)
    save_generator(g2, tmp_path / "merged.safetensors")
    loaded = load_generator(tmp_path / "merged.safetensors")
    assert loaded.lineage == g2.lineage and same(weights(loaded), weights(g2))
    second = on_top(recorded, g2)
    assert same(weights(second.apply(loaded)), weights(second.apply(g2)))
    assert second.apply(loaded).weights_sha256 == second.apply(g2).weights_sha256
    save_generator(g2, tmp_path / "rounded.safetensors", dtype=torch.float16)
    rounded = load_generator(tmp_path / "rounded.safetensors")  # no longer the same weights
    assert rounded.lineage == (rounded.model_sha256,) and rounded.model_sha256 not in g2.lineage


def test_the_loss_before_is_that_of_the_edited_generator(recorded: Recorded, edit: Edit) -> None:
    second = on_top(recorded, edit.apply(recorded.g))
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


@pytest.mark.parametrize("kernel", [(1, 1), (4, 4), (3, 5)])
def test_an_edit_has_the_kernel_of_its_layer(
    recorded: Recorded, kernel: tuple[int, int], tmp_path: Path
) -> None:
    m, n = recorded.layer.weight.shape[:2]
    draw = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(n, 2, generator=draw))[0].T
    number = recorded.layer.number
    about = {"layer": str(number), "weights_sha256": recorded.g.weights_sha256}
    edit = Edit(directions, torch.randn(m, 2, *kernel, generator=draw), about)
    edit.save(tmp_path / "edit.safetensors")
    loaded = Edit.load(tmp_path / "edit.safetensors")
    assert loaded.identity == edit.identity
    expected = (edit.coefficients.permute(2, 3, 0, 1) @ directions).permute(2, 3, 0, 1)
    assert torch.allclose(loaded.delta(), expected, atol=1e-5)
    with pytest.raises(EditError, match=f"layer {number} has"):  # which is 3 x 3
        loaded.apply(recorded.g)
