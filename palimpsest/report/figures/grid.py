"""Figure S3: what a mini generator makes beside what its world renders from the same z.

The panel holds ``generated`` and ``rendered`` (S, H, W, 3) uint8.
"""

from __future__ import annotations

from palimpsest.report.figures.layout import CELL, GAP, MARGIN, WIDE_GAP, provenance
from palimpsest.report.figures.sheet import Sheet, Style
from palimpsest.report.panel_files import Panel

PAIRS_A_ROW = 6
SIDE = CELL * 0.9
MOST = 24


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Pairs of generated and rendered pictures, six in a row."""
    generated, rendered = panel.arrays["generated"][:MOST], panel.arrays["rendered"][:MOST]
    columns = min(PAIRS_A_ROW, len(generated))
    rows = -(-len(generated) // columns)
    pair = 2 * SIDE + GAP
    head = MARGIN + style.line * 1.3
    sheet = Sheet(
        2 * MARGIN + columns * pair + (columns - 1) * WIDE_GAP,
        head + rows * SIDE + (rows - 1) * GAP * 2 + MARGIN,
        style,
    )
    for i in range(len(generated)):
        left = MARGIN + (i % columns) * (pair + WIDE_GAP)
        top = head + (i // columns) * (SIDE + GAP * 2)
        if i < columns:
            middle = MARGIN + style.line / 2
            sheet.text("generated", left + SIDE / 2, middle, align="center", colour=style.accent)
            sheet.text("rendered", left + SIDE * 1.5 + GAP, middle, align="center")
        sheet.picture(generated[i], left, top, SIDE)
        sheet.picture(rendered[i], left + SIDE + GAP, top, SIDE)
    return sheet, caption(panel, len(generated))


def caption(panel: Panel, count: int) -> str:
    """What one sees."""
    return (
        f"What the mini generator makes of {count} z (left of each pair), and what its world "
        "renders from the same z (right): the first samples of the stream, none chosen by hand. "
        f"{provenance(panel.facts)}"
    ).strip()
