"""Tables from measurements: Table 2 of the paper, and the table of edits.

    measured = {"dome2spire": read_measurements("results/measurements/dome2spire.parquet")}
    domes_table(measured, scale="mini", level=0.95, resamples=2000, seed=0).to_csv(...)

Measurements have one row for each (sample, method), so that a share is a ratio of sums over
images, whose interval resamples images; whether an image is converted is yes or no, whose share
has a Wilson interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow

from palimpsest.errors import PalimpsestError
from palimpsest.instruments.intervals import (
    NOTHING,
    Estimate,
    bootstrap_mean,
    bootstrap_ratio,
    wilson,
)
from palimpsest.memory import Edit
from palimpsest.report.published import TABLE2, TABLE2_COLUMNS

METHODS = (
    "projected_gradient",
    "direct_lambda",
    "single_context",
    "single_layer",
    "finetune_all",
    "nbb_copy",
    "nbb_laplace",
    "unmodified",
    "newton",
    "palimpsest",
)
"""Rows in the paper's order, then this project's own two."""

EDITS = ("dome2spire", "dome2tree")
"""Edits in the paper's order; any others come after, by name."""

NEEDED = (
    "sample",
    "method",
    "source_pixels",
    "modified_pixels",
    "removed_pixels",
    "outside_pixels",
    "kept_pixels",
    "converted",
    "perceptual_outside",
)


def read_measurements(path: str | Path) -> pd.DataFrame:
    """Measurements of one edit. Raises `PalimpsestError` for a file that holds none."""
    path = Path(path)
    if not path.is_file():
        raise PalimpsestError(f"{path}: no such file; measure the edit first")
    try:
        table = pd.read_parquet(path)
    except (pyarrow.ArrowException, OSError) as problem:
        raise PalimpsestError(f"{path}: damaged, or no parquet file; measure it again") from problem
    if missing := sorted(set(NEEDED) - set(table.columns)):
        raise PalimpsestError(f"{path}: has no column {missing[0]}; measure the edit again")
    return table


def domes_table(
    measured: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Table 2: one row for each edit and method, numbers unrounded, the paper's beside ours.

    - ``modified_percent``: pixels of the source class that became a target class, of all of them;
    - ``removed_percent``: that are no longer of the source class;
    - ``converted_images_percent``: images converted, of those that show the source;
    - ``labels_kept_percent``: labels outside the source that stayed as they were;
    - ``perceptual_masked``: perceptual distance outside the source, mean over images;
    - ``realism_percent``: empty, since it needs people to judge.

    Args:
        measured: measurements by name of the edit, as `read_measurements` gives them.
        level, resamples, seed: of the intervals.
    """
    rows = []
    for edit in sorted(measured, key=lambda name: (_place(name, EDITS), name)):
        table = measured[edit]
        for method in sorted(table["method"].unique(), key=lambda name: _place(name, METHODS)):
            of_method = table[table["method"] == method].sort_values("sample")
            estimates = _estimates(of_method, level, resamples, seed)
            rows.append(
                {"edit": edit, "method": method}
                | estimates
                | dict.fromkeys(TABLE2_COLUMNS, np.nan)
                | TABLE2.get((edit, method), {})
                | {"n": len(of_method), "scale": scale}
                | {name: _only(of_method, name) for name in ("seed", "perceptual", "segmenter")}
            )
    return pd.DataFrame(rows)


def _estimates(table: pd.DataFrame, level: float, resamples: int, seed: int) -> dict[str, float]:
    """Every measure of one method with its interval."""

    def share(part: str, whole: str) -> Estimate:
        return _percent(bootstrap_ratio(table[part], table[whole], level, resamples, seed))

    shows = table[table["source_pixels"] > 0]
    converted = _percent(wilson(int(shows["converted"].sum()), len(shows), level))
    seen = table["perceptual_outside"].dropna()
    distance = bootstrap_mean(seen, level, resamples, seed)
    return {
        **_named("modified_percent", share("modified_pixels", "source_pixels")),
        **_named("removed_percent", share("removed_pixels", "source_pixels")),
        **_named("converted_images_percent", converted),
        **_named("labels_kept_percent", share("kept_pixels", "outside_pixels")),
        **_named("perceptual_masked", distance),
        **_named("realism_percent", NOTHING),
    }


def edits_table(paths: Iterable[str | Path]) -> pd.DataFrame:
    """One row for each edit file: what it is, what it reached, what it cost.

    ``change_elsewhere``: √(E‖(W₁ − W₀) k‖² / E‖W₀ k‖²), how much the layer's answer to its other
    keys moves (Eq. 5). ``bytes``: size of the file. Raises `EditError` for a file that is no edit.
    """
    rows = []
    for path in map(Path, paths):
        edit = Edit.load(path)
        told = edit.metadata
        rows.append(
            {
                "model": told.get("model", ""),
                "session": told.get("session") or path.stem,
                "layer": edit.layer,
                "rank": edit.rank,
                "method": told.get("method", ""),
                "solver": told.get("solver", ""),
                "loss_before": float(told.get("loss_before", "nan")),
                "loss_after": float(told.get("loss_after", "nan")),
                "change_elsewhere": float(told.get("relative_change", "nan")),
                "seconds": float(told.get("seconds", "nan")),
                "bytes": path.stat().st_size,
            }
        )
    return pd.DataFrame(rows)


def _named(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}


def _percent(share: Estimate) -> Estimate:
    return Estimate(*(100 * number for number in share))


def _place(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)


def _only(table: pd.DataFrame, column: str) -> str:
    """The one value that a column has in all rows; empty where there is no such column."""
    values = table[column].unique() if column in table else [""]
    if len(values) != 1:
        raise PalimpsestError(f"measurements: column {column} mixes {', '.join(map(str, values))}")
    return str(values[0])
