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
    """The caption: what each row shows, and what was counted and how."""
    facts = panel.facts
    thing = facts["thing"]
    several = f"{facts['exemplars']} copied {thing}s" if facts["exemplars"] > 1 else "one copy"
    return (
        f"A {thing} where it does not belong. Left: the copied {thing}, outlined. First row: "
        f"unmodified samples, with the place for the {thing} outlined. Second row: the "
        f"{facts['units']} units of layer {facts['layer']} that fit a {thing} best, set at that "
        f"place to their values at {thing}s. Third row: all values of the copied {thing}'s cells "
        "pasted at that place, the best that an edit of this layer can reach. Last row: a "
        f"rewritten rule of rank {facts['rank']} (solver {facts['solver']}, {several}), which "
        "depends neither on the place nor on the sample. At the right: the percentage of "
        f"{facts['counted']} samples with open sky at the place that show a {thing} of "
        f"{facts['least_pixels']:.0f} pixels or more there, with a 95 % interval, and the "
        f"percentage of labels elsewhere that changed. {facts['segmenter']} was not trained on "
        f"{thing}s in the sky. Therefore the pixels of the place are copied over the {thing} in "
        f"the picture at the left, and labelled there. {provenance(facts)}"
    ).strip()
