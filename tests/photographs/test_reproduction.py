"""Photographs go through all stages, and carry their errors and where they come from."""

import pytest
import torch

from palimpsest.generators.pictures import as_picture
from palimpsest.photographs.files import STAGES, pixels_sha256
from palimpsest.photographs.inversion import reproduction_errors
from palimpsest.photographs.reproduction import reproduce
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings

INVERSION = InversionSettings(candidates=16, starts=1, z_steps=4, w_steps=10)
ADAPTATION = AdaptationSettings(steps=20, kept=2, pieces=2)


@pytest.fixture(scope="module")
def found(generator, photographs, distance):
    return reproduce(generator, photographs, distance, INVERSION, ADAPTATION, above=5)


def test_errors_are_those_of_the_images(found, photographs, distance):
    assert list(found.images) == list(found.seconds) == list(STAGES)
    for stage in STAGES:
        perceptual, pixel = reproduction_errors(found.images[stage], photographs, distance)
        for i, photograph in enumerate(found.photographs):
            assert photograph.errors[stage].perceptual == pytest.approx(float(perceptual[i]), 1e-3)
            assert photograph.errors[stage].pixel == pytest.approx(float(pixel[i]), 1e-3)
    assert all(spent > 0 for spent in found.seconds.values())


def test_a_photograph_makes_the_image_of_the_last_stage(found, generator):
    for i, photograph in enumerate(found.photographs):
        assert torch.equal(photograph.image(generator)[0], found.images["weights"][i])
        assert photograph.above == 5


def test_where_it_comes_from_is_kept(found, photographs):
    about = found.photographs[1].provenance
    assert about["pixels_sha256"] == pixels_sha256(as_picture(photographs)[1])
    assert about["inversion"] == INVERSION.model_dump(mode="json") and about["encoder"] is None
    assert about["adaptation"] == ADAPTATION.model_dump(mode="json") and about["seconds"] > 0
