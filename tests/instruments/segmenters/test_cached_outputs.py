"""Cached outputs equal those of the segmenter, and each is computed once."""

import pytest
import torch

from palimpsest.instruments import PerceptualDistance
from palimpsest.instruments.segmenters.cached_outputs import CHUNK, CachedOutputs, cached_outputs


def pictures(n, side=64, seed=0):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def runs(random_segmenter):
    """How many images ran through the segmenter's encoder, batch by batch."""
    counted = []
    encoder = random_segmenter._fast.encoder
    handle = encoder.register_forward_pre_hook(lambda _, given: counted.append(len(given[0])))
    yield counted
    handle.remove()


@pytest.mark.parametrize("n", [1, 5, CHUNK, CHUNK + 3])
def test_labels_features_and_distances_are_those_of_the_segmenter(random_segmenter, n):
    images, others = pictures(n), pictures(n, seed=1)
    distance = PerceptualDistance(random_segmenter)
    outputs, other = (CachedOutputs(random_segmenter, some) for some in (images, others))
    assert len(outputs) == n and outputs.labels.dtype == torch.int64
    assert torch.equal(outputs.labels, random_segmenter.labels(images))
    for stage, expected in zip(outputs.features, random_segmenter.features(images), strict=True):
        assert torch.allclose(stage, expected, atol=1e-5)
    apart = distance(distance.prepare(outputs), distance.prepare(other))
    assert torch.allclose(apart, distance(images, others), atol=1e-5)
    pooled = random_segmenter.pooled(outputs)
    assert (pooled == random_segmenter.pooled(images)).all()


def test_the_encoder_runs_once_for_all_outputs(random_segmenter, runs):
    outputs = CachedOutputs(random_segmenter, pictures(3))
    assert not runs
    assert outputs.labels.shape == (3, 64, 64)
    PerceptualDistance(random_segmenter).prepare(outputs)
    random_segmenter.pooled(outputs)
    assert runs == [3]


def test_labels_do_not_depend_on_the_order_of_outputs(random_segmenter):
    first, second = (CachedOutputs(random_segmenter, pictures(2)) for _ in range(2))
    PerceptualDistance(random_segmenter).prepare(first)
    assert torch.equal(first.labels, second.labels)


def test_outputs_of_another_segmenter_count_as_images_only(random_segmenter, brightness, runs):
    outputs = CachedOutputs(brightness, pictures(2))
    distance = PerceptualDistance(random_segmenter)
    assert torch.equal(distance.prepare(outputs).maps[0], distance.prepare(outputs.images).maps[0])
    assert runs == [2, 2]
    assert cached_outputs(brightness, outputs) is outputs
    assert cached_outputs(random_segmenter, outputs).segmenter is random_segmenter
    assert torch.equal(outputs.labels, brightness.labels(outputs.images))


def test_cached_outputs_carry_no_gradients(random_segmenter):
    images = pictures(2).requires_grad_()
    outputs = CachedOutputs(random_segmenter, images)
    assert not any(stage.requires_grad for stage in outputs.features)


def test_labels_that_do_not_start_with_the_features_leave_them_uncomputed(brightness):
    outputs = CachedOutputs(brightness, pictures(2))
    brightness.features = None  # calling it would raise
    assert torch.equal(outputs.labels, brightness.labels(outputs.images))
