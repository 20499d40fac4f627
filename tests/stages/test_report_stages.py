"""The stages that make panels, figures, tables, tuned weights and the page, as commands."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from palimpsest.estimates.error_rates import Errors
from palimpsest.files.measurements import write_measurements
from palimpsest.files.panels import SHOWS_PHOTOGRAPHS
from palimpsest.generators import load_generator, save_generator
from palimpsest.report.figures.sheet import Sheet, Style, facts_of
from stages import (
    plot_figure,
    render_panel,
    report,
    snapshot,
    tabulate_edits,
    tabulate_methods,
    tune_weights,
)
from tests.doubles.report_sources import call

SMILES = ("face/smile", "photos/smile", "face/grin")


@pytest.fixture
def files(generator, sources, tmp_path):
    save_generator(generator, tmp_path / "weights.safetensors")
    for name, session in sources.sessions.items():
        session.save(tmp_path / f"{name}.json")
    return tmp_path


def test_from_edit_to_page(files, sources, measurements):
    panel, figure = files / "panels/fig09_windows.npz", files / "figures/fig09_windows.png"
    assert not call(
        render_panel,
        figure="fig09_windows",
        model="church",
        weights=files / "weights.safetensors",
        edit=f"first={sources.edits['first']}",
        session=f"first={files / 'first.json'}",
        statistics=sources.statistics,
        settings=json.dumps({"pairs": 4, "samples": 40, "seed": 3}),
        out=panel,
    )
    assert np.load(panel)["before"].shape == (4, 32, 32, 3)
    style = json.dumps({"dpi": 60, "font_size": 8, "scale": "smoke"})
    assert not call(plot_figure, figure="fig09_windows", panel=panel, style=style, out=figure)
    assert "scale smoke; n = 40" in figure.with_suffix(".txt").read_text()

    measurements.to_parquet(files / "dome2spire.parquet")
    table, edits = files / "tables/table2_domes.csv", files / "tables/edits.csv"
    paper = files / "paper.csv"
    paper.write_text(
        "edit,method,modified_percent,lpips_masked,realism_percent\ndome2spire,unmodified,,0.25,\n"
    )
    intervals = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})
    assert not call(
        tabulate_methods,
        table="domes",
        measurements=f"church/dome2spire={files / 'dome2spire.parquet'}",
        intervals=intervals,
        paper=paper,
        out=table,
    )
    assert list(pd.read_csv(table)["edit"]) == ["dome2spire"] * 3
    assert set(pd.read_csv(table)["model"]) == {"church"}
    beside = pd.read_csv(table).set_index("method")["paper_lpips_masked"]
    assert beside["unmodified"] == 0.25 and beside.drop("unmodified").isna().all()
    assert not call(tabulate_edits, edit=list(sources.edits.values()), out=edits)
    assert not call(report, table=[table, edits], figure=figure, out=files / "report.html")
    page = (files / "report.html").read_text()
    assert page.count("<table>") == 2 and page.count("<img ") == 1


def test_table_1_has_the_rows_of_every_model_and_edit(files, measurements, capsys):
    edits = {name: files / f"{name.replace('/', '_')}.parquet" for name in SMILES}
    for file in edits.values():
        facts = {"classifier_errors": json.dumps(Errors(1, 20, 2, 30).facts())}
        write_measurements(measurements.assign(shows=True), file, facts)
    options = {
        "table": "smile",
        "measurements": [f"{name}={file}" for name, file in edits.items()],
        "intervals": json.dumps({"level": 0.95, "resamples": 50, "seed": 0}),
        "out": files / "tables/table1_smile.csv",
    }
    assert not call(tabulate_methods, **options)
    table = pd.read_csv(options["out"])
    rows = (table["model"] + "/" + table["edit"]).tolist()
    assert rows == [name for name in SMILES for _ in range(3)]
    assert (table["smiling_corrected_percent"] == 100).all()
    assert "frechet_photographs" not in table
    for wrong, says in (
        (f"smile={edits['face/smile']}", "'smile' is not MODEL/EDIT"),
        (options["measurements"] * 2, "face/smile is given twice"),
    ):
        assert call(tabulate_methods, **(options | {"measurements": wrong})) == 2
        assert f"--measurements: {says}" in capsys.readouterr().err


def test_tuned_layer_is_told_in_its_file(files):
    out = files / "single_layer.safetensors"
    assert not call(
        tune_weights,
        weights=files / "weights.safetensors",
        session=files / "first.json",
        method="single_layer",
        settings=json.dumps({"learning_rate": 0.02, "iterations": 30}),
        out=out,
    )
    told = load_generator(out).provenance
    assert told["method"] == "single_layer" and told["layer"] == 6 and told["session"] == "first"
    assert told["loss_after"] < told["loss_before"] and told["seconds"] > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "nothing"}, "--method: 'nothing' is none of"),
        ({"method": "finetune_all"}, "--segmenter: finetune_all needs one"),
        ({"settings": "[1"}, "--settings: not a JSON object"),
        ({"settings": '{"mu": 1}'}, "--settings: mu: there is no such parameter"),
        ({"session": "none.json"}, "none.json: no such file"),
        ({"weights": "none.safetensors"}, "none.safetensors"),
    ],
)
def test_wrong_options_of_tuning_are_one_line(changes, said, files, capsys):
    options = {
        "weights": files / "weights.safetensors",
        "session": files / "first.json",
        "method": "single_layer",
        "settings": "{}",
        "out": files / "out.safetensors",
    }
    assert call(tune_weights, **(options | changes)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and said in error[0]
    assert not (files / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": '{"pairs": 4}'}, "--settings: samples: Field required"),
        (
            {"settings": '{"pears": 4}'},
            "--settings: pears: there is no such parameter; did you mean 'pairs'?",
        ),
        ({"edit": "first"}, "--edit: 'first' is not NAME=FILE"),
        ({"figure": "fig99"}, "no panel is called 'fig99'"),
        ({"edit": "first=none.safetensors"}, "none.safetensors"),
    ],
)
def test_wrong_options_of_panels_are_one_line(changes, said, files, sources, capsys):
    options = {
        "figure": "fig09_windows",
        "model": "church",
        "weights": files / "weights.safetensors",
        "edit": f"first={sources.edits['first']}",
        "session": f"first={files / 'first.json'}",
        "settings": json.dumps({"pairs": 4, "samples": 10, "seed": 3}),
        "out": files / "panel.npz",
    }
    assert call(render_panel, **(options | changes)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and said in error[0]
    assert not (files / "panel.npz").exists()


def test_a_reduced_figure_still_tells_what_made_it(tmp_path):
    caption, facts = "domes → spires at μ = 3", {"n": 40, "weights_sha256": "0123456789ab"}
    Sheet(8, 2, Style()).save(tmp_path / "figures/wide.png", caption, facts)
    Sheet(2, 1, Style()).save(tmp_path / "figures/small.png", "small", {"n": 7})
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/edits.csv").write_text("edit\nhat\n")
    folders = {name: tmp_path / name for name in ("tables", "figures", "out")}
    assert not call(snapshot, **folders, width=600)
    with Image.open(folders["out"] / "wide.png") as picture:
        assert picture.size == (600, 150) and picture.text["Description"] == caption
    assert facts_of(folders["out"] / "wide.png") == facts
    assert facts_of(folders["out"] / "small.png") == {"n": 7}
    assert (folders["out"] / "edits.csv").read_text() == "edit\nhat\n"


def test_the_snapshot_leaves_out_figures_of_photographs(tmp_path):
    folders = {name: tmp_path / name for name in ("tables", "figures", "out")}
    for folder in ("tables", "figures"):
        folders[folder].mkdir()
    (folders["tables"] / "photographs.csv").write_text("picture\nadapted\n")
    for name, facts in (("figS5_photographs", {SHOWS_PHOTOGRAPHS: True}), ("figS10_renders", {})):
        sheet = Sheet(2, 1, Style())
        sheet.save(folders["figures"] / f"{name}.png", "What is seen.", facts)
    assert not call(snapshot, **folders)
    names = {file.name for file in folders["out"].iterdir()}
    captions = {"figS5_photographs.txt", "figS10_renders.txt"}
    assert names == captions | {"figS10_renders.png", "photographs.csv"}
    said = (folders["out"] / "figS5_photographs.txt").read_text()
    assert "not copied here, because it shows photographs" in said and "What is seen." in said
    assert (folders["out"] / "figS10_renders.txt").read_text() == "What is seen.\n"
