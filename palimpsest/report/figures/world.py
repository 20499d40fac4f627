"""Figure S4: scenes of a world, their exact labels, and the same scenes under each new rule.

The panel holds ``scenes`` and ``labels`` (S, H, W, 3) uint8 and, for each counterfactual, its
pictures under its own name; its facts hold ``world``, ``rules`` (names in order) and ``classes``
(name to colour #rrggbb).
"""

from __future__ import annotations

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import (
    CELL,
    GAP,
    MARGIN,
    WIDE_GAP,
    provenance,
    session_label,
)
from palimpsest.report.figures.sheet import Sheet, Style

HEADING = 1.15
"""Width in inches of the row headings."""

CLASSES_A_ROW = 7


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """A row of scenes, a row of labels with their key, and a row for each new rule."""
    rules, classes = panel.facts["rules"], panel.facts["classes"]
    rows = {"scene": panel.arrays["scenes"], "labels": panel.arrays["labels"]}
    rows |= {session_label(rule): panel.arrays[rule] for rule in rules}
    count = len(panel.arrays["scenes"])
    key = style.line * 1.5 * -(-len(classes) // CLASSES_A_ROW)
    width = 2 * MARGIN + HEADING + count * CELL + (count - 1) * GAP
    height = 2 * MARGIN + len(rows) * (CELL + GAP) + WIDE_GAP + key - GAP
    sheet = Sheet(width, height, style)
    top = MARGIN
    for heading, pictures in rows.items():
        new = heading not in ("scene", "labels")
        sheet.text(
            heading,
            MARGIN + HEADING - 0.1,
            top + CELL / 2,
            align="right",
            colour=style.accent if new else None,
        )
        for column, picture in enumerate(pictures):
            sheet.picture(picture, MARGIN + HEADING + column * (CELL + GAP), top, CELL)
        top += CELL + GAP
        if heading == "labels":
            _draw_key(sheet, classes, top + WIDE_GAP / 2, width)
            top += key + WIDE_GAP
    return sheet, caption(panel)


def _draw_key(sheet: Sheet, classes: dict[str, str], top: float, width: float) -> None:
    """Draw the key of the class colours."""
    line = sheet.style.line
    step = (width - 2 * MARGIN - HEADING) / CLASSES_A_ROW
    for number, (name, colour) in enumerate(classes.items()):
        left = MARGIN + HEADING + (number % CLASSES_A_ROW) * step
        y = top + (number // CLASSES_A_ROW) * line * 1.5 + line / 2
        sheet.text("■", left, y, colour=colour, size=1.4)
        sheet.text(name.replace("_", " "), left + 0.16, y, size=0.9)


def caption(panel: Panel) -> str:
    """The caption: what each row shows, and how the scenes were chosen."""
    facts = panel.facts
    return (
        f"The {facts['world']} world. First row: {len(panel.arrays['scenes'])} scenes, the first "
        "of the stream; none was chosen by hand. Second row: the exact class of every pixel. "
        "Below: the same scenes under each new rule, with everything else unchanged. "
        f"{provenance(facts)}"
    ).strip()
