"""Units found for an attribute change it when they are switched, on and off, in their region."""

import pytest
import torch

from palimpsest.dissection.attribute_units import AttributeSwitch, find_attribute_switch
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


def test_only_the_chosen_units_in_the_region_are_moved(small_generator, switch):
    layer = small_generator.layer(LAYER)
    values = layer.values(layer.keys(sample_z(small_generator, 2, 2)))
    on, off = (switch.set(values, there, strength=1.5).v - values.v for there in (True, False))
    others = [unit for unit in range(on.shape[1]) if unit not in switch.units]
    assert not on[:, others].any() and on[:, list(switch.units)].any()
    torch.testing.assert_close(on, -off)
    rows, columns = on.abs().amax((0, 1)).nonzero(as_tuple=True)
    assert 8 <= rows.min() and rows.max() < 14 and 4 <= columns.min() and columns.max() < 12


def test_units_come_in_the_order_of_their_effect(small_generator, classifier, switch):
    every = find_attribute_switch(
        small_generator, LAYER, classifier, REGION, units=12, samples=64, seed=1
    )
    assert every.units[:4] == switch.units and sorted(every.units) == list(range(12))
    last = AttributeSwitch(LAYER, every.units[-4:], every.difference[-4:])
    layer = small_generator.layer(LAYER)
    values = layer.values(layer.keys(sample_z(small_generator, 24, 2)))
    first, others = (
        classifier.scores(layer.render(one.set(values, True))).mean() for one in (switch, last)
    )
    assert first > others


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
