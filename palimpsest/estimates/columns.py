"""Estimates as columns of a table: ``x`` with its interval, ``x_low`` and ``x_high``.

estimate_columns({"removed_percent": percent(wilson(9, 10))})   # three columns of numbers
column_names("removed_percent")          # ("removed_percent", ..._low, ..._high)
estimate_of(row, "removed_percent")      # an Estimate again
only(rows, "segmenter")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.intervals import Estimate

if TYPE_CHECKING:
    import pandas as pd


def column_names(*names: str) -> tuple[str, ...]:
    """The three columns of each estimate: its name, and those of the ends of its interval."""
    return tuple(f"{name}{end}" for name in names for end in ("", "_low", "_high"))


def estimate_columns(found: Mapping[str, Estimate]) -> dict[str, float]:
    """Three columns for each estimate."""
    return {
        column: number
        for name, estimate in found.items()
        for column, number in zip(column_names(name), estimate, strict=True)
    }


def estimate_of(row: Mapping[str, float], name: str) -> Estimate:
    """The estimate that `estimate_columns` wrote into a row under ``name``."""
    return Estimate(*(float(row[column]) for column in column_names(name)))


def only(table: pd.DataFrame, column: str) -> str:
    """The one value that a column has in all rows; empty if there is no such column.

    Raises `PalimpsestError` for a column with several values.
    """
    values = table[column].unique() if column in table else [""]
    if len(values) != 1:
        raise PalimpsestError(
            f"measurements: column {column} mixes {', '.join(sorted(map(str, values)))}"
        )
    return str(values[0])


def order_key(name: str, order: Sequence[str]) -> tuple[int, str]:
    """Sorting key of a name: names of ``order`` come first, in that order, then all others."""
    return (order.index(name) if name in order else len(order)), name
