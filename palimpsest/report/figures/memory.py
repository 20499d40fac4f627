"""Figure 2: a layer as a memory: the places that a key matches, and the values there.

The panel holds, for P samples best match first: ``images`` (P, H, W, 3) uint8, ``heat`` (P, h, w)
float32 (the match of each key with the context direction), ``level`` () above which a place counts
as a match, ``places`` (P, 4) int: the window shown below in key cells, ``in_place`` and ``alone``
(P, H', W', 3) uint8: that window of the image, and the window's values rendered without the rest;
and ``context`` (C, H, W, 3) with ``painted`` (C, H, W) float32, the masks of the context.
"""

from __future__ import annotations

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import CELL, GAP, MARGIN, WIDE_GAP, provenance
from palimpsest.report.figures.sheet import Sheet, Style

LABEL = 1.0
SIDE = CELL * 1.1


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: painted context; best matches outlined; a matched window; its values alone."""
    arrays = panel.arrays
    images, heat, context = arrays["images"], arrays["heat"], arrays["context"]
    columns = max(len(images), len(context))
    step = SIDE + GAP
    tops = [MARGIN, MARGIN + step + WIDE_GAP]
    tops += [tops[1] + step + WIDE_GAP]
    tops += [tops[2] + step]
    sheet = Sheet(
        2 * MARGIN + LABEL + columns * step - GAP, tops[3] + SIDE + MARGIN + style.line, style
    )
    left = MARGIN + LABEL
    labels = (
        "painted as\ncontext",
        "best matches\nof the key",
        "matched\nplace",
        "its values\nrendered\nalone",
    )
    for label, top in zip(labels, tops, strict=True):
        sheet.text(label, left - 0.1, top + SIDE / 2, align="right")
    for i in range(len(context)):
        sheet.picture(context[i], left + i * step, tops[0], SIDE)
        sheet.outline(arrays["painted"][i], 0.5, left + i * step, tops[0], SIDE)
    for i in range(len(images)):
        x = left + i * step
        sheet.picture(images[i], x, tops[1], SIDE)
        sheet.outline(heat[i], float(arrays["level"]), x, tops[1], SIDE)
        sheet.picture(arrays["in_place"][i], x, tops[2], SIDE)
        sheet.picture(arrays["alone"][i], x, tops[3], SIDE)
        rank = panel.facts["ranks"][i]
        sheet.text(f"rank {rank}", x + SIDE / 2, tops[3] + SIDE + style.line * 0.8, align="center")
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """The caption: what each row shows, and the level above which a match is outlined."""
    facts = panel.facts
    rows, columns = panel.arrays["heat"].shape[1:]
    others = "with keys of zero in" if facts.get("among_zeros") else "without"
    window = panel.arrays["places"][0]
    return (
        f"A layer as a memory. First row: the places painted as the context of {facts['session']}. "
        f"Second row: the samples out of {facts['n']:,} whose keys match the context's key best; "
        f"outlined are the places whose match is above the {facts['level_percent']:g} % quantile "
        "over all places of all samples. Third row: the part of the image at the "
        f"{window[2] - window[0]} x {window[3] - window[1]} cells around the best match; layer "
        f"{facts['layer']} has {rows} x {columns} cells. Last row: the values of these cells, "
        f"rendered by the layers that follow {others} the rest of the image; this is what the key "
        f"retrieves. {provenance(facts)}"
    ).strip()
