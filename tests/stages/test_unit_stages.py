"""The stages of the switched units: from weights to the table and Figure S6."""

import json
from pathlib import Path

import pandas as pd
import pytest

from palimpsest.files.panels import load_panel
from palimpsest.report.figures import Style, draw_figure
from stages import measure_units, tabulate_units
from tests.doubles.report_sources import call

MINI = Path(__file__).parents[2] / "data/weights/mini"
CHURCH, SEGMENTER = MINI / "church.safetensors", MINI / "church-segmenter.safetensors"
SETTINGS = {
    "switched_off": {"thing": "tree", "layer": 6, "units": 24},
    "switched_on": {
        **{"thing": "door", "layer": 8, "units": 20, "rows": 4, "columns": 2},
        **{"fits": ["nave", "window"], "unfit": "sky", "steps": 2},
    },
    **{"dissected": 24, "dissection_seed": 1, "samples": 6, "seed": 3, "shown": 2},
}
FILES = {"weights": CHURCH, "segmenter": SEGMENTER}


@pytest.mark.skipif(not SEGMENTER.exists(), reason="the church's weights are not here")
def test_from_weights_to_table_and_figure(tmp_path):
    rows, pictures = tmp_path / "units.parquet", tmp_path / "pictures.npz"
    made = {"settings": json.dumps(SETTINGS), "scale": "smoke", "out": rows, "out_panel": pictures}
    assert not call(measure_units, **FILES, **made)
    table, panel = tmp_path / "units.csv", tmp_path / "figS6_units.npz"
    intervals = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})
    options = {"measurements": rows, "pictures": pictures, "intervals": intervals}
    assert not call(tabulate_units, **options, out=table, out_panel=panel)
    written = pd.read_csv(table)
    assert len(written) == 9 and set(written["scale"]) == {"smoke"}
    caption = draw_figure(
        "figS6_units", load_panel(panel), Style(dpi=60), tmp_path / "figS6_units.png"
    )
    trees = written.iloc[0]
    told = (
        f"{trees['after_percent']:.1f} % "
        f"({trees['after_percent_low']:.1f}–{trees['after_percent_high']:.1f}) after"
    )
    assert told in caption and "scale smoke" in caption


@pytest.mark.skipif(not SEGMENTER.exists(), reason="the church's weights are not here")
def test_bad_settings_are_named_and_nothing_is_written(tmp_path, capsys):
    out = {"out": tmp_path / "units.parquet", "out_panel": tmp_path / "pictures.npz"}
    wrong = SETTINGS | {"switched_off": {"thing": "palm", "layer": 6, "units": 24}}
    for settings, says in ((SETTINGS | {"seed": 1}, "measure on others"), (wrong, "palm")):
        assert call(measure_units, **FILES, settings=json.dumps(settings), **out) == 2
        assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
