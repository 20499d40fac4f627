"""Figure S3: a mini generator's images beside its world's renders of the same z.

The panel holds ``generated`` and ``rendered`` (S, H, W, 3) uint8.
"""

from __future__ import annotations

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import CELL, provenance
from palimpsest.report.figures.pairs import sheet_of_pairs
from palimpsest.report.figures.sheet import Sheet, Style

PAIRS_A_ROW = 6
SIDE = CELL * 0.9
MOST = 24


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Pairs of generated and rendered pictures, six in a row."""
    pictures = {name: panel.arrays[name][:MOST] for name in ("generated", "rendered")}
    sheet = sheet_of_pairs(pictures, style, PAIRS_A_ROW, SIDE, accent="generated")
    return sheet, caption(panel, len(pictures["generated"]))


def caption(panel: Panel, count: int) -> str:
    """The caption: what each pair shows, and how the samples were chosen."""
    return (
        f"Images that the mini generator makes from {count} z (left of each pair), and its world's "
        "renders of the same z (right). The samples are the first of the stream; none was chosen "
        "by hand. "
        f"{provenance(panel.facts)}"
    ).strip()
