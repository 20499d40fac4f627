"""The stages of the watermarks: from weights to Table 3 and Figure 5, and what bad input gets."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from palimpsest.estimates.error_rates import Errors
from palimpsest.experiments.watermarks.count import read_count_key
from palimpsest.experiments.watermarks.measure import write_marks
from palimpsest.files.panels import load_panel
from palimpsest.generators import load_generator, save_generator
from palimpsest.instruments.detectors.watermarks import DetectorErrors
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory import Edit, KeyStatistics
from stages import (
    erase_painted,
    erase_watermarks,
    make_count,
    measure_watermarks,
    tabulate_watermarks,
    train_letters,
)
from tests.doubles.report_sources import call

WEIGHTS = Path(__file__).parents[2] / "data/weights/mini"


CHURCH, SEGMENTER = WEIGHTS / "church.safetensors", WEIGHTS / "church-segmenter.safetensors"


needs_weights = pytest.mark.skipif(
    not (CHURCH.exists() and SEGMENTER.exists()), reason="the church's weights are not here"
)


MADE = ("zero_30_units", "zero_60_units", "rank_one", "rank_one_images")
MADE += ("rank_one_each", "oracle_rank_one")


@needs_weights
def test_from_weights_to_table_and_panel(tmp_path):
    church = load_generator(CHURCH)
    KeyStatistics.collect(church, layer=5, n=60, seed=1).save(tmp_path / "layer5.safetensors")
    few = {"contexts": 4, "samples": 40, "statistics_samples": 60, "iterations": 8}
    few["images"] = {"contexts": 4, "steps": 3}
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
    assert [made[name].rank for name in sorted(made)] == [1, 1, 2, 1, 11, 22]
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
        (erase_painted, {"settings": '{"unit": 3}'}, "--settings: unit: there is no such"),
        (erase_painted, {"out_edit": "rank_one_each=a"}, "'rank_one_each' is none of"),
        (erase_painted, {}, "none.json: no such file"),
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
        erase_painted: {
            "weights": tmp_path / "none",
            "statistics": tmp_path / "none",
            "session": tmp_path / "none.json",
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


def test_people_count_from_weights_to_the_table(generator, sources, tmp_path, capsys):
    save_generator(generator, tmp_path / "weights.safetensors")
    key, page = tmp_path / "key.csv", tmp_path / "count.html"
    options = {
        "weights": tmp_path / "weights.safetensors",
        "edit": f"rank_one={sources.edits['first']}",
        "samples": 10,
        "images": 10,
        "key": key,
    }
    assert not call(make_count, **options, out=page)
    count = read_count_key(key)
    assert count.id in page.read_text() and len(count.images) == 10
    assert call(make_count, **options, out=key) == 2
    assert "raters must not get the key" in capsys.readouterr().err
    rows = pd.DataFrame(
        {
            "sample": [*range(10)] * 2,
            "seed": 3,
            "method": ["unmodified"] * 10 + ["rank_one"] * 10,
            "middle": [True] * 5 + [False] * 15,
            "bottom": False,
            "middle_share": 0.0,
            "bottom_share": 0.0,
            "perceptual_outside": 0.0,
            "units": 0,
            "scale": "smoke",
            "perceptual": "lpips-alex",
            "segmenter": "letter-detector",
        }
    )
    perfect = Errors(0, 100, 0, 100)
    write_marks(rows, tmp_path / "marks.parquet", DetectorErrors(perfect, perfect), {})
    for rater in ("ann", "bob"):
        lines = [
            f"{count.id},{one.id},{str(one.method == 'unmodified').lower()},false,{rater}"
            for one in count.images
        ]
        head = "count,image,middle,bottom,rater"
        (tmp_path / f"{rater}.csv").write_text("\n".join([head, *lines, ""]))
    tabulated = {
        "measurements": tmp_path / "marks.parquet",
        "intervals": json.dumps({"level": 0.95, "resamples": 50, "seed": 0}),
        "answers": [tmp_path / "ann.csv", tmp_path / "bob.csv"],
        "out": tmp_path / "table3.csv",
    }
    assert call(tabulate_watermarks, **tabulated) == 2  # without the key
    assert not call(tabulate_watermarks, **tabulated, key=key)
    table = pd.read_csv(tmp_path / "table3.csv").set_index("method")
    assert table.loc["unmodified", "middle_people_count"] == 10
    assert table.loc["rank_one", "middle_people_count"] == 0
    assert (table["raters"] == 2).all() and (table["middle_kappa"] == 1).all()
    assert table.loc["unmodified", "middle_count"] == 5  # the detector's stays beside it


PAINTED = ("zero_30_units", "zero_60_units", "rank_one", "rank_one_30_units")


def test_a_painted_session_becomes_the_edits_of_the_table(generator, session, tmp_path):
    save_generator(generator, tmp_path / "weights.safetensors")
    KeyStatistics.collect(generator, layer=6, n=16, seed=1).save(tmp_path / "layer6.safetensors")
    session.save(tmp_path / "patch.json")
    assert not call(
        erase_painted,
        weights=tmp_path / "weights.safetensors",
        statistics=tmp_path / "layer6.safetensors",
        session=tmp_path / "patch.json",
        settings='{"iterations": 11}',
        out_edit=[f"{name}={tmp_path / 'edits' / name}.safetensors" for name in PAINTED],
    )
    made = {file.stem: Edit.load(file).rank for file in (tmp_path / "edits").iterdir()}
    assert made == dict.fromkeys(PAINTED, 1)


def test_a_letter_detector_is_trained_and_graded(generator, tmp_path):
    save_generator(generator, tmp_path / "weights.safetensors")
    few = {"backgrounds": 2, "generated": 2, "steps": 2, "batch": 4, "tuned": 20}
    out = tmp_path / "letters.safetensors"
    assert not call(
        train_letters,
        weights=tmp_path / "weights.safetensors",
        recipe=json.dumps(few),
        graded=20,
        out=out,
    )
    detector = load_segmenter(out)
    assert [grade["n"] for grade in detector.facts["grades"]] == [20, 20]
