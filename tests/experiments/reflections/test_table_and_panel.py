"""The table and the panel of the reflections, by hand and on small stand-ins."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from palimpsest.dissection.unit_switches import Switch
from palimpsest.errors import EditError, PalimpsestError, ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.reflections.panel import reflection_panel
from palimpsest.experiments.reflections.table import read_rule, reflection_table
from palimpsest.files.panels import Panel
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.memory import Edit
from palimpsest.report.figures import reflections
from palimpsest.report.figures.sheet import Style
from palimpsest.worlds import get_world


@pytest.fixture(scope="module")
def kitchen():
    return get_world("kitchen")


@pytest.fixture(scope="module")
def g(kitchen):
    """A random Progressive GAN of 64 pixels that takes the kitchen's z."""
    torch.manual_seed(3)
    widths = {4: 8, 8: 8, 16: 8, 32: 6, 64: 6}
    return ProgressiveGAN(64, widths, z_dim=kitchen.z_dim).eval().requires_grad_(False)


@pytest.fixture
def switch():
    return Switch(4, (1, 6, 2), torch.tensor([30.0, -20.0, 9.0]), torch.tensor([-30.0, 20.0, 0.0]))


@pytest.fixture
def edit(g, switch):
    """A rank-one edit of layer 6 of no particular use."""
    torch.manual_seed(4)
    directions = torch.nn.functional.normalize(torch.randn(1, 8), dim=1)
    told = {"layer": "6", "weights_sha256": g.weights_sha256, "pairs": "15", "pairs_seed": "11"}
    told |= {"loss_before": "4", "loss_after": "1", "switch": switch.as_text()}
    return Edit(directions, torch.randn(8, 1, 3, 3), told)


def rows(layer, rank, with_window, without_window, loss):
    """Measurements of four samples; those by z are half as bright as those by the switch."""
    return pd.DataFrame(
        {
            "sample": range(4),
            "seed": 4,
            "rule": "rewritten" if layer else "original",
            "layer": layer,
            "rank": rank,
            "with_window": with_window,
            "without_window": without_window,
            "scene_with_window": np.array(with_window) / 2,
            "scene_without_window": np.array(without_window) / 2,
            "window_seen": [1.0, 1.0, 1.0, 0.8],
            "empty_seen": 0.0,
            "change_elsewhere": 0.01 * rank,
            "loss": loss,
            "scale": "mini",
            "segmenter": "kitchen-segmenter",
        }
    )


@pytest.fixture
def measured():
    parts = [
        rows(0, 0, [0.5, 0.6, 0.5, 0.6], [0.2, 0.2, 0.3, 0.3], 100.0),
        rows(7, 8, [0.2, 0.2, 0.2, 0.2], [0.5, 0.5, 0.5, 0.5], 20.0),
        # darker, not noticeably darker, as bright, brighter
        rows(6, 1, [0.2, 0.29, 0.3, 0.5], [0.3, 0.3, 0.3, 0.3], 60.0),
        rows(6, 8, [0.2, 0.2, 0.2, 0.4], [0.3, 0.3, 0.3, 0.3], 30.0),
    ]
    # the order of rows in the file shall not matter
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)


def test_the_table_says_which_way_round_the_rule_is(measured):
    table = reflection_table(measured, Intervals())
    named = list(table[["layer", "rule", "rank"]].itertuples(index=False, name=None))
    assert named == [
        (6, "original", 0),
        (6, "rewritten", 8),
        (6, "rewritten", 1),
        (7, "original", 0),
        (7, "rewritten", 8),
    ]
    assert table["reflection_rule"].tolist() == pytest.approx([0.3, -0.05, 0.0225, 0.3, -0.3])
    assert table["reflection_with_window"][0] == pytest.approx(0.55)
    assert table["reflection_without_window"][0] == pytest.approx(0.25)
    assert table["inverted_percent"].tolist() == [0, 75, 25, 0, 100]
    assert table["scene_rule"].tolist() == pytest.approx([0.15, -0.025, 0.01125, 0.15, -0.15])
    assert table["scene_inverted_percent"].tolist() == [0, 75, 25, 0, 100]
    assert table["window_seen_percent"].tolist() == pytest.approx([95] * 5)
    assert table["change_elsewhere_percent"].tolist() == pytest.approx([0, 8, 1, 0, 8])
    assert table["loss"].tolist() == [100, 30, 60, 100, 20]
    assert set(table["n"]) == {4} and set(table["scale"]) == {"mini"}
    for name in ("reflection_rule", "inverted_percent", "scene_rule"):
        assert (table[f"{name}_low"] <= table[name] + 1e-12).all()
        assert (table[f"{name}_high"] >= table[name] - 1e-12).all()
    turned = table.iloc[4]  # all samples alike: a mean without doubt, a share with some
    assert turned["reflection_rule_low"] == pytest.approx(turned["reflection_rule_high"])
    assert turned["inverted_percent_low"] == pytest.approx(51.0, abs=0.1)


def test_without_scenes_by_z_their_columns_are_empty(measured):
    unknown = measured.assign(scene_with_window=np.nan, scene_without_window=np.nan)
    table, full = reflection_table(unknown, Intervals()), reflection_table(measured, Intervals())
    scenes = [name for name in full if name.startswith("scene_")]
    assert len(scenes) == 6 and table[scenes].isna().all(axis=None)
    pd.testing.assert_frame_equal(table.drop(columns=scenes), full.drop(columns=scenes))
    torn = unknown.assign(scene_with_window=[0.5, *[np.nan] * (len(unknown) - 1)])
    torn["scene_without_window"] = 0.0
    with pytest.raises(ValueError, match="finite"):
        reflection_table(torn, Intervals())


def test_measurements_that_say_nothing_are_refused(measured, tmp_path):
    for rule in ("original", "rewritten"):
        with pytest.raises(PalimpsestError, match=f"no row is {rule}"):
            reflection_table(measured[measured["rule"] != rule], Intervals())
    mixed = measured.assign(segmenter=["one", "other"] * 8)
    with pytest.raises(PalimpsestError, match="segmenter mixes one, other"):
        reflection_table(mixed, Intervals())
    with pytest.raises(PalimpsestError, match="no such file"):
        read_rule(tmp_path / "none.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(PalimpsestError, match="damaged"):
        read_rule(tmp_path / "torn.parquet")
    measured.drop(columns="loss").to_parquet(tmp_path / "less.parquet")
    with pytest.raises(PalimpsestError, match="no column loss"):
        read_rule(tmp_path / "less.parquet")


def test_the_panel_shows_the_pairs_and_the_figure_draws_them(g, edit, switch, kitchen, tmp_path):
    arrays, facts = reflection_panel(g, edit, switch, kitchen, pairs=3, seed=4)
    shown = {name: arrays[name] for name in arrays if name not in ("slots", "echoes")}
    assert {array.shape for array in shown.values()} == {(3, 64, 64, 3)}
    assert not np.array_equal(shown["original_on"], shown["original_off"])
    assert not np.array_equal(shown["original_on"], shown["rewritten_on"])
    assert arrays["echoes"].shape == arrays["slots"].shape == (2, 4)
    dark, bright = (
        np.stack([shown[f"original_{state}"][:, 33:41, a + 1 : a + 15] for a in (16, 40)]).mean()
        for state in ("off", "on")
    )
    assert facts["rule_original"] == pytest.approx((bright - dark) / 255, abs=2e-3)
    sheet, caption = reflections.draw(Panel(arrays, facts), Style(dpi=60))
    assert "3 samples" in caption and "rank one in layer 6" in caption
    assert f"{facts['rule_rewritten']:+.2f}" in caption
    sheet.save(tmp_path / "f.png", caption, facts)
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.width > 400 and np.asarray(picture.convert("L")).std() > 10
    with pytest.raises(ParameterError, match="pairs = 0"):
        reflection_panel(g, edit, switch, kitchen, pairs=0, seed=4)


def test_the_panel_refuses_an_edit_of_other_weights(g, edit, switch, kitchen):
    other = Edit(edit.directions, edit.coefficients, edit.metadata | {"weights_sha256": "0" * 64})
    with pytest.raises(EditError, match="other|made for weights"):
        reflection_panel(g, other, switch, kitchen, pairs=1, seed=4)
