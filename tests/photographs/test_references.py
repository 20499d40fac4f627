"""Pieces of samples pasted into a photograph: the photograph outside, the old weights inside."""

import pytest
import torch

from palimpsest.generators.samples import sample_z
from palimpsest.photographs.adaptation import adapt
from palimpsest.photographs.references import References
from palimpsest.photographs.settings import AdaptationSettings


@pytest.fixture(scope="module")
def samples(generator, distance):
    return References.of_samples(generator, distance, above=5, count=3, seed=2)


@pytest.fixture(scope="module")
def pieces(generator, photographs, distance, samples):
    values = generator.values_at(sample_z(generator, 1, seed=11), 5)
    return values, samples.with_pieces(
        generator, photographs[:1], values, distance, count=20, seed=2
    )


def test_samples_are_as_the_generator_draws_them(generator, samples):
    expected = generator(sample_z(generator, 3, seed=2))
    assert torch.allclose(samples.images, expected, atol=1e-5) and len(samples) == 3


def test_a_piece_changes_values_in_a_rectangle_only(pieces):
    values, made = pieces
    changed = (made.values.v - values.v).abs().amax(1) > 1e-6
    side = changed.shape[-1]
    for mask in changed:
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        height, width = (int(at.max() - at.min()) + 1 for at in (rows, columns))
        assert mask.sum() == height * width
        assert 0.2 * side <= height <= 0.8 * side and 0.2 * side <= width <= 0.8 * side


def test_it_is_drawn_by_the_old_weights_inside_and_shows_the_photograph_elsewhere(
    generator, photographs, pieces
):
    values, made = pieces
    old = generator.layer(5).render(made.values)
    without = generator.layer(5).render(values)
    changed = ((made.values.v - values.v).abs().amax(1, keepdim=True) > 1e-6).float()
    inside = torch.nn.functional.interpolate(changed, size=old.shape[-2:], mode="bilinear")
    full, none = inside == 1, inside == 0
    assert full.any() and none.any()
    features = photographs[:1] - without
    assert torch.allclose((made.images - old) * full, torch.zeros_like(old), atol=1e-5)
    assert torch.allclose((made.images - old - features) * none, torch.zeros_like(old), atol=1e-5)


def test_steps_see_one_group_after_the_other(samples):
    seen = [samples.at(step, 2).images for step in range(3)]
    order = torch.cat(seen)
    assert torch.equal(order, samples.images[[0, 1, 2, 0, 1, 2]])
    assert len(samples.at(0, 9)) == 3


def test_weights_that_keep_pieces_draw_unseen_ones_better(generator, distance):
    latents = generator.latents(sample_z(generator, 1, seed=11))
    photograph = generator(sample_z(generator, 1, seed=40)).clamp(-1, 1)  # far from what w makes
    values = generator.values_at(sample_z(generator, 1, seed=11), 5)
    others = References.of_samples(generator, distance, above=5, count=12, seed=70)
    unseen = others.with_pieces(generator, photograph, values, distance, count=24, seed=71)
    errors = []
    for weight in (0.0, 2.0):
        settings = AdaptationSettings(steps=40, rate=0.01, kept=8, pieces_weight=weight)
        (change,) = adapt(generator, photograph, latents, distance, settings, above=5)
        with torch.no_grad():
            images = change.apply(generator).layer(5).render(unseen.values)
            errors.append(float(distance(images, unseen.prepared).mean()))
    assert errors[1] < errors[0]
