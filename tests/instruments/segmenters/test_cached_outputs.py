"""What a segmenter tells of images is the same whether told at once or one by one."""

import pytest
import torch

from palimpsest.instruments import PerceptualDistance
from palimpsest.instruments.distances.frechet import pooled_features
from palimpsest.instruments.segmenters.cached_outputs import Reading, read_by
from palimpsest.instruments.segmenters.world_segmenter import CHUNK


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
    read, other = Reading(random_segmenter, images), Reading(random_segmenter, others)
    assert len(read) == n and read.labels.dtype == torch.uint8
    assert torch.equal(read.labels, random_segmenter.segment(images))
    for stage, expected in zip(read.features, random_segmenter.features(images), strict=True):
        assert torch.allclose(stage, expected, atol=1e-5)
    apart = distance(distance.look(read), distance.look(other))
    assert torch.allclose(apart, distance(images, others), atol=1e-5)
    pooled = pooled_features(random_segmenter, read)
    assert (pooled == pooled_features(random_segmenter, images)).all()


def test_our_encoder_runs_once_whatever_is_asked(random_segmenter, runs):
    read = Reading(random_segmenter, pictures(3))
    assert not runs
    assert read.labels.shape == (3, 64, 64)
    PerceptualDistance(random_segmenter).look(read)
    pooled_features(random_segmenter, read)
    assert runs == [3]


def test_labels_do_not_depend_on_what_was_asked_first(random_segmenter):
    first, second = (Reading(random_segmenter, pictures(2)) for _ in range(2))
    PerceptualDistance(random_segmenter).look(first)
    assert torch.equal(first.labels, second.labels)


def test_what_another_segmenter_read_counts_as_images_only(random_segmenter, brightness, runs):
    read = Reading(brightness, pictures(2))
    distance = PerceptualDistance(random_segmenter)
    assert torch.equal(distance.look(read).maps[0], distance.look(read.images).maps[0])
    assert runs == [2, 2]
    assert read_by(brightness, read) is read
    assert read_by(random_segmenter, read).segmenter is random_segmenter
    assert torch.equal(read.labels, brightness.segment(read.images))


def test_a_reading_leaves_no_gradients(random_segmenter):
    images = pictures(2).requires_grad_()
    read = Reading(random_segmenter, images)
    assert not any(stage.requires_grad for stage in read.features)
