import numpy as np
import pytest
import torch

from palimpsest.training.renders import held_out, held_out_scenes, training_scenes


def values_of(scenes, name):
    return np.concatenate([scene.values[name] for scene in scenes])


def test_a_share_of_the_training_scenes_follows_the_new_rules(church):
    lots = list(training_scenes(church, scenes=250, new_rules=0.2, seed=1))
    assert [sum(map(len, lot)) for lot in lots] == [100, 100, 50]
    tops = values_of([scene for lot in lots for scene in lot], "top")
    tree = church.rules["top"].names.index("tree")  # never by itself
    assert 0 < (tops == tree).sum() <= 0.2 * 250
    plain = list(training_scenes(church, scenes=250, new_rules=0.0, seed=1))
    assert not (values_of([scene for lot in plain for scene in lot], "top") == tree).any()


def test_held_out_scenes_are_the_same_for_any_batch(church):
    whole = values_of(held_out_scenes(church, 7, batch=50), "roof")
    parts = values_of(held_out_scenes(church, 7, batch=2), "roof")
    assert len(whole) == 7 and np.array_equal(whole, parts)


def test_held_out_renders_come_with_their_truth(church):
    scene, images, labels = next(held_out(church, 3, 64))
    assert images.shape == (3, 3, 64, 64) and labels.shape == (3, 64, 64)
    assert images.dtype == torch.float32 and images.abs().max() <= 1
    drawn = church.render(scene, 64)
    assert np.array_equal(drawn.labels, labels)
    assert torch.allclose(
        (images.permute(0, 2, 3, 1) + 1) * 127.5, torch.from_numpy(drawn.images).float(), atol=1e-3
    )
    _, soft, _ = next(held_out(church, 3, 64, blurred=1.0))
    assert (soft - images).abs().mean() > 0.005
    assert soft.mean().item() == pytest.approx(images.mean().item(), abs=0.01)
