"""Table 3 and Figure 5: what rows say, and which images are shown."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.error_rates import Errors
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.measure import RewrittenGenerator
from palimpsest.experiments.watermarks.panel import compute_watermarks, first_marked
from palimpsest.experiments.watermarks.table import watermarks_table
from palimpsest.files.panels import Panel, load_panel, save_panel
from palimpsest.generators import sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.instruments.detectors.watermarks import DetectorErrors
from palimpsest.report.figures import watermarks as figure
from palimpsest.report.figures.sheet import Sheet, Style

PERFECT = DetectorErrors(Errors(0, 1000, 0, 1000), Errors(0, 1000, 0, 1000))
ROWS = ("zero_30_units", "zero_60_units", "rank_one", "unmodified")


def rows_of(method, middle, bottom, distance=0.0, units=0):
    """Ten images by one method; ``middle`` and ``bottom``: samples that bear the mark."""
    return pd.DataFrame(
        {
            "sample": range(10),
            "seed": 3,
            "method": method,
            "middle": [i in middle for i in range(10)],
            "bottom": [i in bottom for i in range(10)],
            "middle_share": 0.0,
            "bottom_share": 0.0,
            "perceptual_outside": np.arange(10) * distance,
            "units": units,
            "scale": "mini",
            "perceptual": "church-segmenter-encoder",
            "segmenter": "church-segmenter",
        }
    )


@pytest.fixture
def measured():
    """In an order that shall not matter."""
    parts = [
        rows_of("rank_one", {4}, set(), 0.01),
        rows_of("unmodified", {1, 4, 5, 8}, {0, 4, 7}),
        rows_of("zero_60_units", {4, 8}, {0}, 0.03, units=22),
        rows_of("zero_30_units", {1, 4, 8}, {0, 7}, 0.02, units=11),
    ]
    return pd.concat(parts).sample(frac=1, random_state=0).reset_index(drop=True)


def test_rows_of_table_3(measured):
    table = watermarks_table(measured, PERFECT, Intervals()).set_index("method")
    assert list(table.index) == list(ROWS)
    assert table["middle_seen"].tolist() == [3, 2, 1, 4]
    assert table["bottom_seen"].tolist() == [2, 1, 0, 3]
    # detectors that never err: what is seen is what is there
    assert np.allclose(table["middle_count"], table["middle_seen"])
    assert np.allclose(table["bottom_count"], table["bottom_seen"])
    assert table["units"].tolist() == [11, 22, 0, 0]
    assert np.allclose(table["perceptual_outside"], [0.09, 0.135, 0.045, 0])
    for name in ("middle_count", "bottom_count", "perceptual_outside"):
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[f"{name}_high"] >= table[name]).all()
    assert table.loc["rank_one", "middle_count_high"] > 1
    assert (table["n"] == 10).all() and set(table["scale"]) == {"mini"}
    assert set(table["segmenter"]) == {"church-segmenter"}
    paper = [column for column in table if column.startswith("paper_")]
    assert len(paper) == 2 and table[paper].isna().all(axis=None)
    told = {("rank_one",): {"paper_middle_count": 4.0}}
    beside = watermarks_table(measured, PERFECT, Intervals(), told).set_index("method")[paper]
    assert beside.loc["rank_one", "paper_middle_count"] == 4 and beside.notna().sum().sum() == 1


def test_counts_are_corrected_for_the_detectors_errors(measured):
    """Sees a tenth of what is not there, misses a fifth of what is: (4/10 - 0.1) / 0.7 of 10."""
    errors = DetectorErrors(Errors(100, 1000, 200, 1000), PERFECT.strip)
    table = watermarks_table(measured, errors, Intervals()).set_index("method")
    assert table.loc["unmodified", "middle_count"] == pytest.approx(10 * 0.3 / 0.7)
    assert table.loc["rank_one", "middle_count"] == pytest.approx(0)
    assert table.loc["unmodified", "middle_seen"] == 4
    assert table.loc["unmodified", "bottom_count"] == pytest.approx(3)
    wider = watermarks_table(measured, PERFECT, Intervals()).set_index("method")
    assert table.loc["unmodified", "middle_count_high"] > wider.loc["unmodified", "middle_count"]


def test_tables_that_cannot_be(measured):
    blind = DetectorErrors(Errors(600, 1000, 600, 1000), PERFECT.strip)
    with pytest.raises(ParameterError, match="detector of the middle mark: error rates"):
        watermarks_table(measured, blind, Intervals())
    mixed = measured.copy()
    mixed.loc[mixed["method"] == "rank_one", "scale"] = ["mini", *["smoke"] * 9]
    with pytest.raises(PalimpsestError, match="column scale mixes"):
        watermarks_table(mixed, PERFECT, Intervals())


def test_shown_are_the_first_that_bear_a_mark(measured):
    assert first_marked(measured, 4) == {"middle": [1, 4], "bottom": [0, 7]}  # 4 is shown once
    assert first_marked(measured, 3) == {"middle": [1, 4], "bottom": [0]}
    # where too few bear a mark, the first others are shown
    assert first_marked(measured, 6) == {"middle": [1, 4, 5], "bottom": [0, 7, 2]}
    with pytest.raises(ParameterError, match="12 samples are to be shown, 10 were measured"):
        first_marked(measured, 12)


def test_the_panel_holds_the_images_of_every_method(generator, measured):
    weight = generator.layer(6).weight
    changed = {"zero_30_units": 0 * weight, "rank_one": -weight}
    methods = [RewrittenGenerator(n, generator.with_weight(6, w), 6) for n, w in changed.items()]
    arrays, facts = compute_watermarks(generator, methods, measured, pairs=4)
    assert arrays["samples"].tolist() == [1, 4, 0, 7]
    z = sample_z(generator, 10, 3)[[1, 4, 0, 7]]
    assert (arrays["unmodified"] == as_picture(generator(z))).all()
    for method in methods:
        assert (arrays[method.name] == as_picture(method.generator(z))).all()
        assert (arrays[method.name] != arrays["unmodified"]).any()
    assert facts["methods"] == ["unmodified", "zero_30_units", "rank_one"]
    assert facts["units"] == {"unmodified": 0, "zero_30_units": 11, "rank_one": 0}
    assert facts["seen"]["zero_30_units"] == [3, 2]
    assert facts["places"] == ["middle", "bottom"] and facts["columns"] == [[1, 4], [0, 7]]
    assert facts["bearing"] == [2, 2]
    assert facts["layer"] == {"zero_30_units": 6, "rank_one": 6}
    json.dumps(facts)  # they go into the panel's file
    unknown = [RewrittenGenerator("no_such", generator, 6)]
    with pytest.raises(ParameterError, match="no_such was not measured"):
        compute_watermarks(generator, unknown, measured, pairs=4)


def recorded(method, written):
    """``method`` of a sheet, the words that it writes noted in ``written``."""

    def noting(self, words, *places, **looks):
        written.append(words)
        return method(self, words, *places, **looks)

    return noting


def test_the_figure_shows_every_row_and_says_what_is_left(pictures, tmp_path, monkeypatch):
    names = ["unmodified", "zero_30_units", "zero_60_units", "rank_one"]
    facts = {
        "methods": names,
        "places": ["middle", "bottom"],
        "columns": [[1, 4], [0, 7, 9]],
        "bearing": [2, 3],
        "units": {"unmodified": 0, "zero_30_units": 11, "zero_60_units": 22, "rank_one": 0},
        "layer": dict.fromkeys(names[1:], 5),
        "seen": {name: [40, 30] for name in names},
        "n": 200,
        "seed": 3,
        "scale": "mini",
        "segmenter": "church-segmenter",
        "weights_sha256": "0123456789ab" * 5,
    }
    arrays = {name: pictures[i : i + 5] for i, name in enumerate(names)}
    save_panel(tmp_path / "p.npz", arrays, facts)  # a file may bring facts in another order
    written = []
    monkeypatch.setattr(Sheet, "text", recorded(Sheet.text, written))
    sheet, caption = figure.draw(load_panel(tmp_path / "p.npz"), Style(dpi=100))
    sheet.save(tmp_path / "f.png", caption, facts)
    assert [words for words in written if words in figure.PLACE_LABELS.values()] == [
        "letters in the middle",
        "letters at the bottom",
    ]
    assert written.count("middle 20.0 %") == written.count("bottom 15.0 %") == len(names)
    page = np.asarray(Image.open(tmp_path / "f.png").convert("RGB"))
    # every picture is on the page: its colours are nowhere on an empty one
    assert (page != 255).any(axis=2).mean() > 0.5
    assert "layer 5" in caption and "11 for 30, 22 for 60" in caption and "n = 200" in caption
    assert "none was chosen by hand" in caption and "too few" not in caption
    fewer = Panel(load_panel(tmp_path / "p.npz").arrays, facts | {"bearing": [2, 1]})
    assert "Where these are too few, the first other samples" in figure.draw(fewer, Style())[1]
    with pytest.raises(KeyError):
        figure.draw(Panel({}, facts), Style())
