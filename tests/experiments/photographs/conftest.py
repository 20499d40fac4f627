"""A small generator of 64 pixels, drawn faces in place of photographs, and instruments for them."""

import numpy as np
import pytest
import torch

from palimpsest.experiments.photographs.measure import PhotographInstruments
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.classifiers.attribute_classifier import (
    AttributeArchitecture,
    AttributeClassifier,
)
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.memory import Edit
from palimpsest.training.photographs import Photographs
from tests.doubles.drawn_photographs import drawn_archive
from tests.doubles.mouth_parts import MOUTH, MouthParts
from tests.doubles.square_session import features


class Parts(MouthParts):
    def features(self, images):
        return features(images)


@pytest.fixture(scope="session")
def faces():
    """A random StyleGAN2 of 64 pixels."""
    torch.manual_seed(8)
    g = StyleGAN2(64, {4: 8, 8: 8, 16: 8, 32: 8, 64: 6}, style_dim=8, mapping_layers=1)
    return g.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    return Photographs.read(drawn_archive(folder / "faces.zip", range(1, 41)))


@pytest.fixture(scope="session")
def instruments(faces):
    """Instruments by which some samples of the generator "smile" and some do not."""
    torch.manual_seed(2)
    architecture = AttributeArchitecture((4, 4), 4)
    smiles = AttributeClassifier(architecture.build(), architecture, "", "smile", 64)
    with torch.no_grad():
        z = torch.from_numpy(np.random.RandomState(1).standard_normal((64, faces.z_dim))).float()
        smiles._network[-2].bias -= smiles.scores(faces(z)).median()
    region = torch.zeros(64, 64, dtype=torch.bool)
    region[MOUTH] = True
    return PhotographInstruments(PerceptualDistance(Parts()), smiles, region)


@pytest.fixture(scope="session")
def rule(faces):
    """An edit of layer 5 of the small generator."""
    torch.manual_seed(6)
    out, into = faces.layer(5).weight.shape[:2]
    directions = torch.nn.functional.normalize(torch.randn(1, into))
    about = {"layer": "5", "weights_sha256": faces.weights_sha256}
    return Edit(directions, torch.randn(out, 1, 3, 3), about)
