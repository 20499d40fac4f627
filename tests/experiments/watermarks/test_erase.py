"""Erasing by a rule, on a network whose mark one known unit makes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from palimpsest.drawing.survey import Survey
from palimpsest.errors import EditError, ParameterError, SessionError, StatisticsError
from palimpsest.experiments.watermarks.by_images import NAME, rule_by_images
from palimpsest.experiments.watermarks.erase import (
    Painted,
    erase,
    erased_looks,
    joined,
    open_marks,
    painted_marks,
    spared_statistics,
)
from palimpsest.experiments.watermarks.settings import ImagesSettings
from palimpsest.generators import sample_z
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.samples import standard_normal
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.worlds import get_world
from tests.doubles.golden_session import surveyed
from tests.doubles.plain_segmenter import PlainSegmenter

MARKS = ("watermark_middle", "watermark_strip")
LAYER, UNIT, WIDTH, SIZE = 6, 5, 12, 16


class Reds(PlainSegmenter):
    """Calls a pixel a mark where it is red."""

    name = "reds"
    classes = ("rest", "mark")

    def labels(self, images):
        return (images[:, 0] > 0.3).long()


class Marked(ProgressiveGAN):
    """Unit 5 of the last layer is on in a box of about half of all samples, and all but 0 else."""

    def next_keys(self, values, inplace=False):
        state = super().next_keys(values, inplace)
        if state.layer != LAYER:
            return state
        k = state.k.clone()
        k[:, UNIT] *= 0.02
        k[values.v[:, 6].mean((1, 2)) > 0, UNIT, 9:13, 3:13] = 2
        return replace(state, k=k)


@pytest.fixture(scope="module")
def generator():
    """Its picture is red where unit 5 is on: it alone makes channel 0, and that alone makes red."""
    torch.manual_seed(1)
    g = Marked(SIZE, {4: WIDTH, 8: WIDTH, 16: WIDTH}, z_dim=6).eval().requires_grad_(False)
    weight = g.layer(LAYER).weight
    weight[:, UNIT] = 0
    weight[0] = 0
    weight[0, UNIT, 1, 1] = 20
    output = g.get_submodule(g.output_name).conv.weight
    output[0] = 0
    output[0, 0] = 1.5
    return g


@pytest.fixture(scope="module")
def stats(generator):
    return KeyStatistics.collect(generator, layer=LAYER, n=60, seed=1)


@pytest.fixture(scope="module")
def spared(generator):
    return spared_statistics(generator, LAYER, ("mark",), Reds(), n=60, seed=1)


@pytest.fixture(scope="module")
def context(generator):
    red = Reds().labels(generator(sample_z(generator, 12, 1))).numpy() == 1
    most = np.argsort(-red.sum((1, 2)))[:4]
    painted = [Painted(int(sample), red[sample]) for sample in sorted(most)]
    return open_marks(generator, LAYER, painted, seed=1)


def red_share(g, seed=2):
    return float(Reds().labels(g(sample_z(g, 40, seed))).float().mean())


def test_the_look_that_silences_the_unit_is_found(context, stats, generator):
    assert 0.03 < red_share(generator) < 0.13
    looks = erased_looks(context, stats, Reds(), ("mark",), units=(1, 6))
    assert len(looks) == 8 and [look.fault for look in looks] == sorted(x.fault for x in looks)
    alone = [look for look in looks if look.units == 1]
    for look in alone:
        assert look.left == 0 and look.kept == 1
    # one unit is enough, and of two looks without fault the one of fewer units comes first
    assert looks[0].units == 1
    best = looks[0]
    layer = context.layer
    before = layer.values(context.state[best.place]).v
    inside = context.painted[best.place].area
    assert (best.target[0, 0][torch.from_numpy(inside)].abs() < 1e-5).all()
    far = torch.from_numpy(~ndimage.binary_dilation(inside, np.ones((3, 3)), iterations=2))
    assert far.any() and torch.equal(best.target[0][:, far], before[0][:, far])


def test_a_rule_erases_marks_that_it_never_saw(context, stats, spared, generator):
    edit = erase(context, stats, spared, Reds(), ("mark",), (1,), mu=0.1, session="rank_one")
    assert edit.rank == 1 and edit.layer == LAYER
    assert red_share(edit.apply(generator)) < 0.1 * red_share(generator)
    told = edit.metadata
    assert json.loads(told["look"])["sample"] in [one.sample for one in context.painted]
    assert json.loads(told["look"])["left"] == 0 and told["marks"] == "mark"
    assert float(told["loss_after"]) < 0.5 * float(told["loss_before"])
    assert told["session"] == "rank_one"
    before = generator.layer(LAYER).weight
    assert torch.equal(edit.apply(generator, strength=0).layer(LAYER).weight, before)
    assert torch.equal(edit.remove(edit.apply(generator)).layer(LAYER).weight, before)


def test_a_rule_spares_other_places_more_than_silencing_all_its_units(
    context, stats, spared, generator
):
    """Six silenced units change every place; the rule's goal is a look made with the same six."""
    from palimpsest.memory import removal, unit_directions, unit_order

    rule = erase(context, stats, spared, Reds(), ("mark",), (6,), mu=1.0).apply(generator)
    order = unit_order(context.state.k, context.weights, stats)
    units = removal(context.layer, unit_directions(order[:6], WIDTH)).apply(generator)
    z = sample_z(generator, 40, 2)
    before = generator(z)
    outside = (Reds().labels(before) == 0)[:, None]
    changes = [float(((g(z) - before).abs() * outside).mean()) for g in (rule, units)]
    assert changes[0] < 0.5 * changes[1]


@pytest.fixture(scope="module")
def survey(generator):
    images = generator(sample_z(generator, 40, 1))
    pictures = ((images.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    labels = Reds().labels(images).numpy().astype(np.int16)
    return Survey(pictures, labels, Reds.classes, SIZE)


def test_images_decide_a_rule_that_erases_marks_and_spares_other_samples(
    context, survey, stats, spared, generator
):
    how = ImagesSettings(contexts=4, unmarked=12, steps=80, place_weight=4.0)
    losses = []
    edit = rule_by_images(
        *(context, survey, stats, spared, Reds(), ("mark",), (1, 6), how, 1),
        progress=lambda step, loss: losses.append(loss),
    )
    assert edit.rank == 1 and edit.layer == LAYER and len(losses) == 80
    assert float(edit.directions.norm()) == pytest.approx(1, abs=1e-5)
    assert np.mean(losses[-8:]) < 0.5 * np.mean(losses[:8])
    rule = edit.apply(generator)
    assert red_share(rule) < 0.1 * red_share(generator)
    z = sample_z(generator, 40, 2)
    before, after = generator(z), rule(z)
    bare = Reds().labels(before).flatten(1).sum(1) == 0
    moved = (after - before).abs().flatten(1).mean(1)
    assert bare.any() and moved[bare].mean() < 0.2 * moved[~bare].mean()
    told = edit.metadata
    assert (told["solver"], told["session"], told["marks"]) == ("images", NAME, "mark")
    assert told["context"] == ",".join(str(one.sample) for one in context.painted)


def test_images_cannot_decide_where_all_bear_marks(context, survey, stats, spared):
    everywhere = replace(survey, labels=np.ones_like(survey.labels))
    how = ImagesSettings(contexts=4, steps=1)
    with pytest.raises(SessionError, match="mark: in all of 40 samples"):
        rule_by_images(context, everywhere, stats, spared, Reds(), ("mark",), (1,), how, 1)


def test_spared_keys_are_those_without_marks(stats, spared):
    assert spared.count < stats.count
    ratio = spared.unit_second_moment / stats.unit_second_moment
    assert int(ratio.argmin()) == UNIT and ratio[UNIT] < 0.3
    assert spared.metadata["excluding"] == "cells with or next to mark"


def test_the_goal_bears_the_mark_that_the_direction_is_about(generator, context, stats, spared):
    """One image of the context is painted where there is no mark: it answers to no direction."""
    bare = np.zeros((SIZE, SIZE), bool)
    bare[:3, :3] = ~context.painted[0].area[:3, :3]
    painted = (Painted(context.painted[0].sample, bare), *context.painted[1:])
    mixed = open_marks(generator, LAYER, painted, seed=1)
    looks = erased_looks(mixed, stats, Reds(), ("mark",), (1,))
    edit = erase(mixed, stats, spared, Reds(), ("mark",), (1,), mu=0.1)
    assert json.loads(edit.metadata["look"])["sample"] != painted[0].sample
    assert {look.place for look in looks} == {0, 1, 2, 3}


def test_edits_of_one_layer_become_one(context, stats, spared, generator):
    first = erase(context, stats, spared, Reds(), ("mark",), (1,), mu=0.1)
    second = Edit(first.directions.flip(1), 0.1 * first.coefficients, first.metadata)
    both = joined([first, second], "each")
    weight = generator.layer(LAYER).weight
    expected = weight + first.delta() + second.delta()
    assert torch.allclose(both.apply(generator).layer(LAYER).weight, expected, atol=1e-6)
    assert both.rank == 2 and both.metadata["session"] == "each"
    assert len(json.loads(both.metadata["parts"])) == 2
    other = Edit(first.directions, first.coefficients, {**first.metadata, "layer": "4"})
    for wrong in ([], [first, other]):
        with pytest.raises(EditError, match="one layer of one model"):
            joined(wrong)


def test_wrong_input_is_named(generator, context, stats, spared):
    with pytest.raises(ParameterError, match="no class 'text'"):
        erased_looks(context, stats, Reds(), ("text",), (1,))
    for nothing in ([], [Painted(0, np.zeros((SIZE, SIZE), bool))]):
        with pytest.raises(SessionError, match="context of the marks is empty"):
            open_marks(generator, LAYER, nothing, seed=1)
    other = KeyStatistics.collect(generator, layer=4, n=60, seed=1)
    with pytest.raises(StatisticsError, match="made with layer = 4"):
        erase(context, stats, other, Reds(), ("mark",), (1,))


@pytest.fixture(scope="module")
def church_survey():
    return surveyed("church", 60, resolution=64)


def test_painted_samples_are_those_whose_scenes_bear_marks(church_survey):
    world = get_world("church")
    shown = world.attribute_presence(world.scene(standard_normal(60, world.z_dim, 1).numpy()))
    truth = np.stack([shown[mark] for mark in MARKS], axis=1)
    painted = painted_marks(church_survey, MARKS, count=10)
    samples = [one.sample for one in painted]
    assert len(set(samples)) == 10 and samples == sorted(samples)
    assert truth[samples].any(axis=1).all()
    # as many of each as can be: of ten at least five bear each of them
    assert (truth[samples].sum(axis=0) >= 5).all()
    for one in painted:
        seen = church_survey.where_one(one.sample, MARKS)
        assert one.area[seen].all()  # every mark of the sample, and not far beyond
        assert one.area.sum() < 2.5 * seen.sum()


def test_each_mark_alone_is_painted_alone(church_survey):
    for mark, other in (MARKS, MARKS[::-1]):
        for one in painted_marks(church_survey, (mark,), count=6):
            assert one.area[church_survey.where_one(one.sample, (mark,))].all()
            beyond = church_survey.where_one(one.sample, (other,))
            assert one.area[beyond].mean() < 0.2 if beyond.any() else True


def test_too_few_marked_samples_are_told(church_survey):
    with pytest.raises(SessionError, match="seen in .* of 60 samples, 50 are needed"):
        painted_marks(church_survey, MARKS, count=50)
    with pytest.raises(SessionError, match="no class 'text'"):
        painted_marks(church_survey, ("text",), count=1)
