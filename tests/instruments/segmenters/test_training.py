from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.instruments import load_segmenter
from palimpsest.instruments.segmenters.training import (
    SegmenterTraining,
    class_weights,
    grade_segmenter,
    recipe_facts,
    segmentation_loss,
)
from palimpsest.instruments.segmenters.world_segmenter import Architecture
from palimpsest.settings import validated
from palimpsest.training.instrument_recipes import SegmenterRecipe
from palimpsest.worlds.scene import World

SHIPPED = Path(__file__).parents[3] / "data/weights/mini/church-segmenter.safetensors"

TINY = SegmenterRecipe(resolution=64, scenes=12, steps=8, batch=4, seed=2)
SMALL = Architecture(channels=(16, 16, 8, 8, 8))


def changed(**settings: Any) -> SegmenterRecipe:
    """The tiny recipe with other settings, validated."""
    return validated("recipe", TINY.model_dump() | settings, SegmenterRecipe)


def training_of(world: World, recipe: SegmenterRecipe = TINY) -> SegmenterTraining:
    return SegmenterTraining(world, recipe, architecture=SMALL)


def weights_of(training):
    return torch.cat([p.detach().flatten() for p in training.network.parameters()])


def test_the_same_recipe_gives_the_same_weights(church):
    first, second = training_of(church), training_of(church)
    losses = [[training.advance() for _ in range(4)] for training in (first, second)]
    assert losses[0] == losses[1]
    assert torch.equal(weights_of(first), weights_of(second))
    other = training_of(church, changed(seed=3))
    assert other.advance() != losses[0][0]


def test_a_killed_run_goes_on_as_if_nothing_had_happened(church, tmp_path):
    path = tmp_path / "c.pt"
    whole = training_of(church)
    whole.run()
    killed = training_of(church)
    for _ in range(5):
        killed.advance()
    killed.save(path)
    killed.advance()  # lost
    resumed = training_of(church)
    resumed.resume(path)
    assert resumed.step == 5
    assert resumed.run(checkpoint=path)
    assert torch.equal(weights_of(whole), weights_of(resumed))
    with pytest.raises(ParameterError, match="another recipe"):
        training_of(church, changed(rate=1e-3)).resume(path)


def test_it_learns(church):
    recipe = changed(steps=30, batch=8, rate=0.02, small_share=0.0)
    training = training_of(church, recipe)
    untrained = grade_segmenter(training.finished(), church, n=8, resolution=64)
    losses = [training.advance()["loss"] for _ in range(recipe.steps)]
    assert np.mean(losses[-5:]) < 0.85 * losses[0]
    trained = grade_segmenter(training.finished(), church, n=8, resolution=64)
    assert trained["pixel_accuracy"] > max(0.3, untrained["pixel_accuracy"])


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("scenes", 0, "recipe: scenes: .*greater than or equal to 1, not 0"),
        ("batch", 3, "recipe: batch: .*greater than or equal to 4, not 3"),
        ("resolution", 100, "recipe: resolution: .*64, 128 or 256, not 100"),
        ("scene", 9, "recipe: scene: there is no such parameter"),
    ],
)
def test_bad_recipes(setting, value, line):
    with pytest.raises(ParameterError, match=line):
        changed(**{setting: value})


def test_the_facts_are_the_recipe_with_its_world_and_architecture(church):
    facts = recipe_facts(church, TINY, SMALL)
    assert list(facts) == ["world", "classes", *SegmenterRecipe.model_fields, "architecture"]
    assert facts["architecture"]["channels"] == [16, 16, 8, 8, 8]
    shipped = load_segmenter(SHIPPED).facts["recipe"]
    validated("recipe", {name: shipped[name] for name in TINY.model_dump()}, SegmenterRecipe)
    assert set(shipped) == set(facts)


def test_the_loss_of_sure_and_right_scores_is_zero_and_of_wrong_ones_is_not():
    labels = torch.tensor([[[0, 1], [2, 1]]])
    right = 50.0 * torch.nn.functional.one_hot(labels, 4).permute(0, 3, 1, 2).float()
    assert segmentation_loss(right, labels, torch.ones(4), dice=0.5) < 1e-5
    # all scores equal: entropy log 4; Dice 2 (k/4) / (k + 1) of a class with k of 4 pixels
    flat = segmentation_loss(torch.zeros(1, 4, 2, 2), labels, torch.ones(4), dice=0.5)
    dice = np.mean([2 * (k / 4) / (k + 1) for k in (1, 2, 1)])
    assert flat.item() == pytest.approx(np.log(4) + 0.5 * (1 - dice), rel=1e-5)


def test_class_weights_average_to_one_over_pixels():
    labels = np.array([0] * 96 + [1] * 4, dtype=np.uint8).reshape(1, 10, 10)
    weights = class_weights(labels, 3).numpy()
    assert weights[0] * 0.96 + weights[1] * 0.04 == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx((0.96 / 0.04) ** 0.5)
    assert np.isfinite(weights).all()


@pytest.mark.skipif(not SHIPPED.exists(), reason=f"{SHIPPED.name} is not in this checkout")
def test_the_shipped_segmenter_on_held_out_renders(church):
    segmenter = load_segmenter(SHIPPED)
    sharp = grade_segmenter(segmenter, church, n=60, resolution=128)
    soft = grade_segmenter(segmenter, church, n=30, resolution=128, blurred=0.7)
    small = grade_segmenter(segmenter, church, n=30, resolution=64)
    assert sharp["mean_iou"] >= 0.85 and min(sharp["iou"].values()) > 0.6
    assert soft["mean_iou"] >= 0.8
    assert small["mean_iou"] >= 0.7
    assert SHIPPED.stat().st_size <= 3e6
    recorded = segmenter.facts["grades"][0]
    assert recorded["n"] == 1000
    assert sharp["mean_iou"] == pytest.approx(recorded["mean_iou"], abs=0.03)
