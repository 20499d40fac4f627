"""The report's view of a result table: each estimate with its interval and the paper's figure
beside it.

`view_table` merges the columns ``x``, ``x_low``, ``x_high`` and ``paper_x`` of the CSV into one,
moves columns with one value into a note, and rounds numbers.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from palimpsest.errors import PalimpsestError
from palimpsest.methods.registry import METHODS

LABELS = {
    "method": "method",
    "session": "session",
    "modified_percent": "dome pixels turned target",
    "removed_percent": "dome pixels gone",
    "converted_images_percent": "images converted",
    "labels_kept_percent": "labels kept outside",
    "perceptual_masked": "perceptual distance outside",
    "lpips_masked": "LPIPS outside",
    "realism_percent": "rated more realistic",
    "smiling_percent": "smiling",
    "smiling_corrected_percent": "smiling, corrected for the classifier’s errors",
    "counterfactual_error": "distance to the counterfactual",
    "critic_drop": "critic’s drop, where it changes",
    "critic_drop_outside": "critic’s drop elsewhere",
    "preferred_percent": "counterfactual preferred",
    "counterfactual_drop": "drop of the counterfactual",
    "spoilt_drop": "drop of the spoilt one",
    "nearer_percent": "images nearer to it than before",
    "generator_error": "the generator’s own distance, without an edit",
    "frechet_new_rule": "Fréchet distance to renders of the new rule (not realism)",
    "perceptual_error": "perceptual error",
    "pixel_error": "pixel error",
    "begin_smiling_percent": "begin to smile",
    "stop_smiling_percent": "stop smiling",
    "perceptual_outside_mouth": "perceptual change outside the mouth",
    "pixel_outside_mouth": "pixel change there",
    "sticker_error": "error in the sticker",
    "changed_error": "distance to it where the rule changes it",
    "changed_pixel_error": "pixel error there",
    "n_not_smiling": "n that do not smile",
    "n_stickers": "n with a sticker",
    "middle_count": "words left in the middle",
    "bottom_count": "strips left at the bottom",
    "middle_seen": "words seen",
    "bottom_seen": "strips seen",
    "perceptual_outside": "perceptual distance outside the marks",
    "reflection_with_window": "echo with windows",
    "reflection_without_window": "echo without",
    "reflection_rule": "the rule: with minus without",
    "inverted_percent": "inverted",
    "scene_rule": "the rule, windows by z",
    "scene_inverted_percent": "inverted, windows by z",
    "window_seen_percent": "window seen, switched on",
    "empty_seen_percent": "window seen, switched off",
    "change_elsewhere_percent": "change elsewhere",
    "before_percent": "seen before",
    "after_percent": "seen after",
    "own_copied_percent": "seen of a real one copied there",
    "carried_before_percent": "before, carried",
    "carried_after_percent": "after, carried",
    "elsewhere_percent": "other labels changed",
    "mu": "μ, weight on the rest",
    "exemplars": "pasted examples",
    "n_showing": "n that show it",
    "loss_before": "loss before",
    "loss_after": "loss after",
    "change_elsewhere": "change elsewhere",
    "seconds": "seconds",
    "bytes": "size",
    "fid": "Fréchet distance",
    "relative": "as a share of the spread",
    "crop_pixels": "piece, pixels",
    "crop_cells": "piece, keys",
    "layers": "layers named",
    "best_layer": "best layer by the edit",
    "best_turned_percent": "turned target there",
    "turned_percent": "turned target",
    "predicted": "predicted by the probe",
    "frechet": "Fréchet distance",
    "frechet_photographs": "Fréchet distance to held-out photographs",
}

NAMES = {
    "photo_faces": "photographed faces",
    "dome2spire": "dome → spire",
    "dome2tree": "dome → tree",
    **{name: method.label for name, method in METHODS.items()},
    "best_z": "best z",
    "best_w": "best w, one a layer",
    "adapted": "weights adapted",
    "edited": "under the rule",
    "switched": "units switched",
    "zero_30_units": "30 units silenced",
    "zero_60_units": "60 units silenced",
    "rank_one": "rank-one rule",
    "rank_one_images": "rank-one rule, by images",
    "rank_one_each": "a rule for each mark",
    "oracle_rank_one": "rank-one oracle (knows the truth)",
}

DASH = "–"

GROUPS = ("edit", "model", "generator")
"""Columns that group rows; a table is grouped by those that it has."""


@dataclass(frozen=True)
class Cell:
    """One cell: the value, its interval, and the paper's value, as text."""

    value: str
    interval: str = ""
    paper: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Column:
    """A column's heading; ``compares``: whether it shows the paper's figures."""

    heading: str
    is_number: bool
    compares: bool


@dataclass(frozen=True)
class TableView:
    """A table to show: (heading, rows of cells) of each group; heading "" for no groups.

    The columns that group rows (`GROUPS`) are not shown.
    """

    name: str
    columns: tuple[Column, ...]
    groups: tuple[tuple[str, tuple[tuple[Cell, ...], ...]], ...]
    note: str

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """All rows in order."""
        return tuple(row for _, rows in self.groups for row in rows)


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Rows of a CSV as text by column. Raises `PalimpsestError` for no CSV or no rows."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as problem:
        raise PalimpsestError(
            f"{path}: not a CSV file ({problem}); make the table again"
        ) from problem
    if not rows:
        raise PalimpsestError(f"{path}: holds no rows; make the table again")
    return rows


def view_table(name: str, rows: list[dict[str, str]]) -> TableView:
    """The view of a table's ``rows`` (see the module)."""
    names = list(rows[0])
    grouping = [name for name in GROUPS if name in names]
    # a table of one model or of one edit says so once
    told = [name for name in grouping if len({row[name] for row in rows}) > 1] or grouping[:1]
    folded = {n for n in names if n.removesuffix("_low") in names and n.endswith("_low")}
    folded |= {n for n in names if n.removesuffix("_high") in names and n.endswith("_high")}
    papers = {n for n in names if n.startswith("paper_")}
    shown, same, absent = [], [], []
    for column in names:
        if column in folded or column in papers or column in told:
            continue
        values = {row[column] for row in rows}
        paper_says = any(row.get(f"paper_{column}") for row in rows)
        if values == {""} and not paper_says:
            absent.append(heading(column))
        elif paper_says or column in ("method", "session"):
            shown.append(column)
        elif len(rows) > 1 and len(values) == 1:
            same.append(f"{heading(column)}: {show(column, rows[0][column])}")
        else:
            shown.append(column)
    # a figure of the paper whose measure we do not have gets its own column
    alone = [p for p in papers if p.removeprefix("paper_") not in names]
    shown += [p for p in names if p in alone and any(row[p] for row in rows)]
    groups = tuple(
        (
            ", ".join(show(column, name) for column, name in zip(told, of, strict=True) if name),
            tuple(_cells(shown, row) for row in together),
        )
        for of, together in groupby(rows, key=lambda row: [row[column] for column in told])
    )
    columns = tuple(
        Column(
            heading(column),
            any(number(row[column]) is not None for row in rows),
            any(row.get(f"paper_{column}") for row in rows),
        )
        for column in shown
    )
    notes = [f"Same in all rows: {'; '.join(same)}."] if same else []
    notes += [f"Not measured: {', '.join(absent)}."] if absent else []
    if papers and not any(row[p] for p in papers for row in rows):
        notes.append("No figure of the paper was entered for this table.")
    return TableView(name, columns, groups, " ".join(notes))


def heading(column: str) -> str:
    """A column's name for readers."""
    if column.startswith("paper_"):
        return f"paper: {heading(column.removeprefix('paper_'))}"
    unit = " (%)" if column.endswith("_percent") else ""
    plain = column.removesuffix("_percent").replace("_", " ")
    return LABELS.get(column, plain) + unit


def show(column: str, text: str) -> str:
    """A value as text: percentages to a tenth, small numbers to three figures."""
    value = number(text)
    if value is None:
        plain = text.replace("_", " ") if column in ("method", "edit") else text
        return DASH if text in ("", "nan") else NAMES.get(text, plain)
    if column == "bytes":
        return f"{value / 1e6:.1f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"
    if "percent" in column:
        return f"{value:.1f}"
    if value.is_integer() and abs(value) < 1e15:
        return f"{int(value):,}" if column == "n" or "." not in text else f"{int(value)}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3g}"


def _cells(columns: list[str], row: dict[str, str]) -> tuple[Cell, ...]:
    return tuple(_cell(column, row) for column in columns)


def _cell(column: str, row: dict[str, str]) -> Cell:
    low, high = row.get(f"{column}_low", ""), row.get(f"{column}_high", "")
    interval = f"{show(column, low)} to {show(column, high)}" if low and high else ""
    paper = row.get(f"paper_{column}")
    return Cell(
        show(column, row[column]),
        interval,
        "" if paper is None else show(column, paper),
        number(row[column]) is not None,
    )


def number(text: str) -> float | None:
    """``text`` as a finite number; None if it is not one."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
