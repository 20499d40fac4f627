"""Inversion finds what made an image, for each photograph by itself."""

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.photographs.inversion import image_of, invert, pixel_error, reproduction_errors
from palimpsest.photographs.settings import InversionSettings

SHORT = InversionSettings(candidates=64, starts=2, z_steps=15, w_steps=25)


@pytest.fixture(scope="module")
def found(generator, photographs, distance):
    return invert(generator, photographs, distance, SHORT)


def test_each_stage_reproduces_better(generator, photographs, distance, found):
    assert found.z.shape == (3, 6) and found.latent.shape == (3, generator.latent_rows, 16)
    assert torch.equal(generator.latents(found.z), found.latent_of_z)
    mean = generator.latents(torch.randn(64, 6)).mean(0, keepdim=True).expand(3, -1, -1)
    errors = [
        reproduction_errors(image_of(generator, latent), photographs, distance)[0]
        for latent in (mean, found.latent_of_z, found.latent)
    ]
    assert errors[1].mean() < errors[0].mean()
    assert (errors[2] < errors[1]).all()


def test_a_photograph_does_not_depend_on_its_batch(generator, photographs, distance, found):
    alone = invert(generator, photographs[1:2], distance, SHORT)
    assert torch.allclose(alone.latent, found.latent[1:2], atol=1e-3)
    assert torch.allclose(alone.z, found.z[1:2], atol=1e-3)


def test_an_encoders_estimate_is_the_start(generator, photographs, distance):
    class Told:
        """Estimates the truth, which the photographs were made from."""

        def estimate(self, g, images):
            from palimpsest.generators.samples import sample_z

            return g.latents(sample_z(g, 3, seed=11))

    short = SHORT.model_copy(update={"z_steps": 2, "w_steps": 2})
    told = invert(generator, photographs, distance, short, Told())
    blind = invert(generator, photographs, distance, short)
    of = [
        reproduction_errors(image_of(generator, one.latent), photographs, distance)[0]
        for one in (told, blind)
    ]
    assert (of[0] < of[1]).all()


def test_progress_counts_the_steps(generator, photographs, distance):
    seen = []
    short = SHORT.model_copy(update={"z_steps": 2, "w_steps": 3})
    invert(generator, photographs[:1], distance, short, progress=lambda *step: seen.append(step))
    assert seen == [("z", 1, 2), ("z", 2, 2), ("w", 1, 3), ("w", 2, 3), ("w", 3, 3)]


def test_another_network_or_size_is_refused(generator, photographs, distance):
    other = ProgressiveGAN(32, {4: 8, 8: 8, 16: 8, 32: 8}, z_dim=6)
    with pytest.raises(ParameterError, match="need a StyleGAN2; this generator is a progressive"):
        invert(other, photographs, distance, SHORT)
    with pytest.raises(ParameterError, match=r"needs \(B, 3, 32, 32\)"):
        invert(generator, photographs[:, :, :16], distance, SHORT)


def test_black_to_white_is_an_error_of_one():
    white, black = torch.ones(1, 3, 4, 4), -torch.ones(1, 3, 4, 4)
    half = torch.zeros(4, 4, dtype=torch.bool)
    half[:2] = True
    mixed = torch.where(half, white, black)
    assert float(pixel_error(white, black)) == 1
    assert float(pixel_error(mixed, black)) == pytest.approx(0.5**0.5)
    assert float(pixel_error(mixed, black, ~half)) == 0
