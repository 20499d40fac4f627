"""From an archive of photographs, and from a world's renders, to tables and figures."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from palimpsest.generators import save_generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.classifiers.attribute_classifier import (
    AttributeArchitecture,
    AttributeClassifier,
)
from palimpsest.memory import Edit
from palimpsest.report.figures import facts_of
from stages import (
    measure_photographs,
    measure_renders,
    plot_figure,
    tabulate_photographs,
    tabulate_renders,
)
from tests.doubles.drawn_photographs import drawn_archive
from tests.doubles.report_sources import call
from tests.doubles.small_networks import untrained_segmenter

SEARCH = {
    "inversion": {"candidates": 16, "starts": 1, "z_steps": 2, "w_steps": 2},
    "adaptation": {"steps": 2, "kept": 2, "kept_batch": 1},
}
PHOTOGRAPHS = SEARCH | {
    "photographs": 4,
    "stickers": 1,
    "shown": 3,
    "region": ["sky"],
    "switch": {"layer": 5, "units": 2, "samples": 64, "seed": 1, "strength": 1.0},
}
RENDERS = SEARCH | {"renders": 2, "seed": 9}
INTERVALS = '{"level": 0.95, "resamples": 20, "seed": 0}'
GRADE = {
    "blur": 0.0,
    "false_positives": 5,
    "negatives": 100,
    "false_negatives": 8,
    "positives": 90,
}


def an_edit(g: StyleGAN2, path: Path) -> Path:
    torch.manual_seed(1)
    out, into = g.layer(5).weight.shape[:2]
    directions = torch.nn.functional.normalize(torch.randn(1, into))
    about = {"layer": "5", "weights_sha256": g.weights_sha256, "session": path.stem}
    Edit(directions, torch.randn(out, 1, 3, 3), about).save(path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, church, small_generator) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    torch.manual_seed(8)
    g = StyleGAN2(64, {4: 8, 8: 8, 16: 8, 32: 8, 64: 6}, style_dim=8, mapping_layers=1).eval()
    save_generator(g, folder / "faces.safetensors")
    an_edit(g, folder / "smile.safetensors")
    save_generator(small_generator, folder / "church.safetensors")
    an_edit(small_generator, folder / "dome2spire.safetensors")
    untrained_segmenter(church).save(folder / "segmenter.safetensors")
    architecture = AttributeArchitecture((4, 4), 4)
    network = architecture.build()
    with torch.no_grad():
        samples = g(torch.randn(64, g.z_dim))
        network.eval()
        network[-2].bias -= network(samples).median()
    facts = {"grades": [GRADE]}
    AttributeClassifier(network, architecture, "", "smile", 64, facts).save(
        folder / "classifier.safetensors", torch.float32
    )
    drawn_archive(folder / "faces.zip", range(1, 17))
    return folder


def photographs(files: Path, **changes: object) -> dict[str, object]:
    return {
        "archive": files / "faces.zip",
        "weights": files / "faces.safetensors",
        "segmenter": files / "segmenter.safetensors",
        "classifier": files / "classifier.safetensors",
        "edit": files / "smile.safetensors",
        "settings": json.dumps(PHOTOGRAPHS),
        "scale": "smoke",
        "out": files / "photographs.parquet",
        "out_panel": files / "figS5_photographs.npz",
    } | changes


def drawn(files: Path, figure: str) -> tuple[dict, str]:
    options = {"panel": files / f"{figure}.npz", "style": '{"dpi": 40, "scale": "smoke"}'}
    out = files / f"{figure}.png"
    assert call(plot_figure, figure=figure, out=out, **options) == 0
    return facts_of(out), out.with_suffix(".txt").read_text()


def test_from_photographs_to_table_and_figure(files: Path) -> None:
    assert call(measure_photographs, **photographs(files)) == 0
    made = {"measurements": files / "photographs.parquet", "out": files / "photographs.csv"}
    assert call(tabulate_photographs, intervals=INTERVALS, **made) == 0
    table = pd.read_csv(files / "photographs.csv").set_index("picture")
    assert set(table["n"]) == {4} and set(table["scale"]) == {"smoke"}
    assert table.loc["adapted", "perceptual_error"] < table.loc["best_z", "perceptual_error"]
    assert table["sticker_error"].notna().all() and set(table["n_stickers"]) == {1}
    facts, caption = drawn(files, "figS5_photographs")
    assert facts["shows_photographs"] is True and len(facts["photographs"]) == 4
    assert "the first 3 held-out ones by number" in caption and "sticker" in caption
    assert "n = 4" in caption and "layer 5" in caption


def test_from_renders_to_table_and_figure(files: Path) -> None:
    options = {
        "weights": files / "church.safetensors",
        "segmenter": files / "segmenter.safetensors",
        "world": "church",
        "edit": f"dome2spire={files / 'dome2spire.safetensors'}",
        "settings": json.dumps(RENDERS),
        "out": files / "renders.parquet",
        "out_panel": files / "figS6_renders.npz",
    }
    assert call(measure_renders, **options) == 0
    made = {"measurements": files / "renders.parquet", "out": files / "renders.csv"}
    assert call(tabulate_renders, intervals=INTERVALS, **made) == 0
    table = pd.read_csv(files / "renders.csv").set_index("picture")
    assert list(table.index) == ["best_z", "best_w", "adapted", "edited"]
    assert table["counterfactual_error"].notna().all()
    facts, caption = drawn(files, "figS6_renders")
    assert "shows_photographs" not in facts and "the first 2 scenes of seed 9" in caption


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archive": "missing.zip"}, "missing.zip"),
        ({"settings": json.dumps(PHOTOGRAPHS | {"photographs": 9})}, "the archive has 4"),
        ({"settings": json.dumps(PHOTOGRAPHS | {"region": ["mouth"]})}, "no class 'mouth'"),
        ({"settings": json.dumps(PHOTOGRAPHS | {"shown": 5})}, "shown 5: at most"),
    ],
)
def test_bad_input_is_one_line(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, message: str
) -> None:
    given = photographs(files, out=tmp_path / "a.parquet", out_panel=tmp_path / "a.npz")
    assert call(measure_photographs, **(given | changes)) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
