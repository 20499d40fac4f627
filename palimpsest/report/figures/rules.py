"""Figure 1: several rules rewritten in one model, in succession.

The panel holds ``images`` (K + 1, S, H, W, 3) uint8 of S samples: by the original, and after each
of K edits on top of those before.
"""

from __future__ import annotations

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import CELL, GAP, MARGIN, WIDE_GAP, provenance, session_label
from palimpsest.report.figures.sheet import Sheet, Style

SIDE = CELL * 1.35
ABREAST = 6


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Columns: the original and each edit in succession; rows: samples, in two blocks if many."""
    images = panel.arrays["images"]
    steps, samples = images.shape[:2]
    blocks = 2 if samples > 3 and 2 * steps <= 8 else 1
    rows = -(-samples // blocks)
    side = SIDE if blocks == 1 else CELL * 1.2
    block = steps * side + (steps - 1) * GAP
    head = MARGIN + style.line * 1.6
    sheet = Sheet(
        2 * MARGIN + blocks * block + (blocks - 1) * WIDE_GAP * 1.5,
        head + rows * side + (rows - 1) * GAP + MARGIN,
        style,
    )
    headings = ["original", *(session_label(name) for name in panel.facts["sessions"])]
    for b in range(blocks):
        left = MARGIN + b * (block + WIDE_GAP * 1.5)
        for s, heading in enumerate(headings):
            middle = left + s * (side + GAP) + side / 2
            sheet.text(
                heading,
                middle,
                MARGIN + style.line * 0.6,
                align="center",
                weight="bold" if s == 0 else "normal",
                colour=style.ink if s == 0 else style.accent,
            )
            for r in range(rows):
                i = b * rows + r
                if i < samples:
                    top = head + r * (side + GAP)
                    sheet.picture(images[s, i], left + s * (side + GAP), top, side)
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """The caption: what is shown, and what was checked with the panel."""
    facts = panel.facts
    names = ", then ".join(session_label(name) for name in facts["sessions"])
    ranks = ", ".join(str(rank) for rank in facts["ranks"])
    closing = (
        f"Removing the {len(facts['sessions'])} edits, in each of {facts['orders_checked']} "
        "orders, gave back the original weights bit for bit."
        if facts["restored"]
        else "Removing the edits did NOT give back the original weights."
    )
    layers = sorted(set(facts["layers"]))
    where = f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers}"
    return (
        f"Rules of one model rewritten in succession: {names} (ranks {ranks}; {where}). Each "
        "column is rendered with its own edit and those of the columns to its left. The samples "
        f"are those out of {facts['n']:,} that match the directions of all edits best; none was "
        f"chosen by hand. {closing} {provenance(facts)}"
    ).strip()
