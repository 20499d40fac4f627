"""Small networks with random weights, and a segmenter whose answers can be told by eye."""

import pytest
import torch

from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.segmenters.world_segmenter import Architecture, WorldSegmenter
from palimpsest.worlds import get_world
from tests.doubles.plain_segmenter import PlainSegmenter


class Brightness(PlainSegmenter):
    """Labels a pixel "dark", "grey" or "bright" by the mean of its channels."""

    name = "brightness"
    classes = ("dark", "grey", "bright")

    def labels(self, images):
        mean = images.mean(1)
        return (mean > -0.2).long() + (mean > 0.2).long()


@pytest.fixture
def brightness():
    return Brightness()


@pytest.fixture(scope="session")
def church():
    return get_world("church")


def untrained_segmenter(world):
    """An untrained segmenter of a world, in eval mode with batch norms that are not 1."""
    torch.manual_seed(3)
    architecture = Architecture(channels=(16, 16, 8, 8, 8))
    network = architecture.build(len(world.classes))
    with torch.no_grad():
        network.train()(torch.randn(8, 3, 64, 64))  # gives the batch norms statistics of their own
    return WorldSegmenter(network, architecture, world.classes, world.name, {"seed": 3})


@pytest.fixture(scope="session")
def random_segmenter(church):
    return untrained_segmenter(church)


@pytest.fixture(scope="session")
def small_generator(church):
    """A random StyleGAN2 that reads the church's z and makes 32-pixel images."""
    torch.manual_seed(4)
    g = StyleGAN2(
        32,
        {4: 12, 8: 12, 16: 12, 32: 8},
        style_dim=16,
        mapping_layers=2,
        encoding=SoftThresholds(church.z_dim, ((0, 0.4),)),
    )
    return g.eval().requires_grad_(False)
