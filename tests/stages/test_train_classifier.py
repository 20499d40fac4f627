"""The stage that trains an attribute classifier: it stops, goes on and writes a graded file."""

from dataclasses import replace

import pytest

from palimpsest.errors import WorldError
from palimpsest.instruments.classifiers.attribute_classifier import (
    AttributeArchitecture,
    AttributeClassifier,
)
from palimpsest.instruments.classifiers.training import (
    AttributeRecipe,
)
from stages import train_classifier

TINY = AttributeRecipe(
    "smile",
    resolution=32,
    scenes=24,
    steps=6,
    batch=8,
    seed=2,
    architecture=AttributeArchitecture(widths=(8, 8, 8), hidden=4),
)


def test_the_stage_stops_goes_on_and_writes_a_graded_file(tmp_path, monkeypatch, capsys):
    def tiny(attribute, resolution, **told):
        return replace(TINY, attribute=attribute, resolution=resolution, **told)

    monkeypatch.setattr(train_classifier, "AttributeRecipe", tiny)
    out = tmp_path / "c.safetensors"
    told = {"world": "face", "attribute": "smile", "out": out, "resolution": 32}
    told |= {"scenes": 24, "steps": 4, "graded": 6}
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
