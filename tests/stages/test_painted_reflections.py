"""The stages of the reflections, windows painted: from a file of masks to table and figure."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from palimpsest.files.panels import load_panel
from palimpsest.generators import sample_z, save_generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.memory import Edit
from palimpsest.report.claims import reflections as claims
from palimpsest.report.figures import reflections
from palimpsest.report.figures.sheet import Style
from palimpsest.report.table_view import read_rows, view_table
from palimpsest.sessions.masks import encode_mask
from palimpsest.worlds import get_world
from stages import (
    invert_reflections,
    measure_reflections,
    render_reflections,
    tabulate_reflections,
)
from tests.doubles.report_sources import call
from tests.doubles.small_networks import untrained_segmenter

NUMBERS = (2, 5, 11, 12, 30, 31)


SETTINGS = {
    "switched_layer": 4,
    "units": 3,
    "goal_layer": 6,
    "pairs": 2,
    "pairs_a_step": 2,
    "seed": 11,
    "iterations": 12,
    "rate": 0.02,
    "rank": 1,
    "rank_iterations": 12,
    "rank_rate": 0.01,
    "dissected": 12,
    "on_level": 10,
    "off_level": -5,
}


@pytest.fixture(scope="module")
def g():
    """A random Progressive GAN of 64 pixels, with biases."""
    torch.manual_seed(3)
    g = ProgressiveGAN(64, {4: 8, 8: 8, 16: 8, 32: 6, 64: 6}, z_dim=12)
    for number in (1, *g.layers):
        torch.nn.init.normal_(g.block(number).wscale.b, std=0.2)
    return g.eval().requires_grad_(False)


def rectangle(top, left, bottom, right):
    mask = np.zeros((64, 64))
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


@pytest.fixture
def painted(tmp_path):
    """Windows above, reflections below, further right from scene to scene."""
    path = tmp_path / "painted.json"
    content = {
        str(number): {
            "value": "-5.0",
            "intervention": rectangle(8, 4 + 4 * i, 24, 20 + 4 * i),
            "revert": rectangle(26, 4 + 4 * i, 38, 20 + 4 * i),
        }
        for i, number in enumerate(NUMBERS)
    }
    path.write_text(json.dumps(content))
    return path


def test_from_paint_to_table_and_figure(g, painted, tmp_path, capsys):
    segmenter = untrained_segmenter(get_world("kitchen"))
    segmenter.save(tmp_path / "segmenter.safetensors")
    save_generator(g, tmp_path / "weights.safetensors")
    with torch.no_grad():
        labels = segmenter.labels(g(sample_z(g, 12, 12)))
    # what an untrained network sees most of
    thing = segmenter.classes[int(labels.flatten().bincount().argmax())]
    weights, common = {"weights": tmp_path / "weights.safetensors"}, {"painted": painted}
    seeing = {**weights, "segmenter": tmp_path / "segmenter.safetensors"}
    full = {number: tmp_path / f"full{number}.safetensors" for number in (5, 6)}
    narrow = tmp_path / "low_rank.safetensors"
    inverting = {
        **seeing,
        **common,
        "out_full": [f"{number}={file}" for number, file in full.items()],
        "out_losses": tmp_path / "losses.csv",
        "out": narrow,
    }
    settings = SETTINGS | {"units_of": thing}
    assert not call(invert_reflections, **inverting, settings=json.dumps(settings))
    edit = Edit.load(narrow)
    assert edit.rank == 1 and edit.metadata["pairs"] == "2"
    assert edit.metadata["painted_samples"] == "2,5"
    found = pd.read_csv(tmp_path / "losses.csv")
    assert found.groupby(["layer", "rank"])["loss"].agg(lambda x: min(x) < x.iloc[0]).any()

    parquet, table = tmp_path / "reflections.parquet", tmp_path / "reflection.csv"
    measuring = {**seeing, **common, "edit": [*full.values(), narrow], "out": parquet}
    measuring |= {"units_of": thing, "seed": 4, "scale": "stand_ins"}
    assert not call(measure_reflections, **measuring, samples=3)
    assert sorted(set(pd.read_parquet(parquet)["sample"])) == [12, 30, 31]
    intervals = json.dumps({"level": 0.95, "resamples": 50, "seed": 0})
    assert not call(tabulate_reflections, measurements=parquet, intervals=intervals, out=table)
    rules = pd.read_csv(table)
    assert len(rules) == 5 and rules["reflection_rule"].notna().all()
    assert rules.filter(like="scene_").isna().all(axis=None)
    assert "Not measured: the rule, windows by z" in view_table("reflection", read_rows(table)).note
    assert len(claims(read_rows(table))) == 1

    panel = tmp_path / "fig06_reflections.npz"
    shown = {**weights, **common, "edit": narrow, "world": "none", "seed": 4, "out": panel}
    assert not call(render_reflections, **shown, pairs=2)
    loaded = load_panel(panel)
    assert loaded.facts["painted"] == [12, 30] and loaded.facts["tuned_pairs"] == 2
    left = (4 + 4 * 3) / 64
    assert loaded.arrays["echoes"].shape == (2, 1, 4)
    assert loaded.arrays["echoes"][0, 0].tolist() == [left, 26 / 64, left + 16 / 64, 38 / 64]
    sheet, caption = reflections.draw(loaded, Style(dpi=60))
    assert "People painted the windows" in caption
    sheet.save(tmp_path / "f.png", caption, loaded.facts)

    capsys.readouterr()
    assert call(render_reflections, **shown, pairs=4) == 2
    assert "--pairs = 4: there are 3 painted scenes" in capsys.readouterr().err
    settings |= {"pairs": 9}
    assert call(invert_reflections, **inverting, settings=json.dumps(settings)) == 2
    assert "pairs = 9: there are 3 painted scenes" in capsys.readouterr().err
    del settings["on_level"]
    assert call(invert_reflections, **inverting, settings=json.dumps(settings)) == 2
    assert "--settings: on_level: Field required" in capsys.readouterr().err
