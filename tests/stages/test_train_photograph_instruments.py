"""The stage `train_photograph_instruments`: its three files, stopped runs, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.segmenters.photograph_parts import PhotographParts
from stages import train_photograph_instruments
from tests.doubles.drawn_photographs import drawn_archive
from tests.doubles.report_sources import call

RECIPE = {"smile": {"steps": 4, "batch": 8}, "backbone": {"steps": 3, "batch": 8}}


def options(folder: Path, **changes: object) -> dict[str, object]:
    names = ("smile", "parts", "reference")
    given = {
        "archive": drawn_archive(folder / "faces.zip", range(1, 26)),
        "recipe": json.dumps(RECIPE),
        **{f"out_{name}": folder / f"{name}.safetensors" for name in names},
    }
    return given | changes


def test_three_files_that_say_what_trained_them(tmp_path: Path) -> None:
    given = options(tmp_path)
    assert call(train_photograph_instruments, **given) == 0
    smile = AttributeClassifier.load(given["out_smile"])
    assert [grade["blur"] for grade in smile.facts["grades"]] == [0, 0.7]
    assert smile.facts["grades"][0]["n"] == 6  # numbers 8, 16 and 24 of either kind
    assert smile.facts["steps"] == 4
    parts = PhotographParts.load(given["out_parts"])
    assert parts.facts["backbone"]["trained on"] == "44 photographs"
    assert parts.facts["smile"] == smile.facts
    reference = FrechetReference.load(given["out_reference"])
    assert reference.count == 6 and reference.network == parts.backbone_sha256
    assert reference.floor.estimate > 0


def test_a_run_out_of_time_writes_no_file_and_goes_on(tmp_path: Path) -> None:
    given = options(tmp_path)
    assert call(train_photograph_instruments, **given, minutes=0) == 0
    assert not any(given[name].exists() for name in ("out_smile", "out_parts", "out_reference"))
    assert call(train_photograph_instruments, **given) == 0
    assert FrechetReference.load(given["out_reference"]).count == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archive": "missing.zip"}, "missing.zip"),
        ({"recipe": '{"mouth": {"width": 0}}'}, "--recipe: mouth.width"),
        ({"recipe": '{"smile": {"gamma": 1}}'}, "gamma: there is no such parameter"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, message: str
) -> None:
    given = options(tmp_path, **changes)
    assert call(train_photograph_instruments, **given) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1
    assert not given["out_smile"].exists()
