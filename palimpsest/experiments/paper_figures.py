"""Figures that the paper published (Bau et al., ECCV 2020), typed in to stand beside ours.

    paper = read_paper_figures("data/paper_figures/table2_domes.csv", TABLE2)
    paper["dome2spire", "projected_gradient"]       # {"paper_modified_percent": ..., ...}

The files hold a row for each row of the paper's tables. What nobody typed in from the paper itself
is empty there, and stays empty beside ours.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from os import PathLike

from palimpsest.errors import ParameterError
from palimpsest.methods import registry

PaperFigures = Mapping[tuple[str, ...], Mapping[str, float]]
"""By the keys of a row: its figures by the column of ours that they stand in."""

EDITS = ("dome2spire", "dome2tree")
"""Edits of Table 2, in the paper's order."""

METHODS = tuple(name for name, method in registry.METHODS.items() if method.in_paper)
"""Rows of Tables 1 and 2, in the paper's order; the first is the paper's own method."""

MARK_METHODS = ("zero_30_units", "zero_60_units", "rank_one", "unmodified")
"""Rows of Table 3, in the paper's order."""


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper: names of its ``keys``, its ``rows`` by their keys, its ``figures``."""

    keys: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of our tables in which the figures stand."""
        return tuple(f"paper_{figure}" for figure in self.figures)


TABLE1 = PaperTable(
    ("method",),
    tuple((method,) for method in METHODS),
    ("smiling_percent", "lpips_masked", "realism_percent"),
)
"""Images classified as smiling, LPIPS outside the mouth, and in how many of the comparisons people
found the image more realistic than that of the paper's method."""

TABLE2 = PaperTable(
    ("edit", "method"),
    tuple(product(EDITS, METHODS)),
    ("modified_percent", "lpips_masked", "realism_percent"),
)
"""The same with the dome pixels that were correctly modified, and LPIPS outside the domes."""

TABLE3 = PaperTable(
    ("method",),
    tuple((method,) for method in MARK_METHODS),
    ("middle_count", "bottom_count"),
)
"""Marks counted in 1,000 images."""


def read_paper_figures(path: str | PathLike[str], table: PaperTable) -> PaperFigures:
    """What was typed into the file ``path`` of ``table``; rows without a figure are left out.

    Raises `ParameterError` for other columns and, naming the line, for a row that the paper's table
    has not or that stands twice, and what is no figure: below zero, not finite, over 100 per cent.
    """
    found: dict[tuple[str, ...], dict[str, float]] = {}
    seen: set[tuple[str, ...]] = set()
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        expected = [*table.keys, *table.figures]
        if reader.fieldnames != expected:
            raise ParameterError(f"{path}: its columns must be {', '.join(expected)}")
        for row in reader:
            place = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise ParameterError(f"{place}: {len(expected)} columns wanted")
            key = tuple(row[name] for name in table.keys)
            if key not in table.rows:
                raise ParameterError(f"{place}: the paper's table has no row {' '.join(key)}")
            if key in seen:
                raise ParameterError(f"{place}: {' '.join(key)} stands there twice")
            seen.add(key)
            typed = {name: row[name] for name in table.figures if row[name]}
            figures = {f"paper_{name}": _figure(place, name, typed[name]) for name in typed}
            if figures:
                found[key] = figures
    return found


def _figure(place: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ParameterError(f"{place}: {name} {text!r} is no number") from None
    most = 100.0 if name.endswith("_percent") else math.inf
    if not (math.isfinite(value) and 0 <= value <= most):
        raise ParameterError(f"{place}: {name} cannot be {text}")
    return value
