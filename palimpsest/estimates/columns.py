"""Estimates as columns of a table: a name, its `_low` and its `_high`.

estimate_columns({"removed_percent": percent(wilson(9, 10))})
only(rows, "segmenter")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from palimpsest.errors import PalimpsestError
from palimpsest.estimates.intervals import Estimate


def estimate_columns(found: Mapping[str, Estimate]) -> dict[str, float]:
    """Three columns for each estimate."""
    return {
        f"{name}{end}": number
        for name, estimate in found.items()
        for end, number in zip(("", "_low", "_high"), estimate, strict=True)
    }


def percent(share: Estimate) -> Estimate:
    """A share and its interval, in per cent."""
    return Estimate(*(100 * number for number in share))


def only(table: pd.DataFrame, column: str) -> str:
    """The one value that a column has in all rows; empty where there is no such column.

    Raises `PalimpsestError` for a column with several.
    """
    values = table[column].unique() if column in table else [""]
    if len(values) != 1:
        raise PalimpsestError(
            f"measurements: column {column} mixes {', '.join(sorted(map(str, values)))}"
        )
    return str(values[0])


def place(name: str, order: Sequence[str]) -> tuple[int, str]:
    """What to sort names by: those of ``order`` first, in it, then the others."""
    return (order.index(name) if name in order else len(order)), name
