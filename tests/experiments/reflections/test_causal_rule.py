"""Dissection and interventions on stand-ins whose units and rules are known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from palimpsest.dissection.causal_units import causal_units
from palimpsest.dissection.unit_classes import dissect
from palimpsest.dissection.unit_switches import find_switch
from palimpsest.errors import ParameterError
from palimpsest.experiments.reflections.causal_rule import grade_rule
from palimpsest.experiments.reflections.settings import RuleGradeSettings
from palimpsest.experiments.reflections.world_swap import world_swap
from palimpsest.worlds import get_world
from palimpsest.worlds.scene import World
from tests.doubles.plain_segmenter import PlainSegmenter

SIZE = 64
WINDOW_UNIT = 5


def grading(units: int, samples: int) -> RuleGradeSettings:
    return RuleGradeSettings(
        units_of="window", layer=4, units=units, dissected=500, samples=samples, seed=4
    )


@pytest.fixture(scope="module")
def kitchen() -> World:
    return get_world("kitchen")


@dataclass(frozen=True)
class Values:
    v: Tensor
    z: Tensor

    def replace(self, v: Tensor) -> Values:
        return dataclasses.replace(self, v=v)


class Kitchen:
    """A generator with one layer: unit 5 is on where a window is, the others are noise.

    Its image is white where unit 5 is on. The echo is light where unit 5 is on in the slot above
    it (``linked``), or where z asks for a window, whatever the features say.
    """

    device = torch.device("cpu")
    value_size, margin = 8, 0
    classes = 0

    def __init__(self, world: World, linked: bool) -> None:
        self.world, self.linked, self.z_dim = world, linked, world.z_dim

    def layer(self, number: int) -> Kitchen:
        return self

    def keys(self, z: Tensor) -> Tensor:
        return z

    def values(self, z: Tensor) -> Values:
        v = torch.randn(len(z), 8, 8, 8, generator=torch.Generator().manual_seed(1))
        v[:, WINDOW_UNIT] = 0
        for there, slot in self._slots(z):
            left, top, right, bottom = (round(8 * edge) for edge in slot.box)
            v[there, WINDOW_UNIT, top:bottom, left:right] = 1
        return Values(v, z)

    def render(self, values: Values) -> Tensor:
        on = values.v[:, WINDOW_UNIT].clamp(0, 1)
        image = on.repeat_interleave(8, 1).repeat_interleave(8, 2) - 1
        for there, slot in self._slots(values.z):
            if self.linked:
                left, top, right, bottom = (round(8 * edge) for edge in slot.box)
                there = on[:, top:bottom, left:right].mean((1, 2)) > 0.5
            left, top, right, bottom = (round(SIZE * edge) for edge in slot.echo)
            image[there, top:bottom, left:right] = -0.5
        return image[:, None].expand(-1, 3, -1, -1)

    def __call__(self, z: Tensor) -> Tensor:
        return self.render(self.values(z))

    def _slots(self, z: Tensor) -> list:
        scene = self.world.scene(z.double().numpy())
        return [
            (torch.from_numpy(scene.values[name].copy()), slot)
            for name, slot in self.world.slots.items()
        ]


class Whites(PlainSegmenter):
    """Calls white pixels window, and the rest wall."""

    classes = ("wall", "window", "never")

    def labels(self, images: Tensor) -> Tensor:
        return (images[:, 0] > -0.1).to(torch.int64)

    def logits(self, images: Tensor) -> Tensor:
        white = 2 * (images[:, 0] + 0.1)
        return torch.stack([-white, white, torch.full_like(white, -100)], 1)


def test_the_unit_that_is_a_class_has_the_highest_iou_with_it(kitchen: World) -> None:
    found = dissect(Kitchen(kitchen, True), 4, Whites(), n=60)
    assert found.top_units("window", 1) == [WINDOW_UNIT]
    window = found.iou[:, 1]
    others = torch.arange(8) != WINDOW_UNIT
    # enlarged from 0 and 1 it reaches 1 between the middles of its four cells only
    assert window[WINDOW_UNIT] == pytest.approx(1 / 4, abs=0.01)
    assert window[others].max() < 0.05
    assert found.on[WINDOW_UNIT, 1] == 1 and abs(found.on[others, 1]).max() < 0.3
    assert (found.iou[:, 2] == 0).all() and found.on[:, 2].isnan().all()
    with pytest.raises(ParameterError, match="no class 'door'; there are: wall, window"):
        found.top_units("door", 1)
    with pytest.raises(ParameterError, match="quantile 1.0"):
        dissect(Kitchen(kitchen, True), 4, Whites(), n=2, quantile=1.0)


class Grouped(Whites):
    """Knows white and wall together as "any"."""

    def _numbers_of(self, name: str) -> tuple[int, ...]:
        return (0, 1) if name == "any" else super()._numbers_of(name)


def test_some_classes_are_dissected_as_all_are(kitchen: World) -> None:
    g, whites = Kitchen(kitchen, True), Grouped()
    every = dissect(g, 4, whites, n=40)
    some = dissect(g, 4, whites, n=40, names=["window", "wall"])
    assert some.classes == ("window", "wall")
    assert torch.equal(some.iou, every.iou[:, [1, 0]])
    assert torch.equal(some.thresholds, every.thresholds)
    assert torch.allclose(some.on, every.on[:, [1, 0]], atol=1e-5)
    assert some.top_units("window", 3) == every.top_units("window", 3)
    whole = dissect(g, 4, whites, n=40, names=["any"])  # a name of several labels
    assert whole.iou.shape == (8, 1) and (whole.iou[:, 0] <= 0.05).all()
    with pytest.raises(ParameterError, match="door"):
        dissect(g, 4, whites, n=2, names=["door"])


def test_the_share_of_a_unit_is_its_quantile(kitchen: World) -> None:
    found = dissect(Kitchen(kitchen, True), 4, Whites(), n=60, quantile=0.75)
    v = Kitchen(kitchen, True).values(torch.zeros(60, kitchen.z_dim)).v
    assert ((v[:, 0] > found.thresholds[0]).float().mean() - 0.25).abs() < 0.02


@pytest.mark.parametrize("linked", [True, False])
def test_a_rule_is_found_where_it_is_and_not_where_it_is_not(kitchen: World, linked: bool) -> None:
    table = grade_rule(Kitchen(kitchen, linked), Whites(), kitchen, grading(units=1, samples=24))
    rows = table.set_index("intervention")
    assert list(rows.index) == ["natural", "splice", "units", "units_by_iou"]
    assert (rows["n"] == 24).all() and list(rows["units"]) == [0, 0, 1, 1]
    assert rows.loc["natural", "echo_percent"] == pytest.approx(100)
    assert rows.loc["natural", "raised_percent"] == 100
    assert (rows["shown_percent"] == 100).all()  # the window itself is there either way
    for name in ("splice", "units", "units_by_iou"):
        expected = 100 if linked else 0
        assert rows.loc[name, "echo_percent"] == pytest.approx(expected, abs=1e-4)
        assert rows.loc[name, "raised_percent"] == expected
        assert rows.loc[name, "raised_percent_low"] <= expected
        assert rows.loc[name, "raised_percent_high"] >= expected


def test_the_unit_that_makes_a_class_gets_all_the_strength(kitchen: World) -> None:
    on = torch.full((8,), 0.3)
    on[WINDOW_UNIT] = 1
    arguments = (Kitchen(kitchen, True), 4, Whites(), kitchen, "window", on)
    found = causal_units(*arguments, samples=16, penalty=0.05)
    assert found.top(1) == [WINDOW_UNIT] and found.strength[WINDOW_UNIT] > 0.5
    others = torch.arange(8) != WINDOW_UNIT
    assert found.strength[others].max() < 0.1
    assert torch.equal(found.strength, causal_units(*arguments, samples=16, penalty=0.05).strength)


def test_units_of_a_class_that_was_never_seen_cannot_be_set(kitchen: World) -> None:
    g, never = Kitchen(kitchen, True), torch.full((8,), torch.nan)
    with pytest.raises(ParameterError, match="no place was seen to be never"):
        causal_units(g, 4, Whites(), kitchen, "never", never)
    with pytest.raises(ParameterError, match="church world has no slots"):
        causal_units(g, 4, Whites(), get_world("church"), "window", torch.zeros(8))


def test_units_that_only_accompany_a_class_make_nothing(kitchen: World) -> None:
    class Accompanied(Kitchen):
        """Unit 2 is lit wherever unit 5 is, over the whole cell, and nothing reads it."""

        def values(self, z: Tensor) -> Values:
            values = super().values(z)
            v = values.v.clone()
            v[:, 2] = 3 * v[:, WINDOW_UNIT]
            v[:, WINDOW_UNIT] *= 0.9 + 0.1 * torch.rand(8, 8, generator=torch.Generator())
            return values.replace(v)

    g = Accompanied(kitchen, True)
    on = dissect(g, 4, Whites(), n=40).on[:, 1]
    found = causal_units(g, 4, Whites(), kitchen, "window", on, samples=16, penalty=0.05)
    assert found.top(1) == [WINDOW_UNIT] and found.strength[2] < 0.1


def test_units_that_mean_nothing_raise_nothing(kitchen: World) -> None:
    class Confused(Whites):
        def labels(self, images: Tensor) -> Tensor:
            return (images[:, 0] <= -0.1).to(torch.int64)

    table = grade_rule(Kitchen(kitchen, True), Confused(), kitchen, grading(units=3, samples=8))
    chosen = table.set_index("intervention").loc["units"]
    assert chosen["raised_percent"] < 100


class LabelsOnly(PlainSegmenter):
    """A segmenter that has no logits, as the published ones."""

    classes = ("wall", "window")


def test_a_segmenter_without_logits_is_refused_before_any_image(kitchen: World) -> None:
    message = "plain gives labels but no logits"
    with pytest.raises(ParameterError, match=message):
        grade_rule(None, LabelsOnly(), kitchen, grading(units=20, samples=4))
    with pytest.raises(ParameterError, match=message):
        find_switch(None, 4, LabelsOnly(), kitchen, "window")
    with pytest.raises(ParameterError, match=message):
        world_swap(None, LabelsOnly(), None)


def test_a_world_without_slots_has_no_rule_to_grade(kitchen: World) -> None:
    with pytest.raises(ParameterError, match="no slots"):
        grade_rule(
            Kitchen(kitchen, True), Whites(), get_world("church"), grading(units=20, samples=4)
        )
