"""A distance over random filters, photographs near those of a small generator, and an edit."""

import pytest
import torch

from palimpsest.generators.samples import sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.memory.edits import Edit
from tests.doubles.plain_segmenter import PlainSegmenter
from tests.doubles.square_session import features


class RandomFilters(PlainSegmenter):
    name = "random-filters"
    classes = ("all",)

    def features(self, images):
        return features(images)


@pytest.fixture(scope="session")
def distance():
    return PerceptualDistance(RandomFilters())


@pytest.fixture(scope="session")
def photographs(generator):
    """Three images (3, 3, 32, 32) that are near the generator's and not among them."""
    made = generator(sample_z(generator, 3, seed=11)).clamp(-1, 1)
    stream = torch.Generator().manual_seed(5)
    return (made + 0.05 * torch.randn(made.shape, generator=stream)).clamp(-1, 1)


@pytest.fixture(scope="session")
def edit(generator):
    stream = torch.Generator().manual_seed(6)
    weight = generator.layer(5).weight
    directions = torch.randn(1, weight.shape[1], generator=stream)
    coefficients = torch.randn(weight.shape[0], 1, 3, 3, generator=stream)
    return Edit(
        directions / directions.norm(),
        coefficients,
        {"layer": "5", "weights_sha256": generator.weights_sha256},
    )
