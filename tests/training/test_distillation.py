"""Training on a world: deterministic, resumable at any step, and really learning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError, WorldError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.training.distillation import Distillation, RenderedSteps, distillation_loss
from palimpsest.training.recipe import Recipe, Stage
from palimpsest.worlds import get_world

TINY = Recipe(
    channels={4: 12, 8: 12, 16: 12, 32: 8},
    stages=(Stage(resolution=16, steps=12, batch=4), Stage(resolution=32, steps=8, batch=4)),
    class_weights={"dome": 2.5},
    style_dim=16,
    mapping_layers=2,
    seed=3,
)


def changed(recipe: Recipe, **settings: Any) -> Recipe:
    """The recipe with other settings."""
    return recipe.model_copy(update=settings)


INPUT = "network.input.input"


def trained(recipe: Recipe, stop_at: int | None = None, begin: Path | None = None) -> Distillation:
    run = Distillation(get_world("church"), recipe)
    if begin is not None:
        run.resume(begin)
    run.run(stop_at=stop_at, workers=0)
    return run


def weights_of(run: Distillation) -> dict[str, torch.Tensor]:
    return run.student.state_dict() | {f"avg.{n}": t for n, t in run.average.state_dict().items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [n for n in a if not torch.equal(a[n], b[n])] == []


def test_the_same_seed_gives_the_same_weights_for_twenty_steps() -> None:
    first, second = trained(TINY), trained(TINY)
    assert first.step == 20
    assert_same(weights_of(first), weights_of(second))
    other = trained(changed(TINY, seed=4))
    assert not torch.equal(weights_of(other)[INPUT], weights_of(first)[INPUT])


@pytest.mark.parametrize("interrupted_at", [5, 12, 17])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, interrupted_at: int) -> None:
    trained(TINY, stop_at=interrupted_at).save(tmp_path / "checkpoint.pt")
    resumed = trained(TINY, begin=tmp_path / "checkpoint.pt")
    assert_same(weights_of(resumed), weights_of(trained(TINY)))


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    trained(TINY, stop_at=1).save(tmp_path / "checkpoint.pt")
    other = Distillation(get_world("church"), changed(TINY, rate=1e-3))
    with pytest.raises(ParameterError, match="another recipe"):
        other.resume(tmp_path / "checkpoint.pt")
    face = Distillation(get_world("face"), changed(TINY, class_weights={}))
    with pytest.raises(ParameterError, match="another recipe"):
        face.resume(tmp_path / "checkpoint.pt")


def test_a_finished_run_can_be_given_one_more_stage(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    trained(TINY).save(checkpoint)
    finish = Stage(resolution=32, steps=4, batch=4, rate=1e-3, class_weights={"person": 9.0})
    longer = changed(TINY, stages=(*TINY.stages, finish))
    assert_same(weights_of(trained(longer, begin=checkpoint)), weights_of(trained(longer)))
    another_end = changed(TINY, stages=(TINY.stages[0], Stage(resolution=32, steps=9, batch=4)))
    with pytest.raises(ParameterError, match="another recipe"):
        trained(another_end, begin=checkpoint)


def test_the_rate_falls_in_every_stage_at_the_full_resolution() -> None:
    stages = (
        Stage(resolution=16, steps=200, batch=4),
        Stage(resolution=32, steps=100, batch=4),
        Stage(resolution=32, steps=50, batch=4, rate=1e-3),
    )
    recipe = changed(TINY, stages=stages, rate=4e-3, final_rate=2e-4)
    assert recipe.rate_at(150) == recipe.rate_at(199) == 4e-3
    assert recipe.rate_at(200) == pytest.approx(4e-3) and recipe.rate_at(300) == 1e-3
    assert recipe.rate_at(250) == pytest.approx((4e-3 + 2e-4) / 2)
    assert recipe.rate_at(299) == pytest.approx(2e-4, rel=0.01)
    assert recipe.rate_at(349) == pytest.approx(2e-4, rel=0.01)


def test_a_stage_weighs_classes_its_own_way() -> None:
    stages = (
        Stage(resolution=16, steps=1, batch=2),
        Stage(resolution=32, steps=1, batch=2, class_weights={"dome": 7.0}),
    )
    run = Distillation(get_world("church"), changed(TINY, stages=stages))
    dome, sky = run.world.classes.index("dome"), run.world.classes.index("sky")
    assert run.class_weights[:, dome].tolist() == [2.5, 7.0]
    assert run.class_weights[:, sky].tolist() == [1.0, 1.0]


def test_a_recipe_naming_unknown_classes_or_resolutions_is_refused() -> None:
    world = get_world("church")
    with pytest.raises(WorldError, match="zeppelin"):
        Distillation(world, changed(TINY, class_weights={"zeppelin": 2.0}))
    with pytest.raises(WorldError, match="beyond the resolution"):
        Distillation(world, changed(TINY, stages=(Stage(resolution=64, steps=1, batch=1),)))


def test_steps_show_scenes_of_their_own_and_the_right_render() -> None:
    steps = RenderedSteps(get_world("church"), TINY)
    z, images, labels, _ = steps[0]
    again, later = steps[0].z, steps[1].z
    assert torch.equal(z, again) and not torch.equal(z, later)
    world = get_world("church")
    drawn = world.render(world.scene(z.numpy().astype(np.float64)), resolution=32)
    difference = np.abs(drawn.images.astype(int) - images.numpy().astype(int))
    assert difference.mean() < 0.5  # z travels as float32, the scene is drawn from float64
    assert labels.shape == (4, 32, 32)


def test_training_lowers_the_loss_on_scenes_it_never_saw() -> None:
    recipe = changed(
        TINY,
        stages=(Stage(resolution=16, steps=80, batch=8), Stage(resolution=32, steps=4, batch=4)),
        rate=1e-2,
    )
    run = Distillation(get_world("church"), recipe)
    z, images, _, _ = RenderedSteps(run.world, changed(recipe, seed=99))[0]
    wanted = torch.nn.functional.avg_pool2d(images.permute(0, 3, 1, 2) / 127.5 - 1, 2)

    def error() -> float:
        with torch.no_grad():
            return (run.student.image_at(z, 16) - wanted).abs().mean().item()

    before = error()
    run.run(stop_at=80, workers=0)
    assert error() < 0.6 * before


def test_the_loss_is_zero_only_for_the_wanted_image() -> None:
    wanted = torch.rand(2, 3, 16, 16)
    weights = torch.ones(2, 1, 16, 16)
    assert distillation_loss(wanted, wanted, weights).item() == 0
    shifted = distillation_loss(wanted + 0.1, wanted, weights).item()
    assert shifted == pytest.approx(0.1 + 3 * 0.05, rel=1e-4)  # a constant has no gradient


def test_the_finished_generator_is_the_average_at_the_size_reached(tmp_path: Path) -> None:
    run = trained(TINY, stop_at=12)
    g = run.finished()
    z = sample_z(g, 3)
    assert g.resolution == 16
    assert torch.allclose(g(z), run.average.image_at(z, 16).float(), atol=1e-5)
    save_generator(g, tmp_path / "g.safetensors", {"world": "church"}, dtype=torch.float16)
    loaded = load_generator(tmp_path / "g.safetensors")
    assert loaded.z_dim == get_world("church").z_dim
    assert (loaded(z) - g(z)).abs().max() < 0.05
