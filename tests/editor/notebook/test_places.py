"""Where an editor in a notebook keeps its work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palimpsest.editor.drafts import Drafts
from palimpsest.editor.notebook.places import notebook_place
from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator

WEIGHTS = Path(__file__).parents[3] / "data" / "weights" / "mini" / "church.safetensors"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def church():
    return load_generator(WEIGHTS)


def test_a_file_gives_its_name_and_the_segmenter_beside_it(home):
    place = notebook_place(WEIGHTS, layer=6)
    model = place.models["church"]
    assert (place.first, model.layer, model.sessions) == ("church", 6, Path("sessions/church"))
    assert model.segmenter == WEIGHTS.with_name("church-segmenter.safetensors")
    assert place.drafts.is_relative_to(home)


def test_a_generator_is_copied_and_changed_weights_have_their_own_drafts(church):
    place = notebook_place(church)
    loaded = place.models["generator"].loaded
    assert loaded is not church and notebook_place(church).drafts == place.drafts
    weight = church.layer(6).weight
    changed = church.with_weight(6, weight + 1)
    assert notebook_place(changed).drafts != place.drafts
    assert torch.equal(loaded.layer(6).weight, weight)


def test_drafts_that_another_notebook_has_open_are_left_to_it(church):
    place = notebook_place(church)
    other = Drafts.open(place.drafts)
    try:
        beside = notebook_place(church)
        assert beside.drafts != place.drafts
        assert notebook_place(church, own=[place.drafts]).drafts == place.drafts
    finally:
        other.close()
    assert notebook_place(church).drafts == place.drafts


@pytest.mark.parametrize(
    ("g", "options", "sentence"),
    [
        ("nowhere.pt", {}, "nowhere.pt: no such file"),
        (WEIGHTS, {"layer": 99}, "there is no layer 99; there are 2 to "),
        (WEIGHTS, {"name": "../church"}, "other signs"),
        (WEIGHTS, {"segmenter": Path("nowhere.pt")}, "segmenter: nowhere.pt: no such file"),
    ],
)
def test_what_cannot_be_opened_is_said(g, options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        notebook_place(g, **options)
