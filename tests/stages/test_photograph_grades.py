"""The stages `grade_photographs` and `measure_training_curve`: their files, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from palimpsest.files.panels import load_panel
from palimpsest.generators import save_generator
from palimpsest.generators.stylegan2 import StyleGAN2
from stages import (
    grade_photographs,
    measure_training_curve,
    plot_figure,
    train_photograph_instruments,
)
from tests.doubles.drawn_photographs import drawn_archive
from tests.doubles.report_sources import call

RECIPE = {"smile": {"steps": 2, "batch": 8}, "backbone": {"steps": 2, "batch": 8}}
GRADED = {"compared": 5, "candidates": 3, "shown": 4, "seed": 1}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An archive of drawn faces, its instruments, and two generators with random weights."""
    folder = tmp_path_factory.mktemp("photographs")
    archive = drawn_archive(folder / "faces.zip", range(1, 41))
    made = {name: folder / f"{name}.safetensors" for name in ("smile", "parts", "reference")}
    outputs = {f"out_{name}": file for name, file in made.items()}
    given = {"archive": archive, "recipe": json.dumps(RECIPE), **outputs}
    assert call(train_photograph_instruments, **given) == 0
    for name, shown in (("early", 1000), ("late", 9000)):
        torch.manual_seed(shown)
        channels = dict.fromkeys((4, 8, 16, 32, 64), 4)
        g = StyleGAN2(64, channels, z_dim=4, style_dim=4, mapping_layers=2)
        save_generator(g, folder / f"{name}.safetensors", {"images": shown})
        made[name] = folder / f"{name}.safetensors"
    return {"archive": archive, **made}


def grading(files: dict[str, Path], folder: Path, **changes: object) -> dict[str, object]:
    given = {name: files[name] for name in ("parts", "reference", "archive")}
    given |= {"model": "faces", "weights": files["late"], "settings": json.dumps(GRADED)}
    return given | {"out_table": folder / "t.csv", "out_sheet": folder / "s.png"} | changes


def test_grades_are_a_table_of_one_row_and_a_sheet(files, tmp_path: Path) -> None:
    assert call(grade_photographs, **grading(files, tmp_path)) == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["model"].tolist() == ["faces"] and table["images"].tolist() == [9000]
    assert table["n"].tolist() == [10] and table["n_compared"].tolist() == [5]
    assert (table["frechet"] > table["frechet_floor"]).all()  # random weights draw no faces
    for measure in ("nearer_percent", "copies_percent"):
        assert (table[f"{measure}_low"] <= table[measure]).all()
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.size == (8 * 64, 64)  # four samples, each before its neighbour


def test_the_curve_is_a_table_and_a_figure(files, tmp_path: Path) -> None:
    given = {name: files[name] for name in ("parts", "reference")}
    given |= {"model": "faces", "weights": [files["late"], files["early"]], "seed": 1}
    given |= {"out": tmp_path / "curve.csv", "out_panel": tmp_path / "curve.npz"}
    assert call(measure_training_curve, **given) == 0
    assert pd.read_csv(given["out"])["images"].tolist() == [1000, 9000]
    assert load_panel(given["out_panel"]).arrays["images"].tolist() == [1000, 9000]
    drawn = {"figure": "figS7_training_curve_photo_faces", "panel": given["out_panel"]}
    assert call(plot_figure, **drawn, style="{}", out=tmp_path / "curve.png") == 0
    assert "9,000 photographs" in (tmp_path / "curve.txt").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archive": "missing.zip"}, "missing.zip"),
        ({"settings": '{"compared": 0}'}, "--settings: compared"),
        ({"reference": "smile"}, "not a Fréchet reference"),
        ({"parts": "smile"}, "not a parts of photographs file"),
    ],
)
def test_bad_input_is_one_line(
    files, tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, message: str
) -> None:
    changes = {name: files.get(value, value) for name, value in changes.items()}
    assert call(grade_photographs, **grading(files, tmp_path, **changes)) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in last
    assert list(tmp_path.iterdir()) == []
