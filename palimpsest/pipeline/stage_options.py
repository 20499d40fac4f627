"""The command-line options of stages, as text in the shell commands of rules.

    option("--segmenter", "unet.safetensors")           # --segmenter unet.safetensors
    repeated("--layer", [5, 6])                         # --layer 5 --layer 6
    named("--edit", {"newton": "a.safetensors"})        # --edit newton=a.safetensors

Each gives an empty text for an empty value. The same values give the same text, because Snakemake
runs a job again when a parameter of its rule changes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from palimpsest.settings import Settings


def option(name: str, value: object) -> str:
    """One option, or an empty text if the value is None, an empty text or an absent input."""
    text = "" if value is None else str(value)
    return f"{name} {text}" if text else ""


def repeated(name: str, values: Iterable[object]) -> str:
    """One option for each value."""
    return " ".join(f"{name} {value}" for value in values)


def named(name: str, values: Mapping[str, object]) -> str:
    """One option for each entry, as `KEY=VALUE`."""
    return " ".join(f"{name} {key}={value}" for key, value in values.items())


def as_json(settings: Settings | Mapping[str, Any], **more: Any) -> str:
    """Settings as a JSON object, to be quoted by the shell command (`{params.settings:q}`)."""
    values = settings.model_dump() if isinstance(settings, Settings) else dict(settings)
    return json.dumps(values | more, sort_keys=True)


def json_option(name: str, settings: Settings | Mapping[str, Any] | None) -> str:
    """Settings as one option whose quoted value is a JSON object; empty without settings."""
    return option(name, shlex.quote(as_json(settings)) if settings else None)
