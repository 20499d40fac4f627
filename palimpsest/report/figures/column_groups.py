"""Columns of pictures in groups, with a heading over each group and each column.

    groups = [Group("the original", (Column("render", "not trained on"),), side=1.0), ...]
    width = total_width(groups)
    draw_headings(sheet, groups, left=0.5, bottom=1.2)
    for group, column, left in placed(groups, left=0.5): ...

All lengths are inches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from palimpsest.report.figures.layout import GAP, WIDE_GAP
from palimpsest.report.figures.sheet import Sheet

BETWEEN = WIDE_GAP * 1.4
"""Space between groups."""

HEADING_LINES = 5.0
"""Height of the headings in lines of text: two of the groups, two of the columns, and space."""


@dataclass(frozen=True)
class Column:
    """The pictures ``name`` of a panel, under ``words`` of at most two lines.

    ``edited``: they show an edit, which the colour of the heading says.
    """

    name: str
    words: str
    edited: bool = False


@dataclass(frozen=True)
class Group:
    """Columns under one heading of at most two lines; their pictures are ``side`` wide.

    ``enlarged``: the columns show a part of pictures that other columns show whole.
    """

    heading: str
    columns: tuple[Column, ...]
    side: float
    enlarged: bool = False

    @property
    def width(self) -> float:
        return len(self.columns) * (self.side + GAP) - GAP

    @property
    def edited(self) -> bool:
        return all(column.edited for column in self.columns)


def total_width(groups: Sequence[Group]) -> float:
    """Width of all groups with the space between them."""
    return sum(group.width for group in groups) + (len(groups) - 1) * BETWEEN


def placed(groups: Sequence[Group], left: float) -> Iterator[tuple[Group, Column, float]]:
    """Each column with its group and the left edge of its pictures."""
    for group in groups:
        for i, column in enumerate(group.columns):
            yield group, column, left + i * (group.side + GAP)
        left += group.width + BETWEEN


def draw_headings(sheet: Sheet, groups: Sequence[Group], left: float, bottom: float) -> None:
    """Write both levels above ``bottom``, the upper edge of the first pictures."""
    style = sheet.style
    ruled = bottom - style.line * 2.6
    for group, column, x in placed(groups, left):
        if column is group.columns[0]:
            sheet.text(
                group.heading,
                x + group.width / 2,
                ruled - style.line * 0.3,
                align="center",
                valign="bottom",
                weight="bold",
                colour=style.accent if group.edited else style.ink,
            )
            sheet.rule(x, ruled, x + group.width)
        sheet.text(
            column.words,
            x + group.side / 2,
            bottom - style.line * 1.3,
            align="center",
            size=0.95,
            colour=style.accent if column.edited else style.ink,
        )
