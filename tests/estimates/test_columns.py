"""Estimates as columns of a table, and back."""

from __future__ import annotations

from palimpsest.estimates.columns import column_names, estimate_columns, estimate_of, order_key
from palimpsest.estimates.intervals import Estimate


def test_an_estimate_comes_back_from_its_columns():
    estimate = Estimate(0.5, 0.25, 0.75)
    columns = estimate_columns({"x": estimate})
    assert columns == {"x": 0.5, "x_low": 0.25, "x_high": 0.75}
    assert tuple(columns) == column_names("x")
    assert estimate_of(columns, "x") == estimate
    assert column_names("a", "b") == ("a", "a_low", "a_high", "b", "b_low", "b_high")


def test_names_of_an_order_come_first():
    names = ["zebra", "newton", "apple", "unmodified"]
    order = ("unmodified", "newton")
    assert sorted(names, key=lambda name: order_key(name, order)) == [
        "unmodified",
        "newton",
        "apple",
        "zebra",
    ]
