"""Settings: a stage's JSON option, and one line about an invalid value."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field, ValidationError, model_validator

from palimpsest.errors import ParameterError
from palimpsest.settings import (
    Count,
    SampleSettings,
    Settings,
    check_distinct,
    object_from_json,
    settings_from_json,
)


class Toy(SampleSettings):
    layers: Annotated[tuple[Count, ...], Field(min_length=1)] = (5,)
    rate: float = 0.5

    @model_validator(mode="after")
    def _distinct(self) -> Toy:
        check_distinct(self, "layers")
        return self


def test_json_becomes_settings() -> None:
    toy = settings_from_json("--toy", '{"samples": 4, "seed": 1, "layers": [5, 6], "rate": 1}', Toy)
    assert toy == Toy(samples=4, seed=1, layers=(5, 6), rate=1.0)
    assert isinstance(toy.rate, float) and isinstance(toy.samples, int)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[1", "--toy: not a JSON object (Expecting"),
        ("[1]", "--toy: not a JSON object, such as"),
        ('{"seed": 1}', "--toy: samples: Field required"),
        ('{"sample": 4, "seed": 1}', "--toy: sample: there is no such parameter; did you mean"),
        (
            '{"samples": 0, "seed": 1}',
            "--toy: samples: should be greater than or equal to 1, not 0",
        ),
        ('{"samples": 4, "seed": 1, "layers": [5, 5]}', "--toy: layers [5, 5]: give each number"),
        ('{"samples": 4, "seed": 1, "layers": []}', "--toy: layers: "),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option(text: str, line: str) -> None:
    with pytest.raises(ParameterError) as caught:
        settings_from_json("--toy", text, Toy)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


def test_settings_do_not_change_and_take_no_unknown_name() -> None:
    toy = Toy(samples=4, seed=1)
    with pytest.raises(ValidationError):
        toy.samples = 5
    with pytest.raises(ValidationError):
        Toy(samples=4, seed=1, speed=1)
    assert issubclass(Toy, Settings)


def test_an_object_stays_as_it_is() -> None:
    assert object_from_json("--style", '{"dpi": 60, "scale": "mini"}') == {
        "dpi": 60,
        "scale": "mini",
    }
