"""How options of stages are written into shell commands."""

from __future__ import annotations

import json
import shlex

from palimpsest.pipeline.stage_options import (
    as_json,
    json_option,
    named,
    option,
    repeated,
)
from palimpsest.settings import Settings


class Toy(Settings):
    seed: int = 1
    class_name: str = "a dome"


def test_an_option_without_a_value_is_left_out() -> None:
    assert option("--world", "church") == "--world church"
    assert option("--seed", 0) == "--seed 0"
    assert option("--world", None) == option("--world", "") == ""
    assert repeated("--layer", []) == named("--edit", {}) == ""
    assert json_option("--settings", None) == ""


def test_an_option_of_several_values() -> None:
    assert repeated("--layer", [5, 6]) == "--layer 5 --layer 6"
    assert named("--edit", {"b": "x", "a": "y"}) == "--edit b=x --edit a=y"


def test_the_same_settings_give_the_same_text() -> None:
    assert as_json({"b": 1, "a": 2}) == as_json({"a": 2}, b=1) == '{"a": 2, "b": 1}'
    assert as_json(Toy()) == as_json(Toy().model_dump())


def test_a_json_option_is_one_word_of_the_shell() -> None:
    name, text = shlex.split(json_option("--settings", Toy()))
    assert name == "--settings" and json.loads(text) == {"class_name": "a dome", "seed": 1}
