"""The panels of Figures 13 and 16: by layer, the probe's curves and the effect of an edit.

    arrays, facts = curve_panel(probe, choice, edits, ["church", "kitchen_stylegan2"], level=0.95)

The three tables are those of `layers.tables`. Drawn by `palimpsest.report.figures.layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.columns import column_names, only

PROBE = (
    "layer",
    "crop_pixels",
    "crop_cells",
    *column_names("relative"),
)
EDITS = (
    "layer",
    "mu",
    *column_names("turned_percent", "labels_kept_percent"),
)


def curve_panel(
    probe: pd.DataFrame,
    choice: pd.DataFrame,
    edits: pd.DataFrame,
    generators: Sequence[str],
    level: float = 0.95,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of one figure.

    For generator i the columns `PROBE` as ``probe_i_<column>`` (rows,) and those of `EDITS` as
    ``edits_i_<column>`` (rows,). The fact ``generators`` lists for each: name, chosen ``layers``,
    the one to try first (``layer``), ``session`` and ``n_showing`` of the edits. Where no layer was
    chosen, ``layers`` is empty and ``layer`` None; where no edit was made at the layers,
    ``session`` is None and the edits' columns are missing.

    Raises `PalimpsestError` for a generator that was not probed.
    """
    arrays: dict[str, np.ndarray] = {}
    about = []
    for i, generator in enumerate(generators):
        parts = [table[table["generator"] == generator] for table in (probe, choice, edits)]
        probed, chosen, tried = parts
        if probed.empty or chosen.empty:
            raise PalimpsestError(f"layers of {generator}: not in every table; probe it first")
        shown = [("probe", probed, PROBE)] + ([] if tried.empty else [("edits", tried, EDITS)])
        for name, part, columns in shown:
            arrays |= {f"{name}_{i}_{column}": part[column].to_numpy() for column in columns}
        about.append({"name": generator} | _chosen(chosen.iloc[0]) | _tried(tried))
    rows = probe[probe["generator"].isin(generators)]
    return arrays, {
        "generators": about,
        "level": level,
        "n": int(rows["n"].max()),
        "seeds": int(rows["seeds"].max()),
        "scale": only(rows, "scale"),
    }


def _chosen(row: pd.Series) -> dict[str, Any]:
    if pd.isna(row["layer"]):
        return {"layers": [], "layer": None}
    return {"layers": [int(n) for n in str(row["layers"]).split()], "layer": int(row["layer"])}


def _tried(edits: pd.DataFrame) -> dict[str, Any]:
    if edits.empty:
        return {"session": None}
    return {
        "session": only(edits, "session"),
        "n_showing": int(edits["n_showing"].max()),
        "edited": int(only(edits, "n")),
    }
