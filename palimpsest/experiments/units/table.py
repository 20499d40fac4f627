"""The table of Figure S6: how much of a class is seen before and after its units are switched.

table = units_table(read_measurements("units.parquet", NEEDED, "the units"), Intervals())
arrays, facts = units_panel(table, load_panel("units_pictures.npz"))
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.columns import estimate_columns, only
from palimpsest.estimates.intervals import NOTHING, Intervals
from palimpsest.experiments.units.measure import SWITCHES
from palimpsest.files.panels import Panel

COUNTS = {
    "before_percent": ("before_pixels", "area_pixels"),
    "after_percent": ("after_pixels", "area_pixels"),
    "own_copied_percent": ("own_copied_pixels", "area_pixels"),
    "carried_before_percent": ("carried_before_pixels", "area_pixels"),
    "carried_after_percent": ("carried_after_pixels", "area_pixels"),
    "elsewhere_percent": ("elsewhere_changed_pixels", "elsewhere_pixels"),
}
"""Each estimate as a share of sums over images: (part, whole)."""

COLUMNS = tuple(dict.fromkeys(name for pair in COUNTS.values() for name in pair))
FACTS = ("thing", "layer", "units", "seed", "scale", "segmenter")
"""Columns with one value for the rows of one switch."""

NEEDED = ("switched", "place", "chosen_by", "sample", *COLUMNS, *FACTS)


def units_table(measured: pd.DataFrame, intervals: Intervals) -> pd.DataFrame:
    """One row for each way to switch, in the order of `SWITCHES`, over ``n`` images.

    - ``before_percent``, ``after_percent``: pixels labelled as the ``thing``, of the whole image
      (``switched`` off) or of the ``place`` (on);
    - ``own_copied_percent``: the same when the pixels of the image's own thing are copied to the
      place, which says how much of a thing the segmenter sees there at best;
    - ``carried_before_percent``, ``carried_after_percent``: when the pixels of the place
      are copied over the image's own thing, where the segmenter expects one (`places`);
    - ``elsewhere_percent``: labels that changed among all other pixels.

    Raises `PalimpsestError` for measurements that lack one of the ways.
    """
    rows = []
    for switch in SWITCHES:
        part = measured
        for name, value in switch._asdict().items():
            part = part[part[name] == value]
        if part.empty:
            raise PalimpsestError(f"measurements: no {' '.join(switch)}; measure the units again")
        part = part.sort_values("sample")
        found = {
            name: NOTHING if part[above].isna().any() else intervals.share(part, above, below)
            for name, (above, below) in COUNTS.items()
        }
        facts = {name: only(part, name) for name in FACTS}
        facts |= {name: int(facts[name]) for name in ("layer", "units", "seed")}
        thing = {"thing": facts.pop("thing")}
        rows.append(thing | switch._asdict() | estimate_columns(found) | {"n": len(part)} | facts)
    return pd.DataFrame(rows)


def units_panel(table: pd.DataFrame, shown: Panel) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of Figure S6: the pictures of the measuring job, with the table's rows."""
    rows = table.to_dict("records")
    told = [
        {name: None if value != value else value for name, value in row.items()} for row in rows
    ]
    facts = {name: only(table, name) for name in ("scale", "segmenter")}
    facts["seed"] = int(only(table, "seed"))
    return dict(shown.arrays), {**shown.facts, **facts, "figure": "figS6_units", "rows": told}
