"""Adaptation reproduces a photograph, keeps other samples, and leaves lower layers alone."""

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators.samples import sample_z
from palimpsest.photographs.adaptation import adapt
from palimpsest.photographs.inversion import image_of, reproduction_errors
from palimpsest.photographs.settings import AdaptationSettings

SETTINGS = AdaptationSettings(steps=60, kept=4)


@pytest.fixture(scope="module")
def latents(generator):
    return generator.latents(sample_z(generator, 3, seed=11))


@pytest.fixture(scope="module")
def changes(generator, photographs, latents, distance):
    return adapt(generator, photographs, latents, distance, SETTINGS, above=5)


def test_the_photograph_is_reproduced_better(generator, photographs, latents, distance, changes):
    before, _ = reproduction_errors(image_of(generator, latents), photographs, distance)
    for i, change in enumerate(changes):
        image = image_of(change.apply(generator), latents[i : i + 1])
        after, _ = reproduction_errors(image, photographs[i : i + 1], distance)
        assert after[0] < before[i]


def test_only_layers_above_change(generator, changes):
    held = generator.state_dict()
    for name, tensor in changes[0].apply(generator).state_dict().items():
        above = name.startswith(("convs.3.conv.w", "convs.4", "convs.5", "to_rgbs.1", "to_rgbs.2"))
        assert above or torch.equal(tensor, held[name]), name
    assert set(changes[0].tensors) == {
        "convs.3.conv.weight", "to_rgbs.1.conv.weight", "to_rgbs.1.bias",
        "convs.4.conv.weight", "convs.5.conv.weight", "to_rgbs.2.conv.weight", "to_rgbs.2.bias",
    }  # fmt: skip


def test_the_penalty_keeps_other_samples(generator, photographs, latents, distance, changes):
    free = SETTINGS.model_copy(update={"kept_weight": 0.0, "change_weight": 0.0})
    (loose,) = adapt(generator, photographs[:1], latents[:1], distance, free, above=5)
    z = sample_z(generator, 8, seed=99)
    moved = [
        (change.apply(generator)(z) - generator(z)).square().mean()
        for change in (loose, changes[0])
    ]
    assert moved[1] < moved[0]


def test_a_photograph_does_not_depend_on_its_batch(
    generator, photographs, latents, distance, changes
):
    (alone,) = adapt(generator, photographs[1:2], latents[1:2], distance, SETTINGS, above=5)
    for name, tensor in alone.tensors.items():
        assert torch.allclose(tensor.float(), changes[1].tensors[name].float(), atol=2e-3), name


def test_a_layer_without_layers_above_is_refused(generator, photographs, latents, distance):
    for above in (1, generator.last_layer):
        with pytest.raises(ParameterError, match=f"above layer {above} .* from 2 to 7"):
            adapt(generator, photographs, latents, distance, SETTINGS, above=above)
