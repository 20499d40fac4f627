"""The tables of Appendix H: the probe, the chosen layers, and the effect of an edit at each layer.

    probe = probe_table({"church": read_probe("church.parquet")}, level=0.95)
    edits = edits_at_layers({"church": read_trials("church-edits.parquet")}, Intervals())
    choice = choice_table(probe, edits)

The choice is made from the probe alone; the edits only check it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.columns import column_names, only
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.comparison.tables_1_and_2 import DOMES, Measured, domes_table
from palimpsest.experiments.layers.choice import LayerChoice, NoKneeError, choose_layers
from palimpsest.experiments.layers.probe import COLUMNS, distances
from palimpsest.files.measurements import read_measurements

PROBED = ("generator", *COLUMNS, "scale")
"""Columns that a probe must have."""

SETTING = ("layer", "mu", "exemplars")
TOLD = ("loss_before", "loss_after", "change_elsewhere")
TRIED = ("generator", "session", *DOMES, *SETTING, *TOLD, "seed", "scale")
"""Columns that measured trials must have."""

EFFECT = "turned_percent"
RENAMED = dict(zip(column_names("modified_percent"), column_names(EFFECT), strict=True))
MEASURES = (EFFECT, "converted_images_percent", "labels_kept_percent", "perceptual_masked")
COMMON = ("n", "n_showing", "scale", "seed", "perceptual", "segmenter")

KEPT_LEAST = 99.0
"""Per cent of the labels outside that must be kept for an edit's effect to count."""


def read_probe(path: str | Path) -> pd.DataFrame:
    """Measurements of `stages.probe_layers`. Raises `PalimpsestError` for another file."""
    return read_measurements(path, PROBED, "the layers")


def read_trials(path: str | Path) -> pd.DataFrame:
    """Measurements of `stages.try_layers`. Raises `PalimpsestError` for another file."""
    return read_measurements(path, TRIED, "the edits of the layers")


def probe_table(probes: Mapping[str, pd.DataFrame], level: float = 0.95) -> pd.DataFrame:
    """One row for each generator, layer and size: `probe.distances`, numbers unrounded."""
    tables = []
    for generator, rows in probes.items():
        found = distances(rows, level)
        found.insert(0, "generator", generator)
        tables.append(found.assign(scale=only(rows, "scale")))
    return pd.concat(tables, ignore_index=True)


def edits_at_layers(trials: Mapping[str, pd.DataFrame], intervals: Intervals) -> pd.DataFrame:
    """One row for each generator, layer and μ, numbers unrounded.

    - ``turned_percent``: pixels of the source that became a target class (the paper's measure);
    - ``converted_images_percent``, ``labels_kept_percent``, ``perceptual_masked``: as Table 2 has
      them (`comparison.tables_1_and_2.domes_table`), each with its ``_low`` and ``_high``;
    - ``loss_before``, ``loss_after``: L1 goal loss; ``change_elsewhere``: √(E‖ΔW k‖² / E‖W k‖²);
    - ``n`` images, of which ``n_showing`` show the source.

    Without trials the table has its columns but no rows.
    """
    measures = column_names(*MEASURES)
    columns = ["generator", "session", *SETTING, *measures, *TOLD, *COMMON]
    tables = [pd.DataFrame(columns=columns)] if not trials else []
    for generator, rows in trials.items():
        if rows.empty:
            raise PalimpsestError(f"measurements of {generator}: no rows; try the layers again")
        session = only(rows, "session")
        about = rows[["method", *SETTING, *TOLD]].drop_duplicates()
        found = domes_table({(generator, session): Measured(rows)}, intervals).rename(
            columns=RENAMED
        )
        shows = (rows["source_pixels"] > 0).groupby(rows["method"]).sum()
        found["n_showing"] = found["method"].map(shows)
        table = about.merge(found[["method", *measures, *COMMON]], on="method")
        table.insert(0, "generator", generator)
        table.insert(1, "session", session)
        tables.append(table.drop(columns="method").sort_values(list(SETTING)))
    return pd.concat(tables, ignore_index=True)[columns]


def best_edit(edits: pd.DataFrame) -> pd.Series | None:
    """The row with the largest effect among those that kept `KEPT_LEAST` of the labels elsewhere;
    None if no edit did, or none has an effect."""
    local = edits[(edits["labels_kept_percent"] >= KEPT_LEAST) & (edits[EFFECT] > 0)]
    return None if local.empty else local.loc[local[EFFECT].idxmax()]


def choice_table(probe: pd.DataFrame, edits: pd.DataFrame) -> pd.DataFrame:
    """One row for each generator: the layers fit for editing and why, and whether edits agree.

    - ``layers``: those of `choice.choose_layers`, ascending, as ``6 7``; ``layer``: the one to try
      first; ``why`` in words. They come from the probe alone, and are empty where its curve has no
      knee, as ``why`` then says;
    - ``session``: the edit made at every layer, empty where no edit was made; ``best_layer``,
      ``best_turned_percent``: `best_edit` of all layers; ``turned_percent``: `best_edit` of
      ``layer``; each with its interval, empty where nothing had an effect; ``n_showing`` images;
    - ``predicted``: "yes" if the best layer is one of ``layers``; "no" if the interval of ``layer``
      lies below that of the best; "open" if the intervals overlap; empty if nothing had an effect
      or there is nothing to compare.
    """
    rows = []
    for generator, part in probe.groupby("generator", sort=False):
        choice, why = _choice(part)
        row: dict[str, Any] = {
            "generator": generator,
            "layers": " ".join(map(str, choice.layers)) if choice else "",
            "layer": choice.layer if choice else pd.NA,
            "why": why,
        }
        row |= _outcome(edits[edits["generator"] == generator], choice)
        rows.append(row | {"n": int(part["n"].max()), "scale": only(part, "scale")})
    table = pd.DataFrame(rows)
    return table.astype({"layer": "Int64", "best_layer": "Int64", "n_showing": "Int64"})


def _choice(probe: pd.DataFrame) -> tuple[LayerChoice | None, str]:
    """The choice from one generator's probe, and why; None where there is no knee."""
    try:
        choice = choose_layers(probe)
    except NoKneeError as problem:
        return None, str(problem)
    return choice, choice.why


def _outcome(edits: pd.DataFrame, choice: LayerChoice | None) -> dict[str, Any]:
    best = best_edit(edits)
    own = best_edit(edits[edits["layer"] == choice.layer]) if choice else None
    found = {"session": "", "best_layer": pd.NA, "predicted": ""}
    for row, prefix in ((best, "best_"), (own, "")):
        for column in column_names(EFFECT):
            found[prefix + column] = np.nan if row is None else row[column]
    if edits.empty:
        return found | {"n_showing": pd.NA}
    found["session"] = only(edits, "session")
    if best is not None:
        found["best_layer"] = int(best["layer"])
        if choice is not None:
            reached = own is not None and own[f"{EFFECT}_high"] >= best[f"{EFFECT}_low"]
            named = found["best_layer"] in choice.layers
            found["predicted"] = "yes" if named else "open" if reached else "no"
    return found | {"n_showing": int(edits["n_showing"].max())}
