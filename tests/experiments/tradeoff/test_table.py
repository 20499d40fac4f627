"""Effect against locality: the table and the figure, by hand."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.tradeoff.sweep import Setting
from palimpsest.experiments.tradeoff.table import NEEDED, tradeoff_panel, tradeoff_table
from palimpsest.files.measurements import read_measurements
from palimpsest.files.panels import Panel
from palimpsest.report.figures import tradeoff
from palimpsest.report.figures.sheet import Style

TOLD = {"weights_sha256": "0123456789ab" * 5, "source_classes": "dome", "layer": "6"}
FEW = Intervals(resamples=200)


def rows(setting, modified, distance, loss):
    """Measurements of four images, of which the last shows no dome."""
    return pd.DataFrame(
        {
            "sample": range(4),
            "seed": 3,
            "method": setting.name,
            "session": "dome2spire",
            "rank": setting.rank,
            "exemplars": setting.exemplars,
            "mu": setting.mu,
            "source_pixels": [100, 200, 50, 0],
            "modified_pixels": [modified, 2 * modified, 0, 0],
            "removed_pixels": [100, 150, 0, 0],
            "outside_pixels": [900, 800, 950, 1000],
            "kept_pixels": [890, 790, 950, 1000],
            "converted": [modified >= 50, False, False, False],
            "perceptual_outside": np.array([1.0, 2.0, 0.0, 1.0]) * distance,
            "loss_before": 0.04,
            "loss_after": loss,
            "change_elsewhere": distance * 5,
            "scale": "mini",
            "perceptual": "church-segmenter-encoder",
            "segmenter": "church-segmenter",
        }
    )


@pytest.fixture
def measured():
    parts = [
        rows(Setting(rank, count, mu), effect - 10 * step, 0.05 / (step + 1), loss + 0.001 * step)
        for rank, count, effect, loss in (
            (10, 1, 45, 0.001),
            (1, 1, 50, 0.01),
            (1, 4, 80, 0.02),
            (1, 12, 90, 0.03),
        )
        for step, mu in enumerate((0.3, 3.0, 30.0))
    ]
    # the order of rows in the file shall not matter
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)


def test_the_table_by_hand(measured):
    table = tradeoff_table(measured, FEW)
    told = list(table[["rank", "exemplars", "mu"]].itertuples(index=False, name=None))
    sets = [(1, 1), (1, 4), (1, 12), (10, 1)]
    assert told == [(*one, mu) for one in sets for mu in (0.3, 3.0, 30.0)]
    row = table[(table["exemplars"] == 4) & (table["mu"] == 3)].iloc[0]
    assert row["modified_percent"] == pytest.approx(100 * (70 + 140) / 350)
    assert row["removed_percent"] == pytest.approx(100 * 250 / 350)
    assert row["converted_images_percent"] == pytest.approx(100 / 3)
    assert row["labels_kept_percent"] == pytest.approx(100 * 3630 / 3650)
    assert row["perceptual_masked"] == pytest.approx(0.025)
    assert (row["loss_before"], row["loss_after"]) == (0.04, 0.021)
    assert row["change_elsewhere"] == pytest.approx(0.125)
    assert (row["n"], row["n_showing"], row["scale"], row["session"]) == (
        4,
        3,
        "mini",
        "dome2spire",
    )
    for name in ("modified_percent", "labels_kept_percent", "perceptual_masked"):
        assert (table[f"{name}_low"] <= table[name] + 1e-9).all()
        assert (table[name] <= table[f"{name}_high"] + 1e-9).all()
    # not converted where less than half of the pixels turned
    assert table[table["rank"] == 10]["converted_images_percent"].tolist() == [0, 0, 0]


def test_measurements_that_say_nothing_are_refused(measured, tmp_path):
    with pytest.raises(PalimpsestError, match="no row"):
        tradeoff_table(measured[:0], FEW)
    twice = measured.assign(loss_after=np.arange(len(measured)))
    with pytest.raises(PalimpsestError, match="'rank .*' is solved in two ways"):
        tradeoff_table(twice, FEW)
    mixed = measured.assign(session=["one", "other"] * 24)
    with pytest.raises(PalimpsestError):
        tradeoff_table(mixed, FEW)
    measured.drop(columns="mu").to_parquet(tmp_path / "less.parquet")
    with pytest.raises(PalimpsestError, match="no column mu; measure the sweep again"):
        read_measurements(tmp_path / "less.parquet", NEEDED, "the sweep")


def test_the_figure_draws_and_its_caption_tells(measured, tmp_path):
    panel = Panel(*tradeoff_panel(tradeoff_table(measured, FEW), TOLD))
    sheet, caption = tradeoff.draw(panel, Style(dpi=100))
    for words in (
        "domes → spires",
        "layer 6",
        "from 0.3 (right) to 30 (left)",
        "at rank 1 and 10",
        "first 1, 4 and 12 exemplars",
        "at μ = 3",
        "3 of them show a dome",
        "95 % intervals",
        "n = 4",
        "scale mini",
        "seed 3",
        "church-segmenter-encoder",
    ):
        assert words in caption, words
    plots = sheet.figure.axes[1:]
    assert [plot.get_ylim() for plot in plots] == [plots[0].get_ylim()] * 3
    assert plots[0].get_xlim() == plots[1].get_xlim(), "locality can be compared"
    by_rank, by_exemplars = (
        {line.get_label(): line.get_xydata() for line in plot.lines} for plot in plots[:2]
    )
    assert list(by_rank) == ["1", "10"] and list(by_exemplars) == ["1", "4", "12"]
    np.testing.assert_array_equal(by_rank["1"], by_exemplars["1"])
    np.testing.assert_allclose(by_exemplars["12"][:, 0], [0.05, 0.025, 0.05 / 3])
    np.testing.assert_allclose(by_exemplars["12"][:, 1], [270 / 3.5, 240 / 3.5, 210 / 3.5])
    at_mu = {line.get_label(): line.get_xydata() for line in plots[2].lines}
    np.testing.assert_allclose(at_mu["rank"][:, 0], [100 * 0.011 / 0.04, 100 * 0.002 / 0.04])
    np.testing.assert_allclose(at_mu["exemplars"][:, 1], [120 / 3.5, 210 / 3.5, 240 / 3.5])
    sheet.save(tmp_path / "f.png", caption, panel.facts)
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.width > 600 and np.asarray(picture.convert("L")).std() > 10


def test_labels_of_the_figure_do_not_stand_on_each_other(measured):
    crowded = measured.assign(perceptual_outside=0.01)
    panel = Panel(*tradeoff_panel(tradeoff_table(crowded, FEW), TOLD))
    sheet, _ = tradeoff.draw(panel, Style(dpi=60))
    for plot in sheet.figure.axes[1:]:
        boxes = [text.get_window_extent() for text in plot.texts]
        assert boxes
        for i, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize("kept", [slice(0, 1), slice(0, 3), slice(1, 9)])
def test_a_smaller_grid_can_be_drawn(measured, kept):
    table = tradeoff_table(measured, FEW)[kept]
    _, caption = tradeoff.draw(Panel(*tradeoff_panel(table, TOLD)), Style(dpi=60))
    assert "n = 4" in caption


def test_a_source_that_never_shows_leaves_empty_plots(measured):
    unseen = measured.assign(source_pixels=0, modified_pixels=0, removed_pixels=0)
    panel = Panel(*tradeoff_panel(tradeoff_table(unseen, FEW), TOLD))
    _, caption = tradeoff.draw(panel, Style(dpi=60))
    assert "0 of them show a dome" in caption
