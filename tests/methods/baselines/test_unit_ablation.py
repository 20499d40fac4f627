"""Unit ablation on a network whose mark one known unit makes."""

import pytest
import torch

from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.generators import sample_z
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.baselines.unit_ablation import ablate_units, scaled_count, specific_units

LAYER = 6
UNIT = 7


@pytest.fixture(scope="module")
def marked(generator):
    """Channel 0 of the layer shows unit 7 and nothing else; no other channel reads that unit."""
    weight = generator.layer(LAYER).weight.clone()
    weight[:, UNIT] = 0
    weight[0] = 0
    weight[0, UNIT, 1, 1] = 1
    return generator.with_weight(LAYER, weight)


@pytest.fixture(scope="module")
def stats(marked):
    return KeyStatistics.collect(marked, layer=LAYER, n=40, seed=1)


@pytest.fixture(scope="module")
def order(marked, stats):
    """Units ranked by the places where the mark is: the highest hundredths of channel 0."""
    layer = marked.layer(LAYER)
    state = layer.keys(sample_z(marked, 10, 1))
    shown = layer.values(state).v[:, 0]
    painted = (shown >= shown.flatten().quantile(0.97)).float()
    return specific_units(state.k, painted, stats)


def test_the_unit_that_makes_the_mark_is_ranked_first(order, stats):
    assert order[0] == UNIT
    assert sorted(order.tolist()) == list(range(stats.units))


def test_places_count_as_they_are_painted(marked, stats):
    """Of two places, the one painted harder decides which unit is the first."""
    state = marked.layer(LAYER).keys(sample_z(marked, 1, 1))
    firsts = []
    for place in ((0, 2, 3), (0, 10, 12)):
        weights = torch.zeros(1, 16, 16)
        weights[place] = 1.0
        firsts.append((place, int(specific_units(state.k, weights, stats)[0])))
    (one, first), (other, second) = firsts
    assert first != second
    for strong, weak, expected in ((one, other, first), (other, one, second)):
        weights = torch.zeros(1, 16, 16)
        weights[strong], weights[weak] = 1.0, 0.01
        assert int(specific_units(state.k, weights, stats)[0]) == expected


def test_silenced_it_makes_no_mark_and_nothing_else_changes(marked, order):
    layer = marked.layer(LAYER)
    state = layer.keys(sample_z(marked, 6, 2))
    changed = ablate_units(layer, order[:1]).apply(marked).layer(LAYER).values(state).v
    before = layer.values(state).v
    silent = layer.values(state, torch.zeros_like(layer.weight)).v[:, 0]
    assert torch.allclose(changed[:, 0], silent, atol=1e-6)
    assert (before[:, 0] - silent).abs().max() > 0.5
    assert torch.equal(changed[:, 1:], before[:, 1:])


def test_it_is_an_edit_like_any_other(marked, order, tmp_path):
    edit = ablate_units(marked.layer(LAYER), order[:3], session="zero_30_units")
    edit.save(tmp_path / "zero.safetensors")
    read = Edit.load(tmp_path / "zero.safetensors")
    assert read.metadata["units"] == ",".join(str(int(u)) for u in order[:3])
    assert read.metadata["solver"] == "unit_ablation" and read.rank == 3
    assert read.metadata["session"] == "zero_30_units"
    before = marked.layer(LAYER).weight
    weight = read.apply(marked).layer(LAYER).weight
    assert (weight[:, order[:3]] == 0).all()
    assert torch.equal(weight[:, order[3:]], before[:, order[3:]])
    assert torch.equal(read.apply(marked, strength=0).layer(LAYER).weight, before)
    taken_off = read.remove(read.apply(marked))
    assert torch.equal(taken_off.layer(LAYER).weight, before)


@pytest.mark.parametrize(
    ("units", "width", "expected"),
    [
        (30, 512, 30),
        (60, 512, 60),
        (30, 192, 11),
        (60, 192, 22),
        (30, 144, 8),
        (60, 144, 17),
        (30, 96, 6),
        (1, 96, 1),
        (512, 96, 96),
    ],
)
def test_counts_are_in_proportion_to_the_width(units, width, expected):
    assert scaled_count(units, width) == expected


def test_what_cannot_be_is_refused(marked):
    for units, width in ((0, 96), (513, 96), (30, 0)):
        with pytest.raises(ParameterError, match="give 1 to 512 units"):
            scaled_count(units, width)
    layer = marked.layer(LAYER)
    for units in ([], [0, 0], [12], [-1]):
        with pytest.raises(ParameterError, match="must be different and within 0..11"):
            ablate_units(layer, units)
    bare = KeyStatistics(torch.eye(12), count=1000)
    keys = layer.keys(sample_z(marked, 1, 1)).k
    with pytest.raises(StatisticsError, match="no unit quantiles"):
        specific_units(keys, torch.ones(1, 16, 16), bare)
    with pytest.raises(ParameterError, match="no cell of positive weight"):
        specific_units(keys, torch.zeros(1, 16, 16), bare)
