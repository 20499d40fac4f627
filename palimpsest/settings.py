"""Base class of the settings models (pydantic), and one-line errors for invalid values.

Each settings model is beside the function that it configures, in a module that imports only
pydantic: Snakemake reads `params.yaml` for every job, and importing torch would take seconds each
time. `palimpsest.pipeline.parameters` composes these models into `params.yaml`; a stage validates
its JSON option with the same model::

    class ProbeSettings(Settings):
        samples: Count
        seed: Seed

    settings = settings_from_json("--settings", '{"samples": 100, "seed": 1}', ProbeSettings)
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from palimpsest.errors import ParameterError

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Rate = Annotated[float, Field(gt=0, le=1)]
Smoothness = Annotated[float, Field(ge=0)]
Rank = Annotated[int, Field(ge=1, le=64)]
LayerNumber = Annotated[int, Field(ge=2, le=18)]

SESSION_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""Pattern of the name of a session, which is also that of its file, before `.json`. It is safe in a
path, a shell command, an address and a wildcard of Snakemake; `files.session_files` applies it."""
LONGEST_SESSION_NAME = 100
SessionName = Annotated[str, Field(pattern=f"^{SESSION_NAME}$", max_length=LONGEST_SESSION_NAME)]


class Settings(BaseModel):
    """Base of all settings: immutable, and unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Settings)


class SampleSettings(Settings):
    """The samples ``0 .. samples - 1`` of the standard z of ``seed``."""

    samples: Count
    seed: Seed


def check_distinct(settings: Settings, *names: str) -> None:
    """Raises `ValueError` if one of the named lists has an element twice.

    For `model_validator`s, which turn it into a validation error.
    """
    for name in names:
        values = getattr(settings, name)
        if len(set(values)) < len(values):
            raise ValueError(f"{name} {list(values)}: give each number once")


def settings_from_json(option: str, text: str, model: type[S]) -> S:
    """The settings in a command line option that holds a JSON object.

    Raises `ParameterError` with one line that names the option and the field.
    """
    return validated(option, object_from_json(option, text), model)


def object_from_json(option: str, text: str) -> dict[str, Any]:
    """The JSON object in ``text``. Raises `ParameterError` with one line for any other text."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as problem:
        raise ParameterError(f"{option}: not a JSON object ({problem})") from None
    if not isinstance(values, dict):
        raise ParameterError(f'{option}: not a JSON object, such as {{"seed": 1}}')
    return values


def validated(where: str, values: Mapping[str, Any], model: type[S]) -> S:
    """``values`` as ``model``.

    Raises `ParameterError` with one line: ``where``, the first field that is unknown, missing or
    out of range, and what is wrong with it.
    """
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        raise ParameterError(f"{where}: {first_problem(problem)}") from None


def first_problem(problem: ValidationError) -> str:
    """The first of pydantic's errors in one line, and how many more there are."""
    errors = problem.errors(include_url=False)
    # a misspelt name is also a missing one: the misspelling is the better message
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return _in_words(first, errors) + rest


def _in_words(error: Any, errors: list[Any]) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        missing = [
            other["loc"][-1]
            for other in errors
            if other["type"] == "missing" and other["loc"][:-1] == error["loc"][:-1]
        ]
        meant = difflib.get_close_matches(str(error["loc"][-1]), missing, n=1)
        hint = f"; did you mean {meant[0]!r}?" if meant else "; remove it"
        return f"{field}: there is no such parameter{hint}"
    reason = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = "" if error["type"] in ("missing", "value_error") else f", not {error['input']!r}"
    return f"{field}: {reason}{given}" if field else f"{reason}{given}"
