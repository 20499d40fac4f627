"""The stage that trains an attribute classifier: it stops, goes on and writes a graded file."""

import json
from functools import partial

import pytest

from palimpsest.errors import WorldError
from palimpsest.instruments.classifiers.attribute_classifier import (
    AttributeArchitecture,
    AttributeClassifier,
)
from palimpsest.instruments.classifiers.training import AttributeTraining
from stages import train_classifier

RECIPE = {"resolution": 32, "scenes": 24, "steps": 4, "batch": 8, "seed": 2}


def test_the_stage_stops_goes_on_and_writes_a_graded_file(tmp_path, monkeypatch, capsys):
    small = partial(
        AttributeTraining, architecture=AttributeArchitecture(widths=(8, 8, 8), hidden=4)
    )
    monkeypatch.setattr(train_classifier, "AttributeTraining", small)
    out = tmp_path / "c.safetensors"
    told = {"world": "face", "attribute": "smile", "out": out}
    told |= {"recipe": json.dumps(RECIPE), "graded": 6}
    train_classifier.main(**told, minutes=0)
    assert not out.exists() and out.with_suffix(".checkpoint.pt").exists()
    assert "run again to resume" in capsys.readouterr().err
    train_classifier.main(**told)
    facts = AttributeClassifier.load(out).facts
    assert facts["steps"] == 4 and facts["recipe"]["attribute"] == "smile"
    assert [grade["n"] for grade in facts["grades"]] == [6, 6]
    assert facts["grades"][0]["blur"] == 0 < facts["grades"][1]["blur"]


def test_an_unknown_world_is_named(tmp_path):
    out = tmp_path / "never.safetensors"
    with pytest.raises(WorldError, match="unknown world 'moon'"):
        train_classifier.main(world="moon", attribute="smile", out=out)
    assert not out.exists()
