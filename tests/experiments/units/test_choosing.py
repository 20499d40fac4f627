"""Which units are chosen, from a dissection made by hand."""

import pytest
import torch

from palimpsest.dissection.unit_classes import Dissection
from palimpsest.errors import ParameterError
from palimpsest.experiments.units.choosing import CHANCE, FIT, chosen, unit_sets
from palimpsest.experiments.units.settings import OffSettings

IOU = torch.tensor([[0.1, 0.4], [0.5, 0.0], [0.2, 0.1], [0.3, 0.2], [0.0, 0.6], [0.4, 0.3]])
ON = torch.arange(12.0).view(6, 2)
FOUND = Dissection(("tree", "door"), IOU, torch.zeros(6), ON)


def settings(units: int) -> OffSettings:
    return OffSettings(thing="tree", layer=6, units=units)


def test_the_best_units_and_as_many_others():
    sets = unit_sets(FOUND, settings(2), seed=1)
    assert sets[FIT].units == [1, 5] and sets[FIT].levels.tolist() == [2, 10]
    assert len(set(sets[CHANCE].units) - {1, 5}) == 2
    assert sets[CHANCE].levels.tolist() == ON[sets[CHANCE].units, 0].tolist()
    assert unit_sets(FOUND, settings(2), seed=1)[CHANCE].units == sets[CHANCE].units


def test_all_others_are_drawn_sooner_or_later():
    drawn = {unit_sets(FOUND, settings(1), seed=s)[CHANCE].units[0] for s in range(40)}
    assert drawn == {0, 2, 3, 4, 5}


def test_more_than_half_of_the_units_leaves_none_to_compare_with():
    with pytest.raises(ParameterError, match="4 units of layer 6: it has 6"):
        unit_sets(FOUND, settings(4), seed=1)


def test_a_class_that_fills_no_cell_has_no_levels():
    unseen = Dissection(("tree", "door"), IOU, torch.zeros(6), ON.new_full((6, 2), torch.nan))
    with pytest.raises(ParameterError, match="no cell is seen to be tree"):
        chosen(unseen, "tree", [1])
