"""Appendix H in the report: tables by hand, figures that draw, what is said of the advice."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.layers.curves_panel import curve_panel
from palimpsest.experiments.layers.pieces_panel import piece_panel
from palimpsest.experiments.layers.probe import NONE_LEFT_OUT, SHARING, cut, places
from palimpsest.experiments.layers.settings import PieceSettings
from palimpsest.experiments.layers.tables import (
    best_edit,
    choice_table,
    edits_at_layers,
    probe_table,
)
from palimpsest.files.panels import Panel
from palimpsest.generators import sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.pipeline.adopted_layers import adopted_layers
from palimpsest.report.figures import layers, pieces
from palimpsest.report.figures.sheet import Style
from palimpsest.report.layer_claims import layer_advice
from palimpsest.report.table_view import read_rows
from tests.doubles.layer_trials import tried

FEW = Intervals(resamples=200)

CURVE = {3: 0.8, 4: 0.5, 5: 0.25, 6: 0.06, 7: 0.04, 8: 0.02}
"""Layers and the share of the spread that their pieces are away; the knee is layer 6."""

WIDTHS = {3: 32, 4: 16, 5: 16, 6: 8, 7: 8, 8: 4}
"""Pixels along a layer's cells."""


@pytest.fixture
def probe():
    """Distances of three seeds, and without each of them, at sizes of 16 and 32 pixels."""
    rows = []
    for layer, share in CURVE.items():
        for size in (16, 32):
            if size < WIDTHS[layer]:
                continue
            for left_out, factor in ((NONE_LEFT_OUT, 1.0), ("1", 0.9), ("2", 1.0), ("3", 1.1)):
                rows.append(
                    {
                        "generator": "church",
                        "layer": layer,
                        "crop_pixels": size,
                        "crop_cells": size // WIDTHS[layer],
                        "without_seed": left_out,
                        "fid": 20 * share * factor,
                        "spread": 20.0,
                        "n": 60 if left_out == NONE_LEFT_OUT else 40,
                        "seeds": 3 if left_out == NONE_LEFT_OUT else 2,
                        "features": "church-segmenter-stages-2-to-4",
                        "scale": "mini",
                    }
                )
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


EFFECTS = {5: 20, 6: 60, 7: 55, 8: 40}


def chosen(probe, trials):
    edits = edits_at_layers({"church": trials}, FEW)
    return choice_table(probe_table({"church": probe}), edits), edits


def test_the_probes_table_by_hand(probe):
    table = probe_table({"church": probe, "other": probe.assign(generator="other")})
    assert len(table) == 2 * 11 and table["generator"].unique().tolist() == ["church", "other"]
    row = table.query("generator == 'church' and layer == 5 and crop_pixels == 32").iloc[0]
    assert (row["fid"], row["spread"], row["crop_cells"]) == (5.0, 20.0, 2)
    assert row["relative"] == 0.25
    half = 4.302653 * np.sqrt(2 / 3 * (0.5**2 + 0.5**2))
    assert row["fid_high"] - 5 == pytest.approx(half, rel=1e-6)
    assert row["relative_high"] - 0.25 == pytest.approx(half / 20, rel=1e-6)
    assert (row["n"], row["seeds"], row["scale"]) == (60, 3, "mini")


def test_the_edits_table_by_hand():
    table = edits_at_layers({"church": tried(EFFECTS)}, FEW)
    assert table["layer"].tolist() == [5, 6, 7, 8]
    row = table[table["layer"] == 6].iloc[0]
    assert row["turned_percent"] == pytest.approx(60)
    assert row["labels_kept_percent"] == pytest.approx(100 * 3598 / 3600)
    assert row["perceptual_masked"] == pytest.approx(0.1)
    assert (row["n"], row["n_showing"], row["session"]) == (4, 3, "dome2spire")
    with pytest.raises(PalimpsestError, match="church: no row"):
        edits_at_layers({"church": tried(EFFECTS)[:0]}, FEW)


def test_an_effect_counts_only_where_the_rest_is_spared(probe):
    spoilt = tried({**EFFECTS, 8: 90}, kept={8: [800, 700, 800, 900]})
    table, edits = chosen(probe, spoilt)
    assert edits.loc[edits["turned_percent"].idxmax(), "layer"] == 8
    assert best_edit(edits)["layer"] == 6 == table["best_layer"].iloc[0]
    assert best_edit(edits[edits["layer"] == 8]) is None


@pytest.mark.parametrize(
    "effects, best, predicted",
    [
        (EFFECTS, 6, "yes"),
        ({5: 20, 6: 50, 7: 60, 8: 40}, 7, "yes"),
        ({5: 80, 6: 60, 7: 55, 8: 40}, 5, "no"),
        ({5: 80, 7: 55, 8: 40}, 5, "no"),
    ],
)
def test_the_advice_is_held_against_the_edits(probe, effects, best, predicted):
    table, _ = chosen(probe, tried(effects))
    row = table.iloc[0]
    assert (row["layers"], row["layer"], row["best_layer"]) == ("6 7", 6, best)
    assert row["predicted"] == predicted and row["best_turned_percent"] == effects[best]
    assert row["n_showing"] == 3 and "layer 6 alone" in row["why"]
    if 6 in effects:
        assert row["turned_percent"] == effects[6]
    else:
        assert pd.isna(row["turned_percent"])


def test_intervals_that_overlap_leave_it_open(probe):
    trials = tried({5: 62, 6: 60, 7: 55, 8: 40})
    uneven = trials["modified_pixels"].where(trials["sample"] != 0, 0)
    table, _ = chosen(probe, trials.assign(modified_pixels=uneven))
    assert table["best_layer"].iloc[0] == 5 and table["predicted"].iloc[0] == "open"


def test_edits_do_not_touch_the_advice_and_none_may_have_an_effect(probe):
    table, _ = chosen(probe, tried(dict.fromkeys(EFFECTS, 0)))
    row = table.iloc[0]
    assert row["layers"] == "6 7" and row["predicted"] == "" and pd.isna(row["best_layer"])


def flat(probe):
    """The same probe, of a curve that does not fall."""
    return probe.assign(fid=4.0)


@pytest.mark.parametrize("trials", [{}, {"other": tried(EFFECTS)}])
def test_a_generator_without_edits_has_advice_that_nothing_checks(probe, trials, tmp_path):
    edits = edits_at_layers(trials, FEW)
    assert edits.columns.tolist() == edits_at_layers({"a": tried(EFFECTS)}, FEW).columns.tolist()
    table = choice_table(probe_table({"church": probe}), edits)
    row = table.iloc[0]
    assert (row["layers"], row["session"], row["predicted"]) == ("6 7", "", "")
    assert pd.isna(row["best_layer"]) and pd.isna(row["n_showing"])
    table.to_csv(tmp_path / "layer_choice.csv", index=False)
    [(said, holds)] = layer_advice(read_rows(tmp_path / "layer_choice.csv"))
    assert holds is None and said.endswith("6 first. No edit was made at its layers to check that.")


def test_a_curve_that_does_not_fall_names_no_layer_and_says_so(probe, tmp_path):
    table, edits = chosen(flat(probe), tried(EFFECTS))
    row = table.iloc[0]
    assert row["layers"] == "" and pd.isna(row["layer"]) and "no closer" in row["why"]
    assert row["best_layer"] == 6 and row["predicted"] == ""
    path = tmp_path / "layer_choice.csv"
    table.to_csv(path, index=False)
    [(said, holds)] = layer_advice(read_rows(path))
    assert holds is None and said.startswith("Church: the probe names no layer (layers [3, 4")
    assert adopted_layers(path) == {}
    # as the figure's stage reads it
    read = pd.read_csv(path, dtype={"layers": str})
    panel = Panel(*curve_panel(probe_table({"church": flat(probe)}), read, edits, ["church"]))
    sheet, caption = layers.draw(panel, Style(dpi=60))
    assert "church: none, because its curve does not fall" in caption
    assert not sheet.figure.axes[1].patches


@pytest.mark.parametrize(
    "effects, holds, said",
    [
        (EFFECTS, True, "at layer 6 changed the largest share of the intended pixels, 60.0 %"),
        ({5: 80, 6: 60, 7: 55, 8: 40}, False, "that at layer 6 60.0 %"),
        (dict.fromkeys(EFFECTS, 0), None, "had an effect at any layer"),
    ],
)
def test_the_sentence_tells_the_numbers(probe, tmp_path, effects, holds, said):
    table, _ = chosen(probe, tried(effects))
    table.to_csv(tmp_path / "layer_choice.csv", index=False)
    [(measured, verdict)] = layer_advice(read_rows(tmp_path / "layer_choice.csv"))
    assert verdict is holds
    assert (
        measured.startswith("Church: the probe names layers 6 and 7, 6 first") and said in measured
    )


def panel_of(probe, trials, generators=("church",)):
    table, edits = chosen(probe, trials)
    return Panel(*curve_panel(probe_table({"church": probe}), table, edits, generators))


def test_the_curves_are_those_of_the_tables(probe, tmp_path):
    panel = panel_of(probe, tried(EFFECTS))
    sheet, caption = layers.draw(panel, Style(dpi=80))
    distance, effect, kept = sheet.figure.axes[1:]
    by_size = {line.get_label(): line.get_xydata() for line in distance.lines}
    np.testing.assert_allclose(by_size["32 px"], list(CURVE.items()))
    assert [x for x, _ in by_size["16 px"]] == [4, 5, 6, 7, 8]
    np.testing.assert_allclose(effect.lines[0].get_xydata(), list(EFFECTS.items()))
    assert kept.get_xlim() == effect.get_xlim() == distance.get_xlim()
    assert [label.get_text() for label in effect.get_xticklabels()][3] == "6\n8"
    shaded = [patch.get_x() + 0.5 for patch in effect.patches]
    assert shaded == [6, 7]
    for words in (
        "church: 6 and 7",
        "domes → spires",
        "4 images of which 3 show",
        "3 seeds",
        "95 %",
    ):
        assert words in caption, words
    sheet.save(tmp_path / "f.png", caption, panel.facts)
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.width > 500 and np.asarray(picture.convert("L")).std() > 5


def test_a_generator_without_edits_has_the_first_plot_only(probe):
    both = {"church": probe, "kitchen": probe.assign(generator="kitchen")}
    edits = edits_at_layers({"church": tried(EFFECTS)}, FEW)
    found = probe_table(both)
    panel = Panel(*curve_panel(found, choice_table(found, edits), edits, list(both)))
    sheet, caption = layers.draw(panel, Style(dpi=60))
    assert len(sheet.figure.axes) == 1 + 3 + 1
    assert "; kitchen: 6 and 7)" in caption and "Middle and right" in caption
    alone = Panel(*curve_panel(found, choice_table(found, edits), edits, ["kitchen"]))
    narrow, caption = layers.draw(alone, Style(dpi=60))
    assert len(narrow.figure.axes) == 1 + 1 and narrow.width < sheet.width / 2
    assert "Middle" not in caption and "edit made" not in caption and "kitchen: 6 and 7" in caption


def test_a_generator_that_was_not_probed_is_named(probe):
    with pytest.raises(PalimpsestError, match="layers of kitchen: not in every table"):
        panel_of(probe, tried(EFFECTS), ("church", "kitchen"))


PLAN = PieceSettings(
    layers=(3, 5, 7), sizes=(8, 16), samples=20, seeds=(11, 12), shown=8, shown_size=8
)


@pytest.fixture
def found():
    rows = [
        {"layer": layer, "crop_pixels": size, "fid": layer + size / 100, "n": 40, "features": "f"}
        for layer in PLAN.layers
        for size in PLAN.sizes
    ]
    return pd.DataFrame(rows)


def test_pieces_shown_are_those_that_were_measured(generator, found):
    arrays, facts = piece_panel(generator, PLAN, found)
    numbers = [0, SHARING, 2 * SHARING]
    images = generator(sample_z(generator, 20, 11)[numbers])
    corners = places(20, 8, 32, 11)[numbers]
    assert abs(arrays["images"].astype(int) - as_picture(images)).max() <= 1
    np.testing.assert_array_equal(arrays["corners"], corners)
    for i, (top, left) in enumerate(corners):
        whole = as_picture(cut(images[i : i + 1], top, left, 8))[0]
        assert abs(arrays["in_place"][i].astype(int) - whole).max() <= 1
    assert arrays["alone"].shape == (3, 3, 8, 8, 3)
    assert arrays["fid"].tolist() == [3.08, 5.08, 7.08] and arrays["cells"].tolist() == [1, 2, 4]
    assert (facts["n"], facts["seed"], facts["size"]) == (40, 11, 8)


def test_pieces_that_cannot_be_shown():
    with pytest.raises(ValidationError, match=r"4 is none of the probed sizes \[8, 16\]"):
        PieceSettings(**(PLAN.model_dump() | {"shown_size": 4}))
    with pytest.raises(ValidationError, match="shown\n.*greater than or equal to 1"):
        PieceSettings(**(PLAN.model_dump() | {"shown": 0}))


def test_the_figure_of_pieces_draws(generator, found, tmp_path):
    few = PLAN.model_copy(update={"shown": 2, "shown_size": 16})
    panel = Panel(*piece_panel(generator, few, found))
    sheet, caption = pieces.draw(panel, Style(dpi=80))
    assert len(sheet.figure.images) == 2 * (2 + len(PLAN.layers))
    for words in ("16 × 16 pixels of a StyleGAN2", "layers 3 to 7", "40 such pieces", "seed 11"):
        assert words in caption, words
    sheet.save(tmp_path / "f.png", caption, panel.facts)
    assert (tmp_path / "f.txt").read_text().startswith("Pieces of 16 × 16")
