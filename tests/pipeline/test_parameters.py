"""params.yaml, its scales, its schema, and what a wrong value gets."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from palimpsest.errors import ParameterError
from palimpsest.pipeline.parameters import (
    load_parameters,
    merge,
    overlays,
    parse_parameters,
    schema_text,
)

ROOT = Path(__file__).parents[2]
SCALES = ROOT / "workflow" / "scales"
SCHEMA = ROOT / "workflow" / "schemas" / "params.schema.json"


@pytest.fixture
def values() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def changed(values: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(values)
    *path, last = field.split(".")
    section = values
    for name in path:
        section = section[name]
    section[last] = value
    return values


def test_the_schema_file_is_the_model() -> None:
    assert SCHEMA.read_text() == schema_text(), (
        "run: python -m palimpsest.pipeline.parameters --schema"
        " > workflow/schemas/params.schema.json"
    )


def test_mini_is_params_yaml_as_it_stands(values: dict[str, Any]) -> None:
    assert yaml.safe_load((SCALES / "mini.yaml").read_text()) == {"scale": "mini"}
    assert load_parameters(ROOT / "params.yaml", SCALES) == parse_parameters(values)


@pytest.mark.parametrize("scale", ["mini", "quick", "smoke", "paper", "stand_ins"])
def test_every_scale_is_valid_by_model_and_schema(scale: str, values: dict[str, Any]) -> None:
    merged = values
    for overlay in overlays(scale):
        merged = merge(merged, yaml.safe_load((SCALES / f"{overlay}.yaml").read_text()))
    assert parse_parameters(merged).scale == scale
    jsonschema.validate(merged, json.loads(schema_text()))


def test_stand_ins_are_what_the_paper_runs_in_another_folder(
    values: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values | {"scale": "stand_ins"}))
    stand_ins = load_parameters(path, SCALES)
    path.write_text(yaml.safe_dump(values | {"scale": "paper"}))
    paper = load_parameters(path, SCALES)
    assert (stand_ins.scale, stand_ins.measure.samples) == ("stand_ins", 8)
    text, other = (
        one.model_dump_json(include={"models", "instruments"}) for one in (stand_ins, paper)
    )
    assert "weights/paper" not in text and text == other.replace(
        "weights/paper", "weights/stand_ins"
    )
    # so are the sessions, but for how many exemplars their methods take
    one, other = (
        {
            (model, name): session.model_dump(exclude={"methods"})
            for model, sessions in scale.sessions.items()
            for name, session in sessions.items()
        }
        for scale in (stand_ins, paper)
    )
    assert one == other
    assert paper.stand_ins.manifest is None


def test_the_papers_sessions_that_no_class_measures_are_solved_without_classes(
    values: dict[str, Any],
) -> None:
    paper = parse_parameters(merge(values, yaml.safe_load((SCALES / "paper.yaml").read_text())))
    unmeasured = {
        session: paper.session(name, session)
        for name, model in paper.models.items()
        for session in model.fetched_sessions
        if paper.session(name, session).measure is None
    }
    assert set(unmeasured) == {"dome2castle", "add_people", "tower2tree", "hat", "long_tail"}
    assert {about.solver for about in unmeasured.values()} == {"newton"}
    # one other layer is the paper's own; those of params.yaml are of the worlds' generators
    assert {name for name, about in unmeasured.items() if about.layer} == {"dome2castle"}


def test_the_standard_sizes_are_those_reported(values: dict[str, Any]) -> None:
    assert parse_parameters(values).measure.samples == 1000
    paper = merge(values, yaml.safe_load((SCALES / "paper.yaml").read_text()))
    assert parse_parameters(paper).measure.samples == 10_000


WRONG = [
    ("scale", "huge"),
    ("measure.samples", 0),
    ("measure.samples", "many"),
    ("measure.seed", -1),
    ("models.church.truncation", 1.5),
    ("models.church.layer", 0),
    ("intervals.level", 1.0),
    ("methods.projected_gradient.learning_rate", 0),
    ("methods.projected_gradient.unknown", 1),
    ("sessions.church.dome2spire.solver", "magic"),
    ("sessions.church.dome2spire.mu", -0.1),
    ("figures.fig09_windows.pairs", 0),
    ("style.accent", "red"),
    ("mesure", {}),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=[f"{f}={v}" for f, v in WRONG])
def test_a_wrong_value_is_one_line_that_names_it(
    field: str, value: object, values: dict[str, Any]
) -> None:
    wrong = changed(values, field, value)
    with pytest.raises(ParameterError) as caught:
        parse_parameters(wrong)
    assert field in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(schema_text()))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("measure.seed", 2, "tuning_seed"),
        ("methods.palimpsest.exemplars", 13, "candidate_exemplars"),
        ("figures.fig09_windows.model", "cathedral", "no model 'cathedral'"),
        ("sessions.cathedral", {"dome2spire": {}}, "sessions.cathedral: no model"),
        ("sessions.church.dome2tree.candidate_layers", [6, 6], "give each number once"),
        ("sessions.church.dome2tree.candidate_layers", [6, 8], "dome2tree.*: 8 is the session's"),
        ("sessions.church.sky_doors.candidate_layers", [7], "sky_doors.*: method newton: edits"),
        ("solve.candidate_layers", [7], "solve.*: give them to a session"),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    field: str, value: object, says: str, values: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError, match=says):
        parse_parameters(changed(values, field, value))


def test_a_misspelt_name_is_told_the_right_one(values: dict[str, Any]) -> None:
    values["measure"]["sample"] = values["measure"].pop("samples")
    with pytest.raises(ParameterError, match=r"measure\.sample: .* did you mean 'samples'"):
        parse_parameters(values)


def test_a_missing_value_is_named(values: dict[str, Any]) -> None:
    del values["measure"]["seed"]
    with pytest.raises(ParameterError, match=r"measure\.seed: Field required"):
        parse_parameters(values)


def test_files_that_hold_no_values_are_named(tmp_path: Path, values: dict[str, Any]) -> None:
    file = tmp_path / "params.yaml"
    with pytest.raises(ParameterError, match="No such file"):
        load_parameters(file, SCALES)
    file.write_text("a: [")
    with pytest.raises(ParameterError, match="not YAML"):
        load_parameters(file, SCALES)
    file.write_text("- a list")
    with pytest.raises(ParameterError, match="list"):
        load_parameters(file, SCALES)
    file.write_text(yaml.safe_dump(changed(values, "scale", "huge")))
    with pytest.raises(ParameterError, match="'huge' is none of"):
        load_parameters(file, SCALES)


def test_a_session_says_only_what_differs(values: dict[str, Any]) -> None:
    values = changed(values, "solve.mu", 0.7)
    values["sessions"]["church"] = {"a": {"rank": 2}, "b": {"solver": "palimpsest", "mu": 0.1}}
    parameters = parse_parameters(values)
    assert (parameters.session("church", "a").mu, parameters.session("church", "a").rank) == (
        0.7,
        2,
    )
    assert parameters.session("church", "b").mu == 0.1
    assert parameters.session("church", "drawn_by_hand").mu == 0.7


def test_an_overlay_replaces_values_and_keeps_the_rest() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merge(base, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}, "d": 1}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}
