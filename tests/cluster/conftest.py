"""A checkout with one generator and two sessions drawn by hand: a chain of four small jobs."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageDraw

from ..pipeline.conftest import ROOT, Checkout, copy_checkout
from .one_node_slurm import Slurm, missing_programs, one_node_slurm

LAYER = 6
SESSIONS = ("left", "right")
STATISTICS = f"data/statistics/own/layer{LAYER}.safetensors"
EDITS = [f"data/edits/own/{session}.safetensors" for session in SESSIONS]
TABLE = "results/tables/edits.csv"
CHECKPOINT = "data/weights/paper/own.safetensors"
"""Where fetched checkpoints lie, and where DVC keeps them."""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """The pipeline with its real stages, and nothing made yet."""
    folder = tmp_path / "checkout"
    write_checkout(folder)
    return Checkout(folder, f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    if missing := missing_programs():
        pytest.skip(f"no {', '.join(missing)} here (Debian: slurm-wlm munge)")
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def write_checkout(folder: Path) -> None:
    copy_checkout(folder)
    shutil.copytree(
        ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy2(ROOT / name, folder / name)
    for empty in ("data/weights/mini", "data/studies"):
        (folder / empty).mkdir(parents=True)
        (folder / empty / "README.md").write_text("none\n")
    (folder / CHECKPOINT).parent.mkdir()
    shutil.copy2(ROOT / "data/weights/mini/church.safetensors", folder / CHECKPOINT)
    (folder / "data/sessions/own").mkdir(parents=True)
    for number, session in enumerate(SESSIONS):
        text = json.dumps(session_drawn_by_hand(session, shift=60 * number))
        (folder / "data/sessions/own" / f"{session}.json").write_text(text)
    parameters = yaml.safe_load((folder / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(one_model(parameters), sort_keys=False))


def session_drawn_by_hand(name: str, shift: int) -> dict[str, object]:
    """A box of sample 0 copied to sample 1; ``shift`` in pixels of 128."""
    copied, pasted = (20 + shift, 40, 39 + shift, 70), (25 + shift, 45, 44 + shift, 75)
    return {
        "version": 1,
        "model": "own",
        "name": name,
        "layer": LAYER,
        "rank": 1,
        "seed": 1,
        "n": 100,
        "exemplars": [
            {
                "object": {"sample": 0, "mask": painted(copied)},
                "paste": {"sample": 1, "mask": painted(pasted)},
            }
        ],
        "context": [{"sample": 1, "mask": painted(pasted)}],
    }


def painted(box: tuple[int, int, int, int]) -> str:
    """A mask of 128 pixels, white in the box, as a data URL."""
    picture = Image.new("L", (128, 128))
    ImageDraw.Draw(picture).rectangle(box, fill=255)
    stored = io.BytesIO()
    picture.save(stored, "PNG")
    return "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode()


def one_model(parameters: dict) -> dict:
    """The parameters of a project whose one generator knows no world and has no segmenter."""
    model = {"weights": CHECKPOINT, "segmenter": None, "world": None, "truncation": 1.0}
    parameters |= {
        "models": {"own": model | {"layer": LAYER}},
        "statistics": {"samples": 40, "seed": 1},
        "sessions": {},
        "figures": {},
        "grade_rule": {},
        "compute": {"gpus": 1, "shards": 1},
    }
    parameters["methods"]["newton"]["iterations"] = 8
    parameters["counterfactuals"]["models"] = []
    parameters["layer_probe"]["models"] = {}
    for part in ("reflections", "watermarks", "units", "tradeoff", "walk", "held_out_renders"):
        parameters[part]["model"] = "own"
    return parameters
