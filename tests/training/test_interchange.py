"""Interchange training: who takes what from whom, in the scenes and in the features alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import WorldError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.training.distillation import Distillation, RenderedSteps
from palimpsest.training.interchange import Splices, plan_splices, slot_cells
from palimpsest.training.recipe import Interchange, Recipe, Stage
from palimpsest.worlds import get_world
from palimpsest.worlds.scene import World

SETTINGS = Interchange(layer=4, units=3, whole=0.25, designated=0.5, flat=0.6, start=32)
TINY = Recipe(
    kind="progressive",
    channels={4: 12, 8: 12, 16: 12, 32: 8, 64: 8},
    stages=(
        Stage(resolution=16, steps=6, batch=4),
        Stage(resolution=32, steps=8, batch=4),
        Stage(resolution=64, steps=4, batch=4),
    ),
    class_weights={"window": 2.0},
    interchange=SETTINGS,
    seed=3,
)


def changed(recipe: Recipe, **settings: Any) -> Recipe:
    """The recipe with other settings."""
    return recipe.model_copy(update=settings)


@pytest.fixture(scope="module")
def kitchen() -> World:
    return get_world("kitchen")


def test_shares_are_those_asked_for_and_each_spliced_scene_takes_a_slot(kitchen: World) -> None:
    plan = plan_splices(kitchen, SETTINGS, 4000, np.random.RandomState(0))
    spliced = plan.slots.any(axis=1)
    assert abs(spliced.mean() - 0.75) < 0.03
    assert abs(plan.whole.mean() - 0.25) < 0.03
    assert not (plan.whole & ~spliced).any() and not (plan.flat & (plan.whole | ~spliced)).any()
    assert abs(plan.flat[spliced & ~plan.whole].mean() - 0.6) < 0.04
    both = plan.slots.all(axis=1)[spliced].mean()
    assert 0.4 < both < 0.6


def test_a_spliced_scene_shows_the_donors_slot_and_nothing_else_of_it(kitchen: World) -> None:
    z = np.random.RandomState(1).standard_normal((12, kitchen.z_dim))
    scene = kitchen.scene(z)
    plan = plan_splices(kitchen, SETTINGS, 12, np.random.RandomState(2))
    mixed = plan.scene(kitchen, scene)
    own = {name for slot in kitchen.slots.values() for name in slot.attributes}
    for column, slot in enumerate(kitchen.slots.values()):
        for name in slot.attributes:
            for i in range(12):
                giver = i - 1 if plan.slots[i, column] else i
                assert mixed.values[name][i] == scene.values[name][giver], name
    for name in set(scene.values) - own:
        assert np.array_equal(mixed.values[name], scene.values[name])


def test_features_are_spliced_in_the_same_places_from_the_same_donors(kitchen: World) -> None:
    boxes = slot_cells(kitchen, 8)
    v = torch.arange(3 * 5 * 64, dtype=torch.float32).reshape(3, 5, 8, 8)
    slots = np.array([[True, False], [True, True], [False, False]])
    plan = Splices(slots, np.array([True, False, False]), np.array([False, True, False]))
    out = plan.splice(v, units=2, boxes=boxes)
    rest = torch.ones(3, 5, 8, 8, dtype=torch.bool)
    for column, (top, left, bottom, right) in enumerate(boxes):
        place = (slice(None), slice(top, bottom), slice(left, right))
        if column == 0:
            assert torch.equal(out[0][place], v[2][place])  # every unit, from the one before
            rest[0][place] = False
        assert torch.equal(out[1, 2:][place], v[1, 2:][place])  # the others stay
        mean = v[0, :2][place].mean((1, 2), keepdim=True)
        assert torch.allclose(out[1, :2][place], mean.expand(2, bottom - top, right - left))
        rest[1, :2][place] = False
    assert torch.equal(out[rest], v[rest])


def test_nothing_is_spliced_before_its_time_nor_without_the_setting(kitchen: World) -> None:
    steps = RenderedSteps(kitchen, TINY)
    assert not any(steps[i].splices.slots.any() for i in range(6))
    assert any(steps[i].splices.slots.any() for i in range(6, 14))
    plain = RenderedSteps(kitchen, changed(TINY, interchange=None))
    assert not any(plain[i].splices.slots.any() for i in range(6, 14))


def test_what_the_network_is_shown_is_the_render_of_the_spliced_scene(kitchen: World) -> None:
    batch = RenderedSteps(kitchen, TINY)[8]
    scene = kitchen.scene(batch.z.numpy().astype(np.float64))
    drawn = kitchen.render(batch.splices.scene(kitchen, scene), 32)
    assert np.abs(drawn.images.astype(int) - batch.images.numpy()).mean() < 0.5
    unspliced = kitchen.render(scene, 32)
    changed = np.any(unspliced.labels != batch.labels.numpy(), axis=(1, 2))
    assert batch.splices.slots.any() and (changed <= batch.splices.slots.any(axis=1)).all()


def test_a_world_without_slots_or_with_slots_between_cells_is_refused(kitchen: World) -> None:
    with pytest.raises(WorldError, match="no slots"):
        Distillation(get_world("church"), changed(TINY, class_weights={}))
    with pytest.raises(ValueError, match="no whole cells of 4"):
        slot_cells(kitchen, 4)


def test_progressive_training_is_deterministic_resumes_and_ships(
    kitchen: World, tmp_path: Path
) -> None:
    def trained(stop_at: int | None = None, begin: Path | None = None) -> Distillation:
        run = Distillation(kitchen, TINY)
        if begin is not None:
            run.resume(begin)
        run.run(stop_at=stop_at, workers=0)
        return run

    whole = trained()
    trained(stop_at=9).save(tmp_path / "checkpoint.pt")
    resumed = trained(begin=tmp_path / "checkpoint.pt")
    for name, tensor in whole.average.state_dict().items():
        assert torch.equal(tensor, resumed.average.state_dict()[name]), name

    g = whole.finished()
    z = sample_z(g, 3)
    assert (g.kind, g.resolution) == ("progressive", 64)
    assert torch.allclose(g(z), whole.average.image_at(z, 64).clamp(-1, 1), atol=1e-5)
    small = trained(stop_at=10).finished()
    assert small.resolution == 32
    save_generator(g, tmp_path / "g.safetensors", {"world": "kitchen"}, dtype=torch.float16)
    assert (load_generator(tmp_path / "g.safetensors")(z) - g(z)).abs().max() < 0.05


def test_an_unspliced_step_is_a_plain_one(kitchen: World) -> None:
    run = Distillation(kitchen, TINY)
    z = RenderedSteps(kitchen, TINY)[0].z
    plain = run.student.image_at(z, 32)
    none = Splices.none(len(z), 2)

    def same(v: torch.Tensor) -> torch.Tensor:
        return none.splice(v, 3, slot_cells(kitchen, v.shape[-1]))

    assert torch.equal(run.student.image_at(z, 32, 4, same), plain)
    switched = run.student.image_at(z, 32, 4, lambda v: v + 1)
    assert not torch.allclose(switched, plain)
