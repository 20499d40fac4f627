"""The training of a critic: what it is shown, that it learns, and that it can be resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palimpsest.generators import sample_z
from palimpsest.generators.base import Generator
from palimpsest.instruments.critics.training import (
    CriticTraining,
    SpoiltSamples,
    random_edit,
    scaled_edit,
)
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter
from palimpsest.training.instrument_recipes import CriticRecipe
from palimpsest.worlds import get_world

TINY = CriticRecipe(layers=(4, 6), steps=6, batch=8, seed=2)


def training(g: Generator, segmenter: WorldSegmenter, recipe: CriticRecipe = TINY):
    return CriticTraining(g, "church", segmenter, recipe, get_world("church"))


def test_a_random_edit_has_its_rank_and_changes_as_much_as_asked_for(
    small_generator: Generator,
) -> None:
    layer = small_generator.layer(4)
    state = layer.keys(sample_z(small_generator, 6, 1))
    before = layer.render(layer.values(state))
    for rank in (1, 3):
        change = random_edit(layer, state, rank, torch.Generator().manual_seed(rank))
        assert change.shape == layer.weight.shape
        matrix = change.permute(0, 2, 3, 1).flatten(0, 2)
        assert torch.linalg.matrix_rank(matrix, rtol=1e-4) == rank
        moved = [
            (scaled_edit(layer, state, before, change, wanted) - before).abs().mean().item()
            for wanted in (0.1, 1.5)
        ]
        assert 0 < moved[0] < moved[1]


def test_the_batch_of_a_step_is_always_the_same_and_says_what_was_spoilt(
    small_generator: Generator,
) -> None:
    world = get_world("church")
    samples = SpoiltSamples(small_generator, TINY, world, cells=8)
    images, truth = samples[3]
    assert images.shape == (8, 3, 32, 32) and truth.shape == (8, 8, 8)
    for first, again in zip((images, truth), samples[3], strict=True):
        assert torch.equal(first.nan_to_num(9), again.nan_to_num(9))
    assert not torch.equal(images, samples[4][0])
    assert torch.equal(truth[4:], torch.ones(4, 8, 8)), "samples and renders are not spoilt"
    known = truth[:4][~truth[:4].isnan()]
    assert set(known.tolist()) == {0.0, 1.0}


def test_training_is_a_function_of_its_recipe_and_can_be_resumed(
    small_generator: Generator, random_segmenter: WorldSegmenter, tmp_path: Path
) -> None:
    whole = training(small_generator, random_segmenter)
    whole.run()
    checkpoint = tmp_path / "critic.pt"
    training(small_generator, random_segmenter).run(checkpoint, stop_at=4)
    resumed = training(small_generator, random_segmenter)
    resumed.resume(checkpoint)
    resumed.run()
    once, twice = (run.finished() for run in (whole, resumed))
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert torch.equal(once.naturalness(images), twice.naturalness(images))
    assert once.facts["recipe"]["weights_sha256"] == small_generator.weights_sha256


def test_both_sides_weigh_the_same_and_unknown_cells_nothing(
    small_generator: Generator, random_segmenter: WorldSegmenter
) -> None:
    run = training(small_generator, random_segmenter)
    scores = torch.tensor([[2.0, 2.0, 2.0, -1.0, 50.0]])
    truth = torch.tensor([[1.0, 1.0, 1.0, 0.0, torch.nan]])
    loss = run.loss(scores[None], truth[None])
    expected = (torch.nn.functional.softplus(torch.tensor(-2.0)) * 3 / 3) / 2
    expected = expected + torch.nn.functional.softplus(torch.tensor(-1.0)) / 2
    assert loss.item() == pytest.approx(expected.item())
