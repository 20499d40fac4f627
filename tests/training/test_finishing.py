"""The adversarial finish: a function of its recipe, resumable, and it keeps what was distilled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError, WorldError
from palimpsest.training.distillation import Distillation
from palimpsest.training.finishing import Finishing
from palimpsest.training.recipe import Finish, Recipe, Stage
from palimpsest.worlds import get_world

TINY = Recipe(
    channels={4: 12, 8: 12, 16: 12, 32: 8},
    stages=(Stage(resolution=32, steps=2, batch=4),),
    class_weights={"dome": 2.5},
    style_dim=16,
    mapping_layers=2,
    seed=3,
    finish=Finish(steps=20, batch=4, reconstruction=(10.0, 2.5), joining=5, rate=2e-3),
)


def finishing(recipe: Recipe = TINY, begin: Path | None = None) -> Finishing:
    world = get_world("church")
    run = Finishing(world, recipe, Distillation(world, recipe).finished())
    if begin is not None:
        run.resume(begin)
    return run


def trained(stop_at: int | None = None, begin: Path | None = None) -> Finishing:
    run = finishing(begin=begin)
    run.run(stop_at=stop_at, workers=0)
    return run


def states(run: Finishing) -> dict[str, torch.Tensor]:
    found = {}
    for part in ("student", "average", "discriminator"):
        found |= {f"{part}.{name}": t for name, t in run.parts[part].state_dict().items()}
    return found


@pytest.mark.parametrize("interrupted_at", [1, 16, 17])
def test_a_resumed_finish_is_the_uninterrupted_one(tmp_path: Path, interrupted_at: int) -> None:
    trained(stop_at=interrupted_at).save(tmp_path / "checkpoint.pt")
    resumed, whole = states(trained(begin=tmp_path / "checkpoint.pt")), states(trained())
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_it_starts_from_the_distilled_weights() -> None:
    world = get_world("church")
    distilled = Distillation(world, TINY).finished()
    run = Finishing(world, TINY, distilled)
    z = torch.randn(2, world.z_dim, generator=torch.Generator().manual_seed(0))
    assert torch.equal(run.finished()(z), distilled(z))
    run.advance()
    assert not torch.equal(run.finished()(z), distilled(z))
    assert torch.equal(run.finished()(z), run.finished()(z))  # no noise


def test_the_discriminator_learns_to_tell_renders_from_samples() -> None:
    run = finishing()
    batch = run.batches[10_000 % run.steps]
    wanted = batch.images.permute(0, 3, 1, 2).float() / 127.5 - 1

    def lead() -> float:
        with torch.no_grad():
            made = run.student.image_at(batch.z, 32)
            return float(run.discriminator(wanted).mean() - run.discriminator(made).mean())

    before = lead()
    run.run(workers=0)
    assert lead() > before + 0.05


def test_its_scenes_are_not_those_of_the_distillation() -> None:
    world = get_world("church")
    run = finishing()
    assert not np.array_equal(run.batches[0].z, Distillation(world, TINY).batches[0].z)


def test_weights_and_rates_follow_the_recipe() -> None:
    finish = TINY.finish
    assert finish.reconstruction_at(0) == pytest.approx(10)
    assert finish.reconstruction_at(10) == pytest.approx(5)  # geometric
    assert finish.reconstruction_at(20) == pytest.approx(2.5)
    rates = [group["lr"] for group in finishing().optimizer.param_groups]
    assert rates[0] == finish.rate and rates[1] == pytest.approx(50 * finish.rate)
    assert finish.gamma(128) == pytest.approx(finish.r1 * 128**2 / 4)


def test_what_it_refuses() -> None:
    world = get_world("church")

    def changed(**settings: Any) -> Recipe:
        return TINY.model_copy(update=settings)

    distilled = Distillation(world, TINY).finished()
    with pytest.raises(WorldError, match="no finish"):
        Finishing(world, changed(finish=None), distilled)
    wider = changed(channels={4: 16, 8: 12, 16: 12, 32: 8})
    with pytest.raises(ParameterError, match="not those of the recipe"):
        Finishing(world, wider, distilled)
