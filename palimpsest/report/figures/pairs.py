"""Figures 7 to 12, S8 and S9: pairs before and after one edit.

The samples are those that score highest along d.
The panel holds ``before`` and ``after`` (P, H, W, 3) uint8 in the order of their scores.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import CELL, GAP, MARGIN, WIDE_GAP, provenance, session_label
from palimpsest.report.figures.sheet import Sheet, Style

PAIRS_A_ROW = 4


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """A grid of pairs, four in a row, headed `before` and `after`."""
    pictures = {name: panel.arrays[name] for name in ("before", "after")}
    return sheet_of_pairs(pictures, style, PAIRS_A_ROW), caption(panel)


def sheet_of_pairs(
    pictures: Mapping[str, np.ndarray],
    style: Style,
    in_a_row: int,
    side: float = CELL,
    accent: str | None = None,
) -> Sheet:
    """Pictures (P, H, W, 3) of two kinds side by side, ``in_a_row`` pairs in a row.

    ``pictures``: heading to pictures, left and right. ``accent``: the heading to set in colour.
    """
    count = len(next(iter(pictures.values())))
    columns = min(in_a_row, count)
    rows = -(-count // columns)
    pair = 2 * side + GAP
    head = MARGIN + style.line * 1.3
    sheet = Sheet(
        2 * MARGIN + columns * pair + (columns - 1) * WIDE_GAP,
        head + rows * side + (rows - 1) * GAP * 2 + MARGIN,
        style,
    )
    for i in range(count):
        for place, (heading, shown) in enumerate(pictures.items()):
            left = MARGIN + (i % columns) * (pair + WIDE_GAP) + place * (side + GAP)
            if i < columns:
                colour = style.accent if heading == accent else None
                middle = MARGIN + style.line / 2
                sheet.text(heading, left + side / 2, middle, align="center", colour=colour)
            sheet.picture(shown[i], left, head + (i // columns) * (side + GAP * 2), side)
    return sheet


def caption(panel: Panel) -> str:
    """The caption: what is shown, and how the samples were chosen."""
    facts = panel.facts
    rank = facts["rank"]
    directions = "direction" if rank == 1 else f"{rank} directions"
    return (
        f"{session_label(facts['session'])}: {len(panel.arrays['before'])} samples before and "
        f"after an edit of rank {rank} in layer {facts['layer']} (solver {facts['solver']}). Shown "
        f"are the samples out of {facts['n']:,} whose keys score highest along the edit's "
        f"{directions}, best first; none was chosen by hand. {provenance(facts)}"
    ).strip()
