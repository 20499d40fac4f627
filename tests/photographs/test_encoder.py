"""An encoder learns to tell the w of samples, resumes to the bit, and knows its generator."""

import pytest
import torch

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.samples import sample_z
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.encoder_training import EncoderTraining
from palimpsest.photographs.settings import EncoderRecipe

RECIPE = EncoderRecipe(widths=(16, 16), hidden=64, steps=200, mixing=0.0, image_weight=0.0)


@pytest.fixture(scope="module")
def trained(generator):
    training = EncoderTraining(RECIPE, generator)
    training.run()
    return training.finished()


def test_it_estimates_better_than_the_mean(generator, trained):
    z = sample_z(generator, 64, seed=77)
    truth = generator.latents(z)
    estimate = trained.estimate(generator, generator(z))
    assert estimate.shape == truth.shape
    error = ((estimate - truth) / trained.deviation).square().mean()
    of_mean = ((trained.mean - truth) / trained.deviation).square().mean()
    assert error < 0.9 * of_mean


def test_the_image_of_the_estimate_counts(generator):
    recipe = RECIPE.model_copy(update={"image_weight": 1.0})
    assert set(EncoderTraining(recipe, generator).advance()) == {"w", "image"}


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, generator):
    whole = EncoderTraining(RECIPE, generator)
    whole.run(stop_at=6)
    part = EncoderTraining(RECIPE, generator)
    part.run(tmp_path / "checkpoint.pt", stop_at=3)
    rest = EncoderTraining(RECIPE, generator)
    rest.resume(tmp_path / "checkpoint.pt")
    rest.run(stop_at=6)
    ours, theirs = whole.network.state_dict(), rest.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_saved_encoder_estimates_the_same(tmp_path, generator, trained):
    trained.save(tmp_path / "encoder.safetensors")
    read = Encoder.load(tmp_path / "encoder.safetensors")
    images = generator(sample_z(generator, 4, seed=5))
    ours, theirs = trained.estimate(generator, images), read.estimate(generator, images)
    assert torch.allclose(ours, theirs, atol=0.02)
    assert read.facts["samples"] == RECIPE.steps * RECIPE.batch
    with pytest.raises(CheckpointError, match="no such file"):
        Encoder.load(tmp_path / "none.safetensors")


def test_another_generator_is_refused(generator, small_generator, trained):
    with pytest.raises(ParameterError, match="encoder was trained for weights .* without it"):
        trained.estimate(small_generator, torch.zeros(1, 3, 32, 32))
    other = ProgressiveGAN(32, {4: 8, 8: 8, 16: 8, 32: 8}, z_dim=6)
    with pytest.raises(ParameterError, match="needs a StyleGAN2"):
        EncoderTraining(RECIPE, other)
