"""The tables of photographs and renders, reckoned by hand."""

import numpy as np
import pandas as pd
import pytest

from palimpsest.estimates.error_rates import Errors
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.photographs.measure import PICTURES
from palimpsest.experiments.photographs.table import photographs_table, renders_table

RIGHT = Errors(0, 100, 0, 100)
SAID = {
    "photograph": [0, 0, 0, 1],
    "best_z": [0, 0, 0, 0],
    "best_w": [0, 0, 0, 1],
    "adapted": [0, 0, 0, 1],
    "edited": [1, 1, 0, 1],
    "switched": [1, 0, 0, 0],
}


@pytest.fixture
def rows():
    """Four photographs, the first of them again with a sticker."""
    made = []
    for picture in PICTURES:
        stage = {"best_z": 0.4, "best_w": 0.2, "adapted": 0.05}.get(picture, np.nan)
        for i in range(5):
            made.append(
                {
                    "photograph": f"not_smiling/{8 * (i % 4)}",
                    "sticker": i == 4,
                    "picture": picture,
                    "shows": bool(SAID[picture][i % 4]),
                    "perceptual_error": stage + (9 if i == 4 else 0.01 * i),
                    "pixel_error": stage,
                    "perceptual_outside": 0.02 if picture == "edited" else np.nan,
                    "pixel_outside": 0.01 if picture == "edited" else np.nan,
                    "sticker_error": 0.3 if i == 4 else np.nan,
                    "seconds": 2.0 if picture == "adapted" else np.nan,
                    "rank": 4,
                    "strength": 2.0,
                    "scale": "mini",
                    "perceptual": "parts-encoder",
                    "classifier": "photographs-smile",
                }
            )
    return pd.DataFrame(made)


def test_shares_and_errors_of_photographs(rows):
    table = photographs_table(rows, RIGHT, Intervals(resamples=20)).set_index("picture")
    assert list(table.index) == list(PICTURES)
    # without the one that has a sticker
    assert table.loc["adapted", "perceptual_error"] == pytest.approx(0.065)
    assert np.isnan(table.loc["edited", "perceptual_error"])
    assert table["smiling_percent"].tolist() == [25, 0, 25, 25, 75, 25]
    assert table["smiling_corrected_percent"].tolist() == [25, 0, 25, 25, 75, 25]
    assert table.loc["edited", "begin_smiling_percent"] == pytest.approx(200 / 3)
    assert table.loc["edited", "stop_smiling_percent"] == 0
    assert table.loc["switched", "begin_smiling_percent"] == pytest.approx(100 / 3)
    assert table.loc["switched", "stop_smiling_percent"] == 100
    assert np.isnan(table.loc["adapted", "begin_smiling_percent"])
    assert table.loc["edited", "pixel_outside_mouth"] == pytest.approx(0.01)
    assert (table["sticker_error"] == 0.3).all() and (table["n_stickers"] == 1).all()
    assert set(table["n"]) == {4} and set(table["n_not_smiling"]) == {3}
    assert table.loc["adapted", "seconds"] == 2 and np.isnan(table.loc["edited", "seconds"])


def test_shares_are_corrected_for_the_classifiers_errors(rows):
    # it misses half of all smiles, so 1 of 4 seen are 2 of 4
    table = photographs_table(rows, Errors(0, 100, 50, 100), Intervals(resamples=20))
    assert table.set_index("picture").loc["adapted", "smiling_corrected_percent"] == 50


def test_without_stickers_their_column_is_empty(rows):
    table = photographs_table(rows[~rows["sticker"]], RIGHT, Intervals(resamples=20))
    assert table["sticker_error"].isna().all() and (table["n_stickers"] == 0).all()


def test_the_edit_is_nearer_to_the_truth_or_not():
    rows = pd.DataFrame(
        [
            {
                "render": i,
                "picture": picture,
                "perceptual_error": np.nan if picture == "edited" else 0.1,
                "pixel_error": np.nan if picture == "edited" else 0.1,
                "counterfactual_error": 0.2,
                "changed_error": {"adapted": 0.5, "edited": [0.1, 0.2, 0.6, 0.4][i]}.get(
                    picture, 0.7
                ),
                "changed_pixel_error": 0.1,
                "seconds": np.nan if picture == "edited" else 3.0,
                "session": "dome2spire",
                "seed": 9,
                "scale": "mini",
                "perceptual": "church-segmenter-encoder",
            }
            for picture in ("best_z", "best_w", "adapted", "edited")
            for i in range(4)
        ]
    )
    table = renders_table(rows, Intervals(resamples=20)).set_index("picture")
    assert table.loc["edited", "nearer_percent"] == 75
    assert table.loc["edited", "changed_error"] == pytest.approx(0.325)
    assert table["nearer_percent"].drop("edited").isna().all()
    assert list(table.index) == ["best_z", "best_w", "adapted", "edited"]
