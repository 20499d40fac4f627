"""Reading `params.yaml` with the file of its scale merged over it, and the schema of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from palimpsest.errors import ParameterError
from palimpsest.pipeline.parameters.document import Parameters
from palimpsest.settings import validated


def parse_parameters(values: Mapping[str, Any]) -> Parameters:
    """Values as read from YAML, validated.

    Raises `ParameterError` with one line about the first field that is unknown, missing or out of
    range.
    """
    return validated("params.yaml", values, Parameters)


def load_parameters(path: str | Path, scales: str | Path) -> Parameters:
    """`params.yaml` with the file of its scale, from the folder ``scales``, merged over it.

    Raises `ParameterError` if a file is missing or not a YAML mapping, or a value is invalid.
    """
    values = _read_mapping(Path(path))
    for scale in overlays(str(values.get("scale"))):
        overlay = Path(scales) / f"{scale}.yaml"
        if not overlay.is_file():
            known = sorted(file.stem for file in Path(scales).glob("*.yaml"))
            raise ParameterError(f"{path}: scale: {scale!r} is none of {known}")
        values = merge(values, _read_mapping(overlay))
    return parse_parameters(values)


def overlays(scale: str) -> tuple[str, ...]:
    """The scales whose files are merged over `params.yaml` for one scale, in this order.

    The scale `stand_ins` runs what `paper` runs, so its file holds only the differences.
    """
    return ("paper", "stand_ins") if scale == "stand_ins" else (scale,)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the nested values of ``over``; lists and plain values are replaced whole."""
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = merge(old, value) if both else value
    return merged


def schema_text() -> str:
    """The JSON schema of `params.yaml`, the content of `workflow/schemas/params.schema.json`."""
    schema = Parameters.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ParameterError(f"{path}: {problem.strerror}") from None
    except yaml.YAMLError as problem:
        raise ParameterError(f"{path}: not YAML: {' '.join(str(problem).split())}") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: holds {type(values).__name__}, not names with values")
    return values
