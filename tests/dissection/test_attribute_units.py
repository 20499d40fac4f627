"""Units found for an attribute change it when they are switched, on and off, in their region."""

import pytest
import torch

from palimpsest.dissection.attribute_units import find_attribute_switch
from palimpsest.errors import ParameterError
from palimpsest.generators import sample_z

LAYER = 5
REGION = torch.zeros(32, 32)
REGION[16:28, 8:24] = 1


class Brightness:
    """Scores the brightness inside the region, around ``middle``."""

    attribute = "bright"

    def __init__(self, middle=0.0):
        self.middle = middle

    def scores(self, images):
        inside = REGION.bool()
        return images.mean(1)[:, inside].mean(1) - self.middle


@pytest.fixture(scope="module")
def classifier(small_generator):
    scores = Brightness().scores(small_generator(sample_z(small_generator, 64, 1)))
    return Brightness(float(scores.median()))


@pytest.fixture(scope="module")
def switch(small_generator, classifier):
    return find_attribute_switch(
        small_generator, LAYER, classifier, REGION, units=4, samples=64, seed=1
    )


def test_switching_on_raises_the_score_and_off_lowers_it(small_generator, classifier, switch):
    layer = small_generator.layer(LAYER)
    values = layer.values(layer.keys(sample_z(small_generator, 24, 2)))  # other samples
    before = classifier.scores(layer.render(values))
    on, off = (
        classifier.scores(layer.render(switch.set(values, there))) for there in (True, False)
    )
    assert (on[before < 0] - before[before < 0]).mean() > 0
    assert off[before >= 0].mean() < on[before >= 0].mean()
    stronger = classifier.scores(layer.render(switch.set(values, True, strength=2)))
    assert stronger.mean() > on.mean()


def test_only_the_chosen_units_in_the_region_are_set(small_generator, switch):
    layer = small_generator.layer(LAYER)
    values = layer.values(layer.keys(sample_z(small_generator, 2, 2)))
    changed = switch.set(values, True).v != values.v
    others = [unit for unit in range(changed.shape[1]) if unit not in switch.switch.units]
    assert not changed[:, others].any() and changed[:, list(switch.switch.units)].any()
    assert not changed[:, :, switch.region == 0].any()
    assert 0 < float(switch.region.mean()) < 0.3


def test_the_units_have_more_effect_than_the_last_ones(small_generator, classifier, switch):
    every = find_attribute_switch(
        small_generator, LAYER, classifier, REGION, units=12, samples=64, seed=1
    ).switch
    assert every.units[:4] == switch.switch.units


def test_samples_of_one_kind_are_refused(small_generator):
    with pytest.raises(ParameterError, match="0 of 16 samples show bright"):
        find_attribute_switch(
            small_generator, LAYER, Brightness(1e6), REGION, units=4, samples=16, seed=1
        )


def test_an_empty_region_is_refused(small_generator, classifier):
    with pytest.raises(ParameterError, match="has no pixel"):
        find_attribute_switch(
            small_generator, LAYER, classifier, REGION * 0, units=4, samples=16, seed=1
        )
