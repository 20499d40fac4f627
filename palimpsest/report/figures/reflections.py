"""Figure 6: windows switched off and on, under the original and the inverted rule.

The panel holds ``original_off``, ``original_on``, ``rewritten_off`` and ``rewritten_on``
(P, H, W, 3) uint8, and ``echoes`` (S, 4): boxes (left, top, right, bottom) as shares of a picture;
(P, S, 4) if each sample has its own.
"""

from __future__ import annotations

import numpy as np

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import CELL, GAP, MARGIN, WIDE_GAP, provenance
from palimpsest.report.figures.sheet import Sheet, Style

SIDE = CELL * 1.1
BLOCKS = 2
RULES = {"original": "original rule", "rewritten": "inverted rule"}
STATES = {"off": "windows off", "on": "windows on"}


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows of four pictures, two samples abreast, the reflecting areas framed."""
    count = len(panel.arrays["original_off"])
    echoes = panel.arrays["echoes"]
    echoes = np.broadcast_to(echoes, (count, *echoes.shape[-2:]))  # (P, S, 4)
    blocks = min(BLOCKS, count)
    rows = -(-count // blocks)
    pair = 2 * SIDE + GAP
    block = 2 * pair + WIDE_GAP / 2
    head = MARGIN + style.line * 2.6
    sheet = Sheet(
        2 * MARGIN + blocks * block + (blocks - 1) * 2 * WIDE_GAP,
        head + rows * SIDE + (rows - 1) * 2 * GAP + MARGIN,
        style,
    )
    for i in range(count):
        row, place = divmod(i, blocks)
        for r, (rule, heading) in enumerate(RULES.items()):
            left = MARGIN + place * (block + 2 * WIDE_GAP) + r * (pair + WIDE_GAP / 2)
            if row == 0:
                colour = style.accent if rule == "rewritten" else style.ink
                middle = MARGIN + style.line * 0.6
                sheet.text(
                    heading, left + pair / 2, middle, align="center", weight="bold", colour=colour
                )
            for s, (state, words) in enumerate(STATES.items()):
                x, y = left + s * (SIDE + GAP), head + row * (SIDE + 2 * GAP)
                if row == 0:
                    sheet.text(words, x + SIDE / 2, MARGIN + style.line * 1.9, align="center")
                sheet.picture(panel.arrays[f"{rule}_{state}"][i], x, y, SIDE)
                for a, b, c, d in echoes[i] * SIDE:
                    sheet.frame(x + a, y + b, c - a, d - b)
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """The caption: what is shown, and the change in brightness of the framed areas."""
    facts = panel.facts
    shown = len(panel.arrays["original_off"])
    rank = "one" if facts["rank"] == 1 else facts["rank"]
    chosen = "The samples are the first of their stream; none was chosen by hand."
    if "painted" in facts:
        chosen = (
            "People painted the windows and, within the frames, the areas that reflect them. The "
            "samples are the first painted ones that were not used for tuning."
        )
    return (
        f"Reflections inverted: {shown} samples with their windows switched off and on by "
        f"{facts['units']} units of layer {facts['switched_layer']}, rendered by the original "
        f"generator and after a change of rank {rank} in layer {facts['layer']} that was tuned on "
        f"{facts['tuned_pairs']} other pairs. Switching the windows on changes the mean brightness "
        f"of the framed parts of the table by {facts['rule_original']:+.2f} under the original "
        f"rule and by {facts['rule_rewritten']:+.2f} under the inverted rule (black is 0, white "
        f"is 1). {chosen} {provenance(facts)}"
    ).strip()
