"""The table of the instruments' grades says what their files say."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.error_rates import Errors
from palimpsest.experiments.grading.instrument_grades import instruments_table


def segmenter(grades: list[dict]) -> SimpleNamespace:
    return SimpleNamespace(name="church-segmenter", world="church", facts={"grades": grades})


def test_each_grade_is_a_row_with_its_own_figures() -> None:
    looks = {"resolution": 128, "blur": 0.7, "n": 1000}
    labels = looks | {
        "mean_iou": 0.5,
        "pixel_accuracy": 0.9,
        "iou": {"sky": 0.9, "dome": 0.1, "never": None},
    }
    tells = looks | Errors(2, 100, 3, 50).facts()
    smile = SimpleNamespace(name="face-smile", world="face", facts={"grades": [tells]})
    table = instruments_table([segmenter([labels]), smile])
    first, second = table.to_dict("records")
    assert (first["mean_iou"], first["worst_class"], first["worst_class_iou"]) == (0.5, "dome", 0.1)
    assert first["accuracy_percent"] != first["accuracy_percent"]  # not a number: it has none
    assert second["accuracy_percent"] == pytest.approx(100 * 145 / 150)
    assert second["false_positive_percent"] == pytest.approx(2)
    assert second["false_negative_percent_low"] < 6 < second["false_negative_percent_high"]
    assert second["mean_iou"] != second["mean_iou"] and second["instrument"] == "face-smile"


def test_an_instrument_without_grades_is_named() -> None:
    with pytest.raises(PalimpsestError, match="church-segmenter: was never graded"):
        instruments_table([segmenter([])])
