"""The stage `train_photographs`: stopped, resumed, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from palimpsest.generators import load_generator
from stages import train_photographs
from tests.doubles.report_sources import call
from tests.training.test_adversarial import RECIPE, archive


def options(tmp_path: Path, **changes: object) -> dict[str, object]:
    names = [f"smiling/{i}.jpg" for i in range(1, 20)]
    given = {
        "archive": archive(tmp_path / "set.zip", names),
        "recipe": json.dumps(RECIPE),
        "out": tmp_path / "faces.safetensors",
        "checkpoint": tmp_path / "faces.checkpoint.pt",
        "every": 2,
    }
    return given | changes


def test_a_run_in_two_parts_is_a_run_in_one(tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / part).mkdir()
    whole, halves = options(tmp_path / "one"), options(tmp_path / "two")
    assert call(train_photographs, **whole, stop_at=6) == 0
    assert call(train_photographs, **halves, stop_at=3) == 0
    assert call(train_photographs, **halves, stop_at=6) == 0
    one, two = load_generator(whole["out"]), load_generator(halves["out"])
    assert all(
        (one.state_dict()[name] == tensor).all() for name, tensor in two.state_dict().items()
    )


def test_it_writes_weights_that_say_where_they_come_from_and_a_sheet(tmp_path: Path) -> None:
    given = options(tmp_path)
    assert call(train_photographs, **given, stop_at=4) == 0
    g = load_generator(given["out"])
    assert (g.kind, g.resolution, g.z_dim) == ("stylegan2", 8, 6)
    with Image.open(tmp_path / "faces.checkpoint.png") as sheet:
        assert sheet.size == (64, 64)  # 8 x 8 samples of 8 pixels


def test_snapshots_say_how_many_photographs_were_shown(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    assert call(train_photographs, **options(tmp_path, every=1), stop_at=4, snapshots=folder) == 0
    kept = [load_generator(file) for file in sorted(folder.iterdir())]
    batch = RECIPE["stages"][0]["batch"]
    assert [g.provenance["images"] for g in kept] == [2 * batch, 4 * batch]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archive": "missing.zip"}, "missing.zip"),
        ({"recipe": '{"channels": {"4": 8}, "stages": []}'}, "--recipe: stages"),
        ({"recipe": json.dumps(RECIPE | {"gamma": 1})}, "gamma: there is no such parameter"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, message: str
) -> None:
    assert call(train_photographs, **options(tmp_path, **changes)) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "faces.safetensors").exists()
