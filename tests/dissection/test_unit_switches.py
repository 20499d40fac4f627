"""Switches and the measure of a rule, on a stand-in whose windows and echoes are made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from palimpsest.dissection.unit_switches import (
    Switch,
    apart_area,
    echo_area,
    empty_levels,
    every_flag,
    find_switch,
)
from palimpsest.errors import EditError, ParameterError
from palimpsest.experiments.reflections.measure import measure_rule, switch_of
from palimpsest.generators import ValueState, sample_z
from palimpsest.training.interchange import slot_cells
from palimpsest.worlds import get_world
from palimpsest.worlds.scene import World
from tests.doubles.plain_segmenter import PlainSegmenter

SIZE, UNITS, MAKER = 64, 8, 5
BARE = 0.25
"""Brightness of a table without an echo."""


@pytest.fixture(scope="module")
def kitchen() -> World:
    return get_world("kitchen")


class Kitchen:
    """One layer, 4: unit 5 is 1 in the cells of a window, -1 elsewhere; the rest are noise.

    The image is white where unit 5 is 1. The echo of a slot is at `BARE`, and brighter by ``rule``
    where its window is.
    """

    device = torch.device("cpu")
    value_size, margin = 8, 0
    z_dim, classes = 24, 0

    def __init__(self, world: World, rule: float = 0.5) -> None:
        self.world, self.rule = world, rule

    def layer(self, number: int) -> Kitchen:
        assert number == 4
        return self

    def keys(self, z: Tensor) -> Tensor:
        return z

    def values(self, z: Tensor) -> ValueState:
        v = torch.randn(len(z), UNITS, 8, 8, generator=torch.Generator().manual_seed(1)) / 4
        v[:, MAKER] = -1
        scene = self.world.scene(z.double().numpy())
        boxes = slot_cells(self.world, 8)
        for name, (top, left, bottom, right) in zip(self.world.slots, boxes, strict=True):
            there = torch.from_numpy(scene.values[name].copy())
            v[there, MAKER, top:bottom, left:right] = 1
        return ValueState(v, 4, (0, 0, 8, 8))

    def render(self, values: ValueState) -> Tensor:
        made = values.v[:, MAKER]
        image = made.clamp(-1, 1).repeat_interleave(8, 1).repeat_interleave(8, 2)
        images = image[:, None].repeat(1, 3, 1, 1)
        boxes = slot_cells(self.world, 8)
        for slot, (top, left, bottom, right) in zip(self.world.slots.values(), boxes, strict=True):
            there = (made[:, top:bottom, left:right].mean((1, 2)) > 0).float()
            light = 2 * (BARE + self.rule * there) - 1
            x0, y0, x1, y1 = (round(SIZE * edge) for edge in slot.echo)
            images[:, :, y0:y1, x0:x1] = light[:, None, None, None]
        return images


class Whites(PlainSegmenter):
    """Calls white pixels window, and the rest, also the brightest echo, wall."""

    name, classes = "whites", ("wall", "window", "never")

    def labels(self, images: Tensor) -> Tensor:
        return self.logits(images).argmax(1)

    def logits(self, images: Tensor) -> Tensor:
        light = images.mean(1)
        return torch.stack(
            [torch.zeros_like(light), 9 * (light - 0.8), torch.full_like(light, -99)], 1
        )


@dataclass
class Turned:
    """An edit that gives the stand-in another rule."""

    rule: float
    layer: int = 6
    rank: int = 1
    metadata: dict = field(default_factory=lambda: {"loss_before": "8", "loss_after": "2"})

    def apply(self, g: Kitchen) -> Kitchen:
        return Kitchen(g.world, self.rule)


SWITCH = Switch(4, (MAKER, 2), torch.tensor([1.0, 0.5]), torch.tensor([-1.0, -0.5]))


def test_a_pair_differs_in_its_units_within_the_slots_alone(kitchen: World) -> None:
    g = Kitchen(kitchen)
    z = sample_z(g, 12, seed=3)
    natural = g.values(z).v
    inside = torch.zeros(8, 8, dtype=torch.bool)
    for top, left, bottom, right in slot_cells(kitchen, 8):
        inside[top:bottom, left:right] = True
    for values, levels in zip(SWITCH.pairs(g, kitchen, z), (SWITCH.on, SWITCH.off), strict=True):
        assert values.layer == 4
        for unit, level in zip(SWITCH.units, levels, strict=True):
            assert (values.v[:, unit][:, inside] == level).all()
        others = [unit for unit in range(UNITS) if unit not in SWITCH.units]
        assert torch.equal(values.v[:, others], natural[:, others])
        assert torch.equal(values.v[:, :, ~inside], natural[:, :, ~inside])


def test_a_switch_survives_its_text() -> None:
    on = torch.tensor([1 / 3, 1e-7])
    switch = Switch(4, (7, 0), on, torch.tensor([-2.5, 100.0]))
    again = Switch.from_text(switch.as_text())
    assert (again.layer, again.units) == (4, (7, 0))
    assert torch.equal(again.on, on) and torch.equal(again.off, switch.off)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"layer": 4, "units": [1], "on": [1]}', "null"])
def test_other_text_is_no_switch(text: str) -> None:
    with pytest.raises(ParameterError, match="invert the rule again"):
        Switch.from_text(text)


def test_a_switch_without_sense_is_refused() -> None:
    one, two = torch.zeros(1), torch.zeros(2)
    with pytest.raises(ParameterError, match="at least one"):
        Switch(4, (), torch.zeros(0), torch.zeros(0))
    with pytest.raises(ParameterError, match="none twice"):
        Switch(4, (3, 3), two, two)
    with pytest.raises(ParameterError, match="levels off"):
        Switch(4, (3,), one, two)
    with pytest.raises(ParameterError, match="levels on"):
        Switch(4, (3,), one / 0, one)


def test_the_unit_that_makes_windows_is_found_with_its_levels(kitchen: World) -> None:
    told: list[int] = []
    switch = find_switch(
        Kitchen(kitchen), 4, Whites(), kitchen, "window", units=1, progress=told.append
    )
    assert switch.layer == 4 and switch.units == (MAKER,)
    assert switch.on.item() == pytest.approx(1) and switch.off.item() == pytest.approx(-1)
    assert sum(told) > 0
    with pytest.raises(ParameterError, match="no class 'door'"):
        find_switch(Kitchen(kitchen), 4, Whites(), kitchen, "door")


def test_empty_slots_are_those_whose_flags_are_off(kitchen: World) -> None:
    g = Kitchen(kitchen)
    scene = kitchen.scene(every_flag(kitchen, sample_z(g, 20, 1), True).double().numpy())
    assert all(scene.values[name].all() for name in kitchen.slots)
    levels = empty_levels(g, 4, kitchen, seed=1, samples=20)
    assert levels.shape == (UNITS,) and levels[MAKER] == -1
    assert levels[:MAKER].abs().max() < 0.1
    with pytest.raises(ParameterError, match="no slots"):
        every_flag(get_world("church"), torch.zeros(1, 30), False)


def test_areas_are_the_boxes_in_cells(kitchen: World) -> None:
    whole = echo_area(kitchen, 32)
    wanted = torch.zeros(32, 32)
    wanted[16:21, 8:16] = wanted[16:21, 20:28] = 1
    assert torch.equal(whole, wanted)
    coarse = echo_area(kitchen, 8)  # 1.25 cells high
    assert coarse[4, 2:4].tolist() == [1, 1] and coarse[5, 2:4].tolist() == [0.25, 0.25]
    assert coarse.sum() == pytest.approx(wanted.sum().item() / 16)
    apart = apart_area(kitchen, 32)
    assert (apart[8:21, 8:16] == 0).all() and (apart[8:21, 20:28] == 0).all()
    assert apart.sum() == 32 * 32 - 2 * 13 * 8


def test_the_rule_is_measured_as_it_is(kitchen: World) -> None:
    edits = [Turned(rule=-0.2, layer=7, rank=9), Turned(rule=0.0, layer=6)]
    done: list[int] = []
    table = measure_rule(
        Kitchen(kitchen),
        edits,
        SWITCH,
        kitchen,
        Whites(),
        n=7,
        seed=4,
        batch=3,
        scale="smoke",
        progress=done.append,
    )
    assert done == [3, 3, 1] and len(table) == 21
    assert sorted(table["sample"]) == sorted([*range(7)] * 3)
    assert set(table["scale"]) == {"smoke"} and set(table["segmenter"]) == {"whites"}
    for layer, rank, rule, sign, loss in (
        (0, 0, "original", 0.5, 8),
        (7, 9, "rewritten", -0.2, 2),
        (6, 1, "rewritten", 0.0, 2),
    ):
        part = table[table["layer"] == layer]
        assert set(part["rule"]) == {rule} and set(part["rank"]) == {rank}
        assert set(part["loss"]) == {loss}
        for source in ("", "scene_"):
            assert np.allclose(part[f"{source}with_window"], BARE + sign, atol=1e-6)
            assert np.allclose(part[f"{source}without_window"], BARE, atol=1e-6)
        assert (part["window_seen"] == 1).all() and (part["empty_seen"] == 0).all()
        assert (part["change_elsewhere"] == 0).all()


def test_what_changes_elsewhere_is_seen(kitchen: World) -> None:
    class Lit(Turned):
        def apply(self, g: Kitchen) -> Kitchen:
            class Light(Kitchen):
                def render(self, values: ValueState) -> Tensor:
                    images = super().render(values)
                    images[:, 0, :8] += 0.5  # a quarter of the way from black to white, in red
                    return images

            return Light(g.world, self.rule)

    table = measure_rule(
        Kitchen(kitchen), [Lit(0.5)], SWITCH, kitchen, Whites(), n=2, seed=1
    ).set_index("rule")
    share = 8 * SIZE / float(apart_area(kitchen, SIZE).sum())
    assert np.allclose(table.loc["rewritten", "change_elsewhere"], 0.25 / 3 * share, atol=1e-6)


def test_what_cannot_be_measured(kitchen: World) -> None:
    g = Kitchen(kitchen)

    def measured(edits: list, **options) -> None:
        measure_rule(g, edits, SWITCH, kitchen, Whites(), **{"n": 2, "seed": 1} | options)

    with pytest.raises(EditError, match="layer 4, which cannot see"):
        measured([Turned(0.1, layer=4)])
    with pytest.raises(EditError, match="without its losses"):
        measured([Turned(0.1, metadata={})])
    with pytest.raises(ParameterError, match="different pairs"):
        measured([Turned(0.1), Turned(0.1, metadata={"loss_before": "9", "loss_after": "1"})])
    with pytest.raises(ParameterError, match="0 edits"):
        measured([])
    with pytest.raises(ParameterError, match="no class 'door'"):
        measured([Turned(0.1)], thing="door")
    with pytest.raises(ParameterError, match="0 samples"):
        measured([Turned(0.1)], n=0)


def test_edits_of_one_inversion_tell_of_one_switch() -> None:
    told = Turned(0.1, metadata={"switch": SWITCH.as_text()})
    assert switch_of([told, told]).units == SWITCH.units
    other = Switch(4, (1,), torch.zeros(1), torch.ones(1))
    for edits in (
        [],
        [told, Turned(0.1)],
        [told, Turned(0.1, metadata={"switch": other.as_text()})],
    ):
        with pytest.raises(EditError, match="one and the same switch"):
            switch_of(edits)
