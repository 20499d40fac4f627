"""Edits of wrapped networks: exact in every layer, removed bit for bit, of one network only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from palimpsest.errors import EditError
from palimpsest.generators import sample_z
from palimpsest.generators.wrapped import WrappedGenerator, WrappedLayer, wrap
from palimpsest.memory import Edit, KeyStatistics, applied_edits, context_directions, insert
from tests.generators.networks import DCGAN, OddConvolutions, ResNetGAN, seeded

KINDS = {DCGAN: {"z_dim": 16}, ResNetGAN: {"z_dim": 16}, OddConvolutions: {"z_shape": (8, 6, 9)}}


def wrapped(kind: type[nn.Module], seed: int = 0) -> WrappedGenerator:
    return wrap(seeded(kind, seed), **KINDS[kind])


def moved(layer: WrappedLayer, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Target values of sample 0 that differ at a cell in the middle, and the weights of cells."""
    values = layer.values(layer.keys(sample_z(layer.generator, 1))).v
    draw = torch.Generator().manual_seed(seed)
    target, weights = values.clone(), torch.zeros(1, *values.shape[2:])
    row, column = values.shape[2] // 2, values.shape[3] // 2
    target[0, :, row, column] += values.std() * torch.randn(len(target[0]), generator=draw)
    weights[0, row, column] = 1
    return target, weights


def exact_edit(layer: WrappedLayer, seed: int = 0) -> tuple[Edit, Tensor, Tensor]:
    g = layer.generator
    draw = torch.Generator().manual_seed(seed)
    units = layer.weight.shape[1]
    directions = torch.linalg.qr(torch.randn(units, 2, generator=draw))[0].T
    target, weights = moved(layer, seed)
    state = layer.keys(sample_z(g, 1))
    edit = insert(layer, state, target, directions, solver="closed_form", weights=weights)
    return edit, target, weights


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_closed_form_is_exact_and_an_edit_is_removed_bit_for_bit(
    kind: type[nn.Module], tmp_path: Path
) -> None:
    g, network = wrapped(kind), seeded(kind)
    z = sample_z(g, 1)
    for number in g.layers:
        layer = g.layer(number)
        edit, target, weights = exact_edit(layer)
        edit.save(tmp_path / "edit.safetensors")
        fresh = wrapped(kind)
        g2 = Edit.load(tmp_path / "edit.safetensors").apply(fresh)
        seen = []
        hook = g2.layer(number).module.register_forward_hook(
            lambda *a, seen=seen: seen.append(a[2])
        )
        g2(z)
        hook.remove()
        apart = ((seen[0] - target).abs() * weights[:, None]).max()
        assert apart < 1e-5 * max(1.0, float(target.abs().max())), layer.name
        assert same(fresh, network) and not same(g2, network)
        assert same(edit.remove(g2), network) and not applied_edits(edit.remove(g2))


@pytest.mark.parametrize("kind", [DCGAN, ResNetGAN], ids=lambda kind: kind.__name__)
def test_a_network_itself_is_changed_and_given_back_bit_for_bit(kind: type[nn.Module]) -> None:
    network, g = seeded(kind), wrapped(kind)
    first, second = (exact_edit(g.layer(number))[0] for number in (1, 2))
    again = exact_edit(g.layer(1), seed=1)[0]
    memory = {name: tensor.data_ptr() for name, tensor in network.state_dict().items()}
    for edit, strength in ((first, 1.0), (second, 0.5), (again, 1.0)):
        edit.merge_into(network, strength)
    expected = again.apply(second.apply(first.apply(g), 0.5))
    assert same(network, expected)
    assert memory == {name: tensor.data_ptr() for name, tensor in network.state_dict().items()}
    assert first.remove(network) is network
    assert same(network, first.remove(expected))
    again.remove(network)
    second.remove(network)
    assert same(network, seeded(kind))
    with pytest.raises(EditError, match="not merged into the network"):
        first.remove(network)


def test_an_edit_is_merged_only_where_it_belongs() -> None:
    edit = exact_edit(wrapped(ResNetGAN).layer("blocks.0.shortcut"))[0]
    network = seeded(ResNetGAN, seed=1)
    with pytest.raises(EditError, match="made for weights"):
        edit.merge_into(network)
    with pytest.raises(EditError, match="made for weights"):
        edit.apply(wrapped(ResNetGAN, seed=1))
    with pytest.raises(EditError, match="the network has none so called"):
        edit.merge_into(seeded(DCGAN))
    with pytest.raises(EditError, match="edited with apply"):
        edit.merge_into(wrapped(ResNetGAN))
    edit.merge_into(network, strict=False)
    with torch.no_grad():
        network.blocks[0].shortcut.weight[0] += 1
    with pytest.raises(EditError, match="changed by something else"):
        edit.remove(network)


def test_newton_follows_the_context_of_a_strided_layer() -> None:
    """The directions stand out in the context, so the change is there and not elsewhere."""
    g = wrapped(DCGAN)
    layer = g.layer(3)
    stats = KeyStatistics.collect(g, 3, n=100)
    assert stats.count == 100 * 8 * 8
    state = layer.keys(sample_z(g, 1))
    context = torch.zeros(1, 8, 8)
    context[0, 4, 4] = 1  # the key that shows the same place as the value at (8, 8)
    directions = context_directions(state.k, context, stats)
    target, weights = moved(layer)
    edit = insert(layer, state, target, directions, stats=stats, weights=weights, mu=1e-4)
    before, after = (float(edit.metadata[f"loss_{when}"]) for when in ("before", "after"))
    assert after < 0.1 * before
    with_no_price = insert(layer, state, target, directions, stats=stats, weights=weights, mu=0.0)
    assert float(with_no_price.metadata["loss_after"]) <= after
