"""A small set of parameters and a small checkout, of which tests make plans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from palimpsest.pipeline.parameters import merge, parse_parameters
from palimpsest.pipeline.plan import Plan

ROOT = Path(__file__).parents[2]

CHURCH = {
    "weights": "church.safetensors",
    "segmenter": "church-segmenter.safetensors",
    "world": "church",
    "truncation": 1.0,
    "layer": 6,
}
KITCHEN = CHURCH | {
    "weights": "kitchen.safetensors",
    "segmenter": "kitchen-segmenter.safetensors",
    "world": "kitchen",
    "layer": None,
}
SMALL = {
    "models": {"church": CHURCH, "kitchen": KITCHEN},
    "sessions": {
        "church": {
            "dome2spire": {
                "solver": "palimpsest",
                "measure": {"source": ["dome"], "targets": ["spire"]},
            },
            "add_people": {"mu": 0.3},
            "remove_window": {"layer": 8},
        },
        "kitchen": {"remove_panes": {}},
    },
    "figures": {
        "fig01_rules": {"model": "church", "sessions": ["add_people", "dome2spire"], "pairs": 4},
        "fig04_part": {
            "model": "kitchen",
            "sessions": ["remove_panes"],
            "pairs": 2,
            "part_of": "fig04_comparison",
        },
        "fig04_comparison": {
            "model": "church",
            "sessions": ["dome2spire"],
            "methods": ["direct_lambda", "nbb_copy", "palimpsest"],
            "pairs": 3,
        },
        "fig07_hats": {"model": "church", "sessions": ["hat"], "pairs": 12},
    },
    "counterfactuals": {"models": ["church"], "samples": 10, "seed": 3},
    "grade_rule": {},
    "worlds": {},
}
"""Two models, four sessions and four figures, of which one shows a session that is not there."""

PROBED = {"session": "dome2spire", "curves": "fig13", "pieces": "fig14"}
PUBLISHED = {
    "weights": "published.pt",
    "segmenter": None,
    "world": None,
    "fetched_sessions": {"dome2spire": "masks/dome2spire.json"},
}
"""What a model is at the scale `paper`: without a world, with sessions that others drew."""


def plan(folder: Path, changes: Mapping[str, Any] | None = None) -> Plan:
    """The plan of the small parameters, with ``changes`` laid over them."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text()) | SMALL
    values["layer_probe"] = values["layer_probe"] | {"models": {"church": PROBED}}
    return Plan.read(parse_parameters(merge(values, changes or {})), folder)


def write(folder: Path, file: str, content: object = "") -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout in which the probe has chosen layer 5 for the kitchen."""
    write(tmp_path, "data/layer_choice.csv", "generator,layer\nkitchen,5\n")
    return tmp_path


def names(files: list[str]) -> list[str]:
    return [Path(file).stem for file in files]
