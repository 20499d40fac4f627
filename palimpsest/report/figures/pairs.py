"""Figures 9 and 10: pairs before and after one edit, the samples that score highest along d.

The panel holds ``before`` and ``after`` (P, H, W, 3) uint8 in the order of their scores.
"""

from __future__ import annotations

from palimpsest.report.figures.layout import CELL, GAP, MARGIN, WIDE_GAP, provenance, session_label
from palimpsest.report.figures.sheet import Sheet, Style
from palimpsest.report.panel_files import Panel

PAIRS_A_ROW = 4


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """A grid of pairs, four in a row, headed `before` and `after`."""
    before, after = panel.arrays["before"], panel.arrays["after"]
    columns = min(PAIRS_A_ROW, len(before))
    rows = -(-len(before) // columns)
    pair = 2 * CELL + GAP
    head = MARGIN + style.line * 1.3
    sheet = Sheet(
        2 * MARGIN + columns * pair + (columns - 1) * WIDE_GAP,
        head + rows * CELL + (rows - 1) * GAP * 2 + MARGIN,
        style,
    )
    for i in range(len(before)):
        left = MARGIN + (i % columns) * (pair + WIDE_GAP)
        top = head + (i // columns) * (CELL + GAP * 2)
        if i < columns:
            middle = MARGIN + style.line / 2
            sheet.text("before", left + CELL / 2, middle, align="center")
            sheet.text("after", left + CELL * 1.5 + GAP, middle, align="center")
        sheet.picture(before[i], left, top, CELL)
        sheet.picture(after[i], left + CELL + GAP, top, CELL)
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """What one sees, on how many samples."""
    facts = panel.facts
    rank = facts["rank"]
    directions = "one direction" if rank == 1 else f"{rank} directions"
    return (
        f"{session_label(facts['session'])}: {len(panel.arrays['before'])} samples before and "
        f"after an edit of rank {rank} in layer {facts['layer']} ({facts['solver']}). Shown are "
        f"the samples whose keys score highest along the edit's {directions} out of "
        f"{facts['n']:,}, best first; none was chosen by hand. {provenance(facts)}"
    ).strip()
