"""The paper's own figures (Bau et al., ECCV 2020, Tables 1 to 3), which stand beside ours.

    paper = read_paper_figures("data/paper_figures/table2_domes.csv", TABLE2)
    paper["dome2spire", "projected_gradient"]       # {"paper_modified_percent": ..., ...}

Each file holds a row for each row of the paper's table. A cell is empty where the paper has a dash
or no such column; the cell beside our figure is then empty too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from palimpsest.errors import ParameterError
from palimpsest.files.typed_rows import BlankIsNone, TypedRow, read_typed_rows
from palimpsest.methods import registry

PaperFigures = Mapping[tuple[str, ...], Mapping[str, float]]
"""Keys of a row to its figures, by the column of our table that holds them."""

REMEDY = "type in the paper's table again"

EDITS = ("dome2spire", "dome2tree")
"""Edits of Table 2, in the paper's order."""

METHODS = tuple(name for name, method in registry.METHODS.items() if method.in_paper)
"""Rows of Tables 1 and 2, in the paper's order; the first is the paper's own method."""

MARK_METHODS = ("zero_30_units", "zero_60_units", "rank_one", "unmodified")
"""Rows of Table 3, in the paper's order."""


Percent = Annotated[Annotated[float, Field(ge=0, le=100)] | None, BlankIsNone]
Distance = Annotated[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None, BlankIsNone]
Images = Annotated[Annotated[int, Field(ge=0)] | None, BlankIsNone]
"""A figure of the paper; blank where the paper has none."""


class SmileFigures(TypedRow):
    """A row of Table 1."""

    model_config = ConfigDict(extra="forbid")
    method: str
    smiling_percent: Percent
    lpips_masked: Distance
    realism_percent: Percent


class DomeFigures(TypedRow):
    """A row of Table 2."""

    model_config = ConfigDict(extra="forbid")
    edit: str
    method: str
    modified_percent: Percent
    lpips_masked: Distance
    realism_percent: Percent


class MarkFigures(TypedRow):
    """A row of Table 3."""

    model_config = ConfigDict(extra="forbid")
    method: str
    middle_count: Images
    bottom_count: Images


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper: names of its ``keys``, its ``rows`` by key, the ``model`` of a row."""

    keys: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    model: type[TypedRow]

    @property
    def figures(self) -> tuple[str, ...]:
        """Columns of the file that hold figures."""
        return tuple(name for name in self.model.model_fields if name not in self.keys)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of our tables that hold the paper's figures."""
        return tuple(f"paper_{figure}" for figure in self.figures)


TABLE1 = PaperTable(("method",), tuple((method,) for method in METHODS), SmileFigures)
"""Share of images classified as smiling, LPIPS outside the mouth, share of judgements that found
the image more realistic than that of the paper's method."""

TABLE2 = PaperTable(("edit", "method"), tuple(product(EDITS, METHODS)), DomeFigures)
"""Share of dome pixels that became a target class, LPIPS outside the domes; realism as in Table
1."""

TABLE3 = PaperTable(("method",), tuple((method,) for method in MARK_METHODS), MarkFigures)
"""Visible marks in 1,000 images."""


def read_paper_figures(path: str | PathLike[str], table: PaperTable) -> PaperFigures:
    """The figures in a file of ``table``; rows without a figure are left out.

    Raises `ParameterError`, naming file and row, for wrong columns, a row that the paper's table
    does not have, a row that occurs twice, and a figure that is out of range.
    """
    found: dict[tuple[str, ...], dict[str, float]] = {}
    seen: set[tuple[str, ...]] = set()
    for place, row in read_typed_rows(Path(path), table.model, REMEDY, ParameterError):
        key = tuple(getattr(row, name) for name in table.keys)
        if key not in table.rows:
            raise ParameterError(f"{place}: the paper's table has no row {' '.join(key)}")
        if key in seen:
            raise ParameterError(f"{place}: {' '.join(key)} occurs twice")
        seen.add(key)
        typed = {name: getattr(row, name) for name in table.figures}
        figures = {f"paper_{name}": float(n) for name, n in typed.items() if n is not None}
        if figures:
            found[key] = figures
    return found
