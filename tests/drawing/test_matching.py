"""How things are held, told apart and chosen evenly, on small label maps made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.drawing.matching import (
    Pair,
    clear_of,
    half,
    held_by_middle,
    held_by_top,
    of_few_donors,
    pick,
    pick_evenly,
    replace_pairs,
    unmeasured,
)
from palimpsest.drawing.survey import Survey, Thing, things

CLASSES = ("plain", "old", "new", "spot")
SIDE = 128


def block(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    shape = np.zeros((SIDE, SIDE), bool)
    shape[top:bottom, left:right] = True
    return shape


def survey_of(*samples: dict[str, np.ndarray], tones: tuple[int, ...] = ()) -> Survey:
    """Samples of a plain ground and shapes by class; ``tones``: grey of each sample's things."""
    labels = np.zeros((len(samples), SIDE, SIDE), np.int16)
    images = np.full((len(samples), SIDE, SIDE, 3), 100, np.uint8)
    for i, shapes in enumerate(samples):
        for name, shape in shapes.items():
            labels[i][shape] = CLASSES.index(name)
            images[i][shape] = tones[i] if tones else 50
    return Survey(images, labels, CLASSES, 16)


def pair(target: int, donor: int, left: int, cost: float) -> Pair:
    return Pair(target, donor, (0, 0), block(40, left, 60, left + 20), cost)


def test_what_hangs_is_held_by_its_top_and_what_lies_by_its_middle() -> None:
    hanging = block(20, 40, 24, 50) | block(24, 44, 60, 80)
    (thing,) = things(survey_of({"old": hanging}), ("old",), 50)
    (top,) = held_by_top([thing], 4)
    assert top.anchor == (20.0, 45.0) and top.width == 10
    (centred,) = held_by_middle([thing])
    assert centred.anchor == (40.0, 60.0) and centred.width == thing.width == 40
    assert unmeasured([thing])[0].width == 0 and thing.width == 40


def test_things_are_clear_of_a_class_only_beyond_the_distance() -> None:
    mark = {"old": block(40, 40, 60, 60), "spot": block(40, 66, 60, 70)}
    survey = survey_of(mark)
    found = list(things(survey, ("old",), 50))
    assert clear_of(survey, found, ("spot",), 4) == found
    assert clear_of(survey, found, ("spot",), 8) == []


def test_each_kind_has_its_turn_and_no_sample_comes_twice() -> None:
    left = [pair(i, 10 + i, 10, i / 10) for i in range(4)]
    right = [pair(3, 30, 90, 1.0), pair(5, 31, 90, 1.1), pair(6, 11, 90, 1.2)]
    ranked = [*left, *right]
    assert [half(one) for one in ranked] == ["left"] * 4 + ["right"] * 3
    assert pick(ranked, 3) == left[:3]
    assert pick_evenly(ranked, 3, half) == [left[0], right[0], left[1]]
    # sample 3 is taken by then, donor 11 too, and the left ones fill up what is asked for
    assert pick_evenly(ranked, 9, half) == [left[0], right[0], left[1], right[1], left[2]]
    assert pick_evenly([], 3, half) == []


def test_few_donors_are_those_that_fit_so_many_targets_best() -> None:
    region = block(0, 0, 8, 8)

    def pairs(donor: int, costs: dict[int, float]) -> list[Pair]:
        return [Pair(target, donor, (0, 0), region, cost) for target, cost in costs.items()]

    many = pairs(11, {1: 0.5, 2: 0.2, 3: 0.9})
    good = pairs(12, {1: 0.1, 2: 0.3, 4: 0.6})
    best_of_one = pairs(13, {5: 0.01})
    every = [*many, *best_of_one, Pair(1, 12, (0, 0), region, 0.4), *good]
    assert of_few_donors(every, 1, 2) == good[:2]
    assert of_few_donors(every, 1, 3) == good
    assert of_few_donors([*many, *best_of_one], 1, 9) == [many[1], many[0], many[2]]
    # the second donor finds target 2 taken, and the first of each donor comes first
    assert of_few_donors([*many, *good], 2, 2) == [good[0], many[2], good[1]]
    assert of_few_donors(every, 9, 1) == [best_of_one[0], good[0], many[1]]
    assert of_few_donors([], 1, 3) == []


def test_a_stroke_goes_round_what_is_spared() -> None:
    shape, beside = block(48, 48, 64, 64), block(48, 66, 64, 72)
    survey = survey_of({"old": shape}, {"new": shape, "spot": beside})
    old, new = ([*things(survey, (name,), 50)] for name in ("old", "new"))
    (plainly,) = replace_pairs(survey, old, new, grow=4)
    (spared,) = replace_pairs(survey, old, new, grow=4, sparing=("spot",))
    assert (plainly.region & beside).any() and not (spared.region & beside).any()
    assert (spared.region | beside)[plainly.region].all() and spared.region[shape].all()


def test_a_stroke_ends_where_it_is_told_below_the_anchor() -> None:
    shape = block(48, 48, 64, 64)
    survey = survey_of({"old": shape}, {"new": shape})
    old, new = ([*things(survey, (name,), 50)] for name in ("old", "new"))
    for below in (0, 3):
        (pair,) = replace_pairs(survey, old, new, grow=6, below=below)
        assert np.flatnonzero(pair.region.any(axis=1)).max() == 63 + below


@pytest.mark.parametrize(("alike", "best"), [(0.0, 1), (2.0, 2)])
def test_things_of_one_colour_fit_better_only_where_that_is_asked_for(
    alike: float, best: int
) -> None:
    shape = block(48, 48, 64, 64)
    survey = survey_of({"old": shape}, {"new": shape}, {"new": shape}, tones=(50, 200, 60))
    old: list[Thing] = list(things(survey, ("old",), 50))
    found = replace_pairs(survey, old, list(things(survey, ("new",), 50)), grow=4, alike=alike)
    assert [one.donor for one in found][0] == best
