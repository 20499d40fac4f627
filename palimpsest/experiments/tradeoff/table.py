"""The table of effect against locality: one row for each setting of a `sweep`.

    measured = read_measurements("tradeoff.parquet", NEEDED, "the sweep")
    table = tradeoff_table(measured, Intervals())
    arrays, facts = tradeoff_panel(table, measured_facts("tradeoff.parquet"))

The measures are those of Table 2, computed by its code: a setting of rank one, one exemplar and the
μ of Table 2's `newton` is the same edit, measured on the first of Table 2's samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.columns import column_names, only
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.tables_1_and_2 import DOMES, Measured, domes_table

SETTING = ("rank", "exemplars", "mu")
TOLD = ("loss_before", "loss_after", "change_elsewhere")
NEEDED = (*DOMES, "session", "scale", "seed", "perceptual", "segmenter", *SETTING, *TOLD)
"""Columns that the measurements must have."""

MEASURES = (
    "modified_percent",
    "removed_percent",
    "converted_images_percent",
    "labels_kept_percent",
    "perceptual_masked",
)
COMMON = ("n", "scale", "seed", "perceptual", "segmenter")


def tradeoff_table(measured: pd.DataFrame, intervals: Intervals) -> pd.DataFrame:
    """One row for each setting, in the order of rank, exemplars and μ, numbers unrounded.

    `MEASURES` as `domes_table` has them, each with its ``_low`` and ``_high``; ``loss_before`` and
    ``loss_after``: goal loss over the exemplars; ``change_elsewhere``: √(E‖ΔW k‖² / E‖W k‖²);
    ``n`` images, of which ``n_showing`` show the source.

    Raises `PalimpsestError` for measurements without rows, or two settings with one name.
    """
    if measured.empty:
        raise PalimpsestError("measurements: no rows; measure the sweep again")
    about = measured[["method", "session", *SETTING, *TOLD]].drop_duplicates()
    if about["method"].duplicated().any():
        twice = about.loc[about["method"].duplicated(), "method"].iloc[0]
        raise PalimpsestError(f"measurements: {twice!r} is solved in two ways; measure again")
    found = domes_table({("", only(measured, "session")): Measured(measured)}, intervals)
    shows = (measured["source_pixels"] > 0).groupby(measured["method"]).sum()
    found["n_showing"] = found["method"].map(shows)
    measures = column_names(*MEASURES)
    table = about.merge(found[["method", *measures, "n_showing", *COMMON]], on="method")
    columns = ["session", *SETTING, *measures, *TOLD, "n", "n_showing", *COMMON[1:]]
    return table.sort_values(list(SETTING))[columns].reset_index(drop=True)


def tradeoff_panel(
    table: pd.DataFrame, told: Mapping[str, str], level: float = 0.95
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of the panel that `figures.tradeoff` draws: the table's columns (settings,).

    ``told``: the facts stored with the measurements; ``level``: level of the intervals.
    """
    numbers = [*SETTING, *(c for c in table if c.startswith(MEASURES)), *TOLD]
    facts = {name: only(table, name) for name in ("session", "scale", "perceptual", "segmenter")}
    facts |= {name: int(only(table, name)) for name in ("n", "n_showing", "seed")}
    return {name: table[name].to_numpy() for name in numbers}, facts | {
        "figure": "figS2_tradeoff",
        "level": level,
        "layer": int(told["layer"]),
        "source": told["source_classes"].split(","),
        "weights_sha256": told["weights_sha256"],
    }
