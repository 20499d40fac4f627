"""The stages that probe layers, choose one and collect the curves: from probe to Figure 13."""

import json

import pytest

from palimpsest.files.panels import load_panel
from palimpsest.generators import save_generator
from palimpsest.report.figures import layers
from palimpsest.report.figures.sheet import Style
from palimpsest.report.table_view import read_rows
from palimpsest.worlds import get_world
from stages import choose_layers, collect_curves, probe_layers
from tests.doubles.layer_trials import tried
from tests.doubles.report_sources import call
from tests.doubles.small_networks import untrained_segmenter

INTERVALS = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})


PROBE = {
    **{"layers": [3, 4, 6, 8], "sizes": [8, 16], "samples": 16, "seeds": [11, 12]},
    **{"shown": 2, "shown_size": 8},
}


@pytest.fixture
def files(generator, tmp_path):
    save_generator(generator, tmp_path / "weights.safetensors")
    untrained_segmenter(get_world("church")).save(tmp_path / "segmenter.safetensors")
    return {
        "model": "church",
        "weights": tmp_path / "weights.safetensors",
        "segmenter": tmp_path / "segmenter.safetensors",
        "settings": json.dumps(PROBE),
        "scale": "smoke",
        "out": tmp_path / "deep" / "church.parquet",
        "out_panel": tmp_path / "deep" / "pieces_church.npz",
    }


def test_from_probe_to_figure(files, tmp_path, monkeypatch):
    assert not call(probe_layers, **files)
    assert load_panel(files["out_panel"]).arrays["layers"].tolist() == [3, 4, 6, 8]
    trials = tried({3: 5, 4: 10, 6: 60, 8: 20})
    trials.to_parquet(tmp_path / "edits.parquet")
    tables = {name: tmp_path / f"layer_{name}.csv" for name in ("probe", "choice", "edits")}
    options = {f"out_{name}": file for name, file in tables.items()}
    asked = {"probe": f"church={files['out']}", "edits": f"church={tmp_path / 'edits.parquet'}"}
    assert not call(choose_layers, intervals=INTERVALS, **asked, **options)
    assert len(read_rows(tables["probe"])) == 8 and len(read_rows(tables["edits"])) == 4
    [row] = read_rows(tables["choice"])
    assert row["generator"] == "church" and set(row["layers"].split()) <= {"3", "4", "6", "8"}
    panel = tmp_path / "fig13.npz"
    assert not call(collect_curves, **tables, generator="church", out=panel)
    layers.draw(load_panel(panel), Style(dpi=60))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"settings": {"layers": [3, 9]}}, "no layer 9"),
        ({"settings": {"layers": [3, 99]}}, "--settings: layers.1: "),
        ({"settings": {"sizes": [8, 12]}}, "pieces of 12 pixels"),
        ({"settings": {"seeds": [11]}}, "--settings: seeds: "),
        ({"settings": {"shown_size": 32}}, "--settings: shown_size 32 is none of"),
        ({"weights": "nowhere.safetensors"}, "nowhere.safetensors"),
        ({"inception": "inception.pth"}, "--segmenter or --inception, not both"),
    ],
)
def test_a_probe_that_cannot_be_made(files, capsys, change, message):
    if "settings" in change:
        change = {"settings": json.dumps(PROBE | change["settings"])}
    assert call(probe_layers, **(files | change)) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not files["out"].exists() and not files["out_panel"].exists()


def test_an_inception_that_is_not_there_is_named(files, capsys):
    del files["segmenter"]
    assert call(probe_layers, **files, inception="nowhere.pth") == 2
    assert "nowhere.pth" in capsys.readouterr().err.strip().splitlines()[-1]


def test_without_a_segmenter_the_generators_own_values_choose(files, tmp_path):
    del files["segmenter"]
    assert not call(probe_layers, **files)
    options = {f"out_{name}": tmp_path / f"{name}.csv" for name in ("probe", "choice", "edits")}
    assert not call(choose_layers, probe=f"church={files['out']}", intervals=INTERVALS, **options)
    probed = read_rows(options["out_probe"])
    assert {row["features"] for row in probed} == {"own-values-of-layer-8"}
    assert all(float(row["fid"]) > 0 for row in probed)
    [row] = read_rows(options["out_choice"])
    assert row["why"] and row["predicted"] == ""


def test_names_and_files_are_told_apart(tmp_path, capsys):
    options = {f"out_{name}": tmp_path / name for name in ("probe", "choice", "edits")}
    assert call(choose_layers, probe="church", edits="a=b", intervals=INTERVALS, **options) == 2
    assert "--probe: 'church' is not NAME=FILE" in capsys.readouterr().err
