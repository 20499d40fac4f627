"""The limit on the error of faces: measured on faces, and only for the settings it was made for."""

import pytest

from palimpsest.photographs.encoder_training import EncoderTraining
from palimpsest.photographs.face_limit import FaceLimit, errors_after_w
from palimpsest.photographs.files import Error
from palimpsest.photographs.inversion import image_of, invert, reproduction_errors
from palimpsest.photographs.settings import EncoderRecipe, InversionSettings

SETTINGS = InversionSettings(candidates=16, starts=1, z_steps=1, w_steps=2)


@pytest.fixture(scope="module")
def encoder(generator):
    return EncoderTraining(EncoderRecipe(widths=(4,), hidden=4), generator).finished()


def test_errors_are_those_after_w(generator, photographs, distance, encoder):
    seen = []
    errors = errors_after_w(generator, photographs, distance, SETTINGS, encoder, seen.append)
    found = invert(generator, photographs, distance, SETTINGS, encoder)
    expected = reproduction_errors(image_of(generator, found.latent), photographs, distance)[0]
    assert errors == pytest.approx(expected.tolist(), rel=1e-4) and seen == [3]


def test_the_limit_is_a_quantile_of_faces(distance, encoder):
    limit = FaceLimit.measured([i / 100 for i in range(101)], distance, SETTINGS, encoder)
    assert (limit.perceptual, limit.median, limit.photographs) == (0.99, 0.5, 101)
    assert limit.holds(Error(0.9, 0)) and not limit.holds(Error(1.0, 0))
    assert "looks like a face: error 0.900" in limit.verdict(Error(0.9, 0))
    assert "does not look like a face" in limit.verdict(Error(1.2, 0))
    assert FaceLimit.read({"face_limit": limit.written()}) == limit
    assert FaceLimit.read({}) is None
