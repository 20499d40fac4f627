"""The stages that sweep ranks, exemplars and smoothness: from a session to Figure S2."""

import json

import pandas as pd
import pytest

from palimpsest.experiments.tradeoff.table import NEEDED
from palimpsest.files.measurements import read_measurements
from palimpsest.files.panels import load_panel
from palimpsest.generators import save_generator
from palimpsest.report.figures import tradeoff
from palimpsest.report.figures.sheet import Style
from palimpsest.worlds import get_world
from stages import sweep_tradeoff, tabulate_tradeoff
from tests.doubles.report_sources import call
from tests.doubles.small_networks import untrained_segmenter

INTERVALS = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})


@pytest.fixture
def files(generator, session, sources, tmp_path):
    """Weights, a segmenter, a session with two exemplars and its statistics, as files."""
    save_generator(generator, tmp_path / "weights.safetensors")
    labels = untrained_segmenter(get_world("church"))
    labels.save(tmp_path / "segmenter.safetensors")
    first = session.exemplars[0]
    second = first.model_copy(update={"paste": first.paste.model_copy(update={"sample": 9})})
    session.model_copy(update={"exemplars": (first, second)}).save(tmp_path / "patch.json")
    return {
        "weights": tmp_path / "weights.safetensors",
        "statistics": sources.statistics,
        "segmenter": tmp_path / "segmenter.safetensors",
        "session": tmp_path / "patch.json",
        "change": json.dumps({"source": labels.classes[:6], "targets": labels.classes[6:]}),
        "grid": json.dumps(
            {"ranks": [1, 2], "exemplars": [1, 2, 5], "mus": [0.1, 10], "iterations": 3}
        ),
        "samples": 5,
        "scale": "smoke",
        "out": tmp_path / "deep" / "tradeoff.parquet",
    }


def test_from_session_to_figure(files, tmp_path, capsys):
    assert not call(sweep_tradeoff, **files, seed=3)
    assert "2 settings left out: too few exemplars" in capsys.readouterr().out
    written = read_measurements(files["out"], NEEDED, "the sweep")
    assert len(written) == 5 * 3 * 2 and "unmodified" not in set(written["method"])
    assert set(written["session"]) == {"patch"} and set(written["sample"]) == set(range(5))
    assert (written.groupby("sample")["source_pixels"].nunique() == 1).all()
    table, panel = tmp_path / "tradeoff.csv", tmp_path / "figS2_tradeoff.npz"
    options = {"measurements": files["out"], "intervals": INTERVALS}
    assert not call(tabulate_tradeoff, **options, out=table, out_panel=panel)
    found = pd.read_csv(table)
    assert len(found) == 6 and set(found["n"]) == {5} and set(found["scale"]) == {"smoke"}
    careful = found[found["mu"] == 10].set_index(["rank", "exemplars"])
    bold = found[found["mu"] == 0.1].set_index(["rank", "exemplars"])
    assert (careful["perceptual_masked"] < bold["perceptual_masked"]).all()
    read = load_panel(panel)
    assert read.facts["layer"] == 6 and read.facts["n"] == 5
    _, caption = tradeoff.draw(read, Style(dpi=60))
    assert "n = 5" in caption and "scale smoke" in caption


@pytest.mark.parametrize(
    "change, message",
    [
        ({"seed": 1}, "--seed 1 is the seed of the session or its statistics"),
        ({"grid": "[1]"}, "--grid: not a JSON object"),
        ({"grid": '{"ranks": [1]}'}, "--grid: exemplars: Field required"),
        ({"grid": '{"ranks": 1, "exemplars": [1], "mus": [1], "iterations": 1}'}, "--grid"),
        (
            {"grid": '{"ranks": [], "exemplars": [1], "mus": [1], "iterations": 1}'},
            "--grid: ranks: ",
        ),
        ({"change": '{"source": ["mosque"]}'}, "no class 'mosque'"),
        ({"change": '{"targets": ["dome"]}'}, "--change: source: Field required"),
        ({"change": '{"source": ["sky", "sky"]}'}, "--change: source ['sky', 'sky']"),
        ({"change": '{"source": ["sky"], "targets": ["sky"]}'}, "both a source and a target"),
        ({"truncation": 0.3}, "truncation"),
    ],
)
def test_input_that_cannot_be_used(files, capsys, change, message):
    assert call(sweep_tradeoff, **(files | {"seed": 3} | change)) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not files["out"].exists()
