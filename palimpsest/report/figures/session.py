"""Figure 3: a session in four steps: copy, paste, context, and the images after the edit.

The panel holds pictures (..., H, W, 3) uint8 and masks (..., H, W): ``donor`` and ``object``,
``target`` and ``place``, ``goal``, ``context`` and ``painted`` (C, ...), ``target_after``, and
``before`` and ``after`` (P, ...) of held-out samples; see `experiments.edits.session_panel`.
"""

from __future__ import annotations

import numpy as np

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import GAP, MARGIN, WIDE_GAP, provenance, session_label
from palimpsest.report.figures.sheet import Sheet, Style

TALL = 1.5
"""Side of the pictures of the first three steps."""

CONTEXT_ROWS = 2
BETWEEN = 2 * WIDE_GAP
LABEL = 0.5


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Above, from left to right: copy, paste, context; below: before and after the edit."""
    arrays = panel.arrays
    contexts, held_out = len(arrays["context"]), len(arrays["before"])
    in_a_row = -(-contexts // CONTEXT_ROWS)
    small = (TALL - (CONTEXT_ROWS - 1) * GAP) / CONTEXT_ROWS
    widths = (TALL, 2 * TALL + GAP, in_a_row * (small + GAP) - GAP)
    inner = sum(widths) + 2 * BETWEEN
    side = (inner - LABEL - BETWEEN - (held_out - 1) * GAP) / (held_out + 1)
    side = min(side, TALL)
    head = style.line * 2
    foot = style.line * 1.4
    second = MARGIN + head + TALL + foot + WIDE_GAP
    height = second + head + foot + 2 * side + GAP + MARGIN
    sheet = Sheet(inner + 2 * MARGIN, height, style)

    left, top = MARGIN, MARGIN + head
    _heading(sheet, 1, "Copy", left, MARGIN, widths[0])
    _shown(sheet, arrays["donor"], arrays["object"], "an object", left, top)
    left += widths[0] + BETWEEN
    _heading(sheet, 2, "Paste", left, MARGIN, widths[1])
    _shown(sheet, arrays["target"], arrays["place"], "its place in a target", left, top)
    _shown(sheet, arrays["goal"], None, "the goal", left + TALL + GAP, top)
    left += widths[1] + BETWEEN
    _heading(sheet, 3, "Context", left, MARGIN, widths[2])
    for i in range(contexts):
        x = left + (i % in_a_row) * (small + GAP)
        y = top + (i // in_a_row) * (small + GAP)
        sheet.picture(arrays["context"][i], x, y, small)
        sheet.outline(arrays["painted"][i], 0.5, x, y, small)
    below = top + TALL + style.line * 0.7
    sheet.text("more places that shall follow", left + widths[2] / 2, below, align="center")

    _heading(sheet, 4, "The rule follows", MARGIN, second, inner)
    _result(sheet, panel, MARGIN + LABEL, second + head, side)
    return sheet, caption(panel)


def _heading(sheet: Sheet, number: int, words: str, left: float, top: float, width: float) -> None:
    """Draw a step's number in colour, its name, and a line below them."""
    line = sheet.style.line
    middle = top + line * 0.6
    sheet.text(f"{number}", left, middle, size=1.25, weight="bold", colour=sheet.style.accent)
    sheet.text(words, left + 0.15, middle, size=1.25, weight="bold")
    sheet.rule(left, top + line * 1.55, left + width)


def _shown(
    sheet: Sheet,
    picture: np.ndarray,
    mask: np.ndarray | None,
    words: str,
    left: float,
    top: float,
) -> None:
    """Draw a picture of a step with its mask, if any, and its label."""
    sheet.picture(picture, left, top, TALL)
    if mask is not None:
        sheet.outline(mask, 0.5, left, top, TALL)
    below = top + TALL + sheet.style.line * 0.7
    sheet.text(words, left + TALL / 2, below, align="center")


def _result(sheet: Sheet, panel: Panel, left: float, top: float, side: float) -> None:
    """Rows before and after; columns: the target, then the held-out samples."""
    arrays, line = panel.arrays, sheet.style.line
    step = side + GAP
    first = top + line * 1.4
    held_out = left + side + BETWEEN
    sheet.text("the target", left + side / 2, top + line * 0.6, align="center")
    width = len(arrays["before"]) * step - GAP
    words = "held-out samples: those that match the context best"
    sheet.text(words, held_out + width / 2, top + line * 0.6, align="center")
    rows = (("before", arrays["target"]), ("after", arrays["target_after"]))
    for row, (name, target) in enumerate(rows):
        y = first + row * step
        sheet.text(name, left - 0.08, y + side / 2, align="right", weight="bold")
        sheet.picture(target, left, y, side)
        for i, picture in enumerate(arrays[name]):
            sheet.picture(picture, held_out + i * step, y, side)


def caption(panel: Panel) -> str:
    """The caption: what is shown, and which samples."""
    facts = panel.facts
    others = facts["exemplars"] - 1
    more = f"; the edit was solved for {others} more" if others else ""
    return (
        f"A session: {session_label(facts['session'])}. Copy: an object in sample "
        f"{facts['object_sample']}. Paste: the place for it in the target, sample "
        f"{facts['place_sample']}, and the goal: the object's values of layer {facts['layer']}, "
        "pasted at that place and rendered by the layers that follow. This is exemplar "
        f"{facts['exemplar'] + 1} of the session{more}. Context: all "
        f"{len(facts['context_samples'])} further places to which the session applies the rule. "
        f"Result: the target and {len(panel.arrays['before'])} held-out samples, before and after "
        f"an edit of rank {facts['rank']} (solver {facts['solver']}). The held-out samples are "
        f"those out of {facts['n']:,} whose keys score highest along the edit's "
        f"{'direction' if facts['rank'] == 1 else 'directions'}, best first; none was chosen by "
        f"hand. {provenance(facts)}"
    ).strip()
