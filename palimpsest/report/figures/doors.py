"""Figure S1: one place of open sky, unmodified and after each of the ways to put a door there.

The panel holds ``donor`` (H, W, 3) with ``object`` (H, W), ``place`` (H, W), and one array for each
way (P, H, W, 3) uint8; its facts hold the number of counted samples with a door by each way.
"""

from __future__ import annotations

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import (
    CELL,
    GAP,
    MARGIN,
    WIDE_GAP,
    column_heading,
    provenance,
)
from palimpsest.report.figures.sheet import Sheet, Style

LABEL = 1.35
COUNTS = 1.25
LABELS = {
    "unmodified": "unmodified",
    "units": "door units\nswitched on",
    "pasted": "a door's values\npasted",
    "rule": "rewritten rule",
}


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Left: the copied object; rows: ways; columns: samples; right: images with a door."""
    facts = panel.facts
    columns = len(panel.arrays["unmodified"])
    line = style.line
    head = MARGIN + line * 2
    width = columns * (CELL + GAP) - GAP
    left = MARGIN + CELL + WIDE_GAP + LABEL
    right = left + width + WIDE_GAP
    height = head + len(LABELS) * (CELL + GAP) - GAP + MARGIN
    sheet = Sheet(right + COUNTS + MARGIN, height, style)
    column_heading(sheet, "copied", MARGIN, CELL)
    sheet.picture(panel.arrays["donor"], MARGIN, head, CELL)
    sheet.outline(panel.arrays["object"], 0.5, MARGIN, head, CELL)
    column_heading(sheet, "samples whose place is open sky, the first of the stream", left, width)
    column_heading(sheet, f"a {facts['thing']} is seen in", right, COUNTS)
    for row, (way, words) in enumerate(LABELS.items()):
        top = head + row * (CELL + GAP)
        middle = top + CELL / 2
        ours = way == "rule"
        colour = style.accent if ours else style.ink
        sheet.text(
            words,
            left - 0.1,
            middle,
            align="right",
            weight="bold" if ours else "normal",
            colour=colour,
        )
        for i, picture in enumerate(panel.arrays[way]):
            sheet.picture(picture, left + i * (CELL + GAP), top, CELL)
            if way == "unmodified":
                sheet.outline(panel.arrays["place"], 0.5, left + i * (CELL + GAP), top, CELL)
        lines = (
            f"{100 * facts['seen'][way] / facts['counted']:.1f} %",
            f"({100 * facts['seen_low'][way]:.1f}–{100 * facts['seen_high'][way]:.1f})",
            f"{100 * facts['changed'][way]:.1f} % of other",
            "labels changed",
        )
        for place, said in enumerate(lines if way != "unmodified" else lines[:2]):
            sheet.text(
                said,
                right + COUNTS / 2,
                middle + (place - 1.5) * line * 1.15,
                align="center",
                colour=colour,
            )
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """The caption: what is shown, and what was counted and how."""
    facts = panel.facts
    several = (
        f"{facts['exemplars']} copied {facts['thing']}s" if facts["exemplars"] > 1 else "one copy"
    )
    return (
        f"A {facts['thing']} where it does not belong. Its place is outlined in the unmodified "
        f"samples. Below: the {facts['units']} units of layer {facts['layer']} that fit a "
        f"{facts['thing']} best, set there to what they are at {facts['thing']}s; all values of "
        f"the copied one's cells pasted there, which is what an edit of that layer can reach at "
        f"best; and a rewritten rule of rank {facts['rank']} ({facts['solver']}, {several}), which "
        f"is told neither the place nor the sample. At the right: of {facts['counted']} samples "
        f"whose place is open sky, those with a {facts['thing']} of {facts['least_pixels']:.0f} "
        f"pixels or more there, with an interval of 95 %. {facts['segmenter']} never saw a "
        f"{facts['thing']} in the sky, so the place is laid over the copied picture, where the "
        f"{facts['thing']} was, and judged there. {provenance(facts)}"
    ).strip()
