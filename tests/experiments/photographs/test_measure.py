"""Photographs are chosen by number, reproduced in stages, edited and measured."""

import json

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.photographs.measure import (
    PICTURES,
    first_held_out,
    measure_photographs,
)
from palimpsest.experiments.photographs.panels import photographs_panel
from palimpsest.experiments.photographs.settings import PhotographSettings
from palimpsest.experiments.photographs.sticker import sticker_mask
from palimpsest.photographs.inversion import pixel_error
from palimpsest.settings import settings_from_json

SETTINGS = {
    "photographs": 3,
    "stickers": 1,
    "shown": 2,
    "region": ["mouth", "smile"],
    "switch": {"layer": 4, "units": 2, "samples": 40, "seed": 3, "strength": 1.5},
    "inversion": {"candidates": 16, "starts": 1, "z_steps": 4, "w_steps": 10},
    "adaptation": {"steps": 25, "kept": 2, "kept_batch": 1},
}


def settings(**changes):
    return PhotographSettings.model_validate(SETTINGS | changes)


@pytest.fixture(scope="module")
def measured(faces, rule, photographs, instruments):
    chosen = first_held_out(photographs, 3)
    return measure_photographs(faces, rule, chosen, instruments, settings())


def test_they_are_the_first_of_either_kind_by_number(photographs):
    # held out: 8, 16, 24, 32 and 40, each smiling and not
    assert first_held_out(photographs, 4).names == (
        "not_smiling/8",
        "smiling/8",
        "not_smiling/16",
        "smiling/16",
    )
    assert first_held_out(photographs, 10).smiling.sum() == 5
    with pytest.raises(ParameterError, match="11 held-out photographs are wanted.* has 10"):
        first_held_out(photographs, 11)


def test_each_stage_is_nearer_to_the_photograph(measured):
    errors = measured.table.groupby("picture")["perceptual_error"].mean()
    assert errors["adapted"] < errors["best_w"] < errors["best_z"]
    seconds = measured.table.groupby("picture")["seconds"].first()
    assert (seconds[["best_z", "best_w", "adapted"]] > 0).all() and np.isnan(seconds["edited"])


def test_every_photograph_has_a_row_for_every_picture(measured):
    table = measured.table
    assert len(table) == (3 + 1) * len(PICTURES)
    assert set(table["picture"]) == set(PICTURES)
    assert table["sticker"].sum() == len(PICTURES)
    assert (table.loc[table["sticker"], "photograph"] == table["photograph"].iloc[0]).all()


def test_the_sticker_is_measured_inside_it_only(measured):
    table = measured.table[measured.table["sticker"]].set_index("picture")
    inside = torch.from_numpy(sticker_mask(64))
    given, adapted = measured.pictures["photograph"][3:], measured.pictures["adapted"][3:]
    assert table.loc["adapted", "sticker_error"] == pytest.approx(
        float(pixel_error(adapted, given, inside))
    )
    plain = measured.pictures["photograph"][:1]
    assert table.loc["photograph", "sticker_error"] == pytest.approx(
        float(pixel_error(plain, given, inside))
    )
    assert measured.table.loc[~measured.table["sticker"], "sticker_error"].isna().all()


def test_changes_are_measured_outside_the_mouth(measured, instruments):
    table = measured.table.set_index(["picture", "sticker"])
    adapted, edited = measured.pictures["adapted"], measured.pictures["edited"]
    outside = pixel_error(edited, adapted, ~instruments.region)
    assert table.loc[("edited", True), "pixel_outside"].item() == pytest.approx(float(outside[3]))
    assert table.loc[("adapted", False), "pixel_outside"].isna().all()


def test_units_in_adapted_layers_are_refused(faces, rule, photographs, instruments):
    late = settings(switch=SETTINGS["switch"] | {"layer": 6})
    with pytest.raises(ParameterError, match="switch.layer 6: weights above the edit's layer 5"):
        measure_photographs(faces, rule, first_held_out(photographs, 2), instruments, late)


def test_more_stickers_than_photographs_are_refused():
    with pytest.raises(ParameterError, match="stickers 4: at most the number of photographs, 3"):
        settings_from_json("--settings", json.dumps(SETTINGS | {"stickers": 4}), PhotographSettings)


def test_the_panel_shows_the_first_and_one_with_a_sticker(measured):
    arrays, facts = photographs_panel(measured, settings())
    assert set(arrays) == set(PICTURES)
    assert all(array.shape == (3, 64, 64, 3) for array in arrays.values())
    names = measured.table["photograph"].tolist()
    assert facts["photographs"] == [names[0], names[1], names[0]] and facts["stickers"] == 1
    assert facts["shows_photographs"] is True and json.dumps(facts)
