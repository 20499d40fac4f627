"""The stage that trains a segmenter: it stops, goes on and writes a graded file."""

import json
from functools import partial

import pytest

from palimpsest.errors import ParameterError
from palimpsest.instruments import load_segmenter
from palimpsest.instruments.segmenters.training import SegmenterTraining
from palimpsest.instruments.segmenters.world_segmenter import Architecture
from palimpsest.worlds import get_world
from stages import train_segmenter

RECIPE = {"resolution": 64, "scenes": 12, "steps": 4, "batch": 4, "seed": 2}


def test_the_stage_stops_goes_on_and_writes_a_graded_file(tmp_path, monkeypatch):
    small = partial(SegmenterTraining, architecture=Architecture(channels=(16, 16, 8, 8, 8)))
    monkeypatch.setattr(train_segmenter, "SegmenterTraining", small)
    out = tmp_path / "s.safetensors"
    told = {"world": "church", "out": out, "recipe": json.dumps(RECIPE), "graded": 4}
    train_segmenter.main(**told, minutes=0)
    assert not out.exists() and out.with_suffix(".checkpoint.pt").exists()
    train_segmenter.main(**told)
    facts = load_segmenter(out).facts
    assert facts["steps"] == 4 and facts["recipe"]["world"] == "church"
    assert [grade["resolution"] for grade in facts["grades"]] == [64, 64, 32, 32]
    assert set(facts["grades"][0]["iou"]) == set(get_world("church").classes)


def test_a_misspelt_setting_is_named(tmp_path):
    out = tmp_path / "never.safetensors"
    with pytest.raises(ParameterError, match="--recipe: scene: there is no such parameter"):
        train_segmenter.main(world="church", out=out, recipe='{"scene": 12}')
    assert not out.exists()
