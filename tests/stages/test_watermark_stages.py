"""The stages of the watermarks: from weights to Table 3 and Figure 5, and what bad input gets."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from palimpsest.files.panels import load_panel
from palimpsest.generators import load_generator
from palimpsest.memory import Edit, KeyStatistics
from stages import erase_watermarks, measure_watermarks, tabulate_watermarks
from tests.doubles.report_sources import call

WEIGHTS = Path(__file__).parents[2] / "data/weights/mini"


CHURCH, SEGMENTER = WEIGHTS / "church.safetensors", WEIGHTS / "church-segmenter.safetensors"


needs_weights = pytest.mark.skipif(
    not (CHURCH.exists() and SEGMENTER.exists()), reason="the church's weights are not here"
)


MADE = ("zero_30_units", "zero_60_units", "rank_one", "rank_one_each", "oracle_rank_one")


@needs_weights
def test_from_weights_to_table_and_panel(tmp_path):
    church = load_generator(CHURCH)
    KeyStatistics.collect(church, layer=5, n=60, seed=1).save(tmp_path / "layer5.safetensors")
    few = {"contexts": 4, "samples": 40, "statistics_samples": 60, "iterations": 8}
    few["oracle"] = {"samples": 24, "steps": 3}
    assert not call(
        erase_watermarks,
        weights=CHURCH,
        statistics=tmp_path / "layer5.safetensors",
        segmenter=SEGMENTER,
        settings=json.dumps(few),
        world="church",
        out_edit=[f"{name}={tmp_path / 'edits' / name}.safetensors" for name in MADE],
    )
    made = {file.stem: Edit.load(file) for file in (tmp_path / "edits").iterdir()}
    assert sorted(made) == sorted(MADE)
    assert [made[name].rank for name in sorted(made)] == [1, 1, 2, 11, 22]
    weight = church.layer(5).weight
    for edit in made.values():
        assert torch.equal(edit.apply(church, strength=0).layer(5).weight, weight)
        assert torch.equal(edit.remove(edit.apply(church)).layer(5).weight, weight)
    shown = ("zero_30_units", "rank_one_each")
    assert not call(
        measure_watermarks,
        weights=CHURCH,
        segmenter=SEGMENTER,
        edit=[f"{name}={tmp_path / 'edits' / name}.safetensors" for name in shown],
        samples=12,
        graded=30,
        pairs=2,
        perceptual="encoder",
        scale="smoke",
        out=tmp_path / "marks.parquet",
        out_panel=tmp_path / "panel.npz",
    )
    panel = load_panel(tmp_path / "panel.npz")
    assert panel.arrays["rank_one_each"].shape == (2, 128, 128, 3)
    assert panel.facts["units"] == {"unmodified": 0, "zero_30_units": 11, "rank_one_each": 0}
    intervals = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})
    table = tmp_path / "table3.csv"
    options = {"measurements": tmp_path / "marks.parquet", "intervals": intervals, "out": table}
    assert not call(tabulate_watermarks, **options)
    rows = pd.read_csv(table).set_index("method")
    assert list(rows.index) == ["zero_30_units", "unmodified", "rank_one_each"]
    before, after = (rows.loc[name] for name in ("unmodified", "rank_one_each"))
    assert before["perceptual_outside"] == 0 < after["perceptual_outside"]
    assert (
        after["middle_seen"] + after["bottom_seen"] < before["middle_seen"] + before["bottom_seen"]
    )


@pytest.mark.parametrize(
    ("stage", "options", "said"),
    [
        (tabulate_watermarks, {"intervals": '{"level": 2}'}, "--intervals: level: "),
        (tabulate_watermarks, {"intervals": "no"}, "--intervals: "),
        (tabulate_watermarks, {}, "none.parquet: no such file"),
        (erase_watermarks, {"settings": "[1"}, "--settings: not a JSON object"),
        (erase_watermarks, {"settings": '{"unit": 3}'}, "--settings: unit: there is no such"),
        (erase_watermarks, {"settings": '{"units": 3}'}, "--settings: units: "),
        (erase_watermarks, {"out_edit": "zero_31_units=a"}, "'zero_31_units' is none of"),
        (erase_watermarks, {"out_edit": "oracle_rank_one=a"}, "needs --world"),
        (erase_watermarks, {"settings": '{"contexts": 0}'}, "--settings: contexts: "),
        (erase_watermarks, {"statistics": "none.safetensors"}, "none.safetensors: no such file"),
        (measure_watermarks, {"weights": "none.safetensors"}, "none.safetensors"),
    ],
)
def test_wrong_options_are_one_line(stage, options, said, tmp_path, capsys):
    known = {
        tabulate_watermarks: {
            "measurements": tmp_path / "none.parquet",
            "intervals": '{"level": 0.95, "resamples": 50, "seed": 0}',
            "out": tmp_path / "out.csv",
        },
        erase_watermarks: {
            "weights": tmp_path / "none",
            "statistics": tmp_path / "none",
            "segmenter": tmp_path / "none",
            "out_edit": f"rank_one={tmp_path / 'out'}",
        },
        measure_watermarks: {
            "weights": tmp_path / "none",
            "segmenter": tmp_path / "none",
            "edit": "rank_one=none",
            "out": tmp_path / "out.parquet",
            "out_panel": tmp_path / "out.npz",
        },
    }[stage]
    assert call(stage, **(known | options)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and said in error[0]
    assert not list(tmp_path.iterdir())
