"""Figure 5: watermarks, unmodified, after silencing units, and after a rank-one rule.

The panel holds ``unmodified`` and one array for each method (S, H, W, 3) uint8; its facts hold the
mark of each column, and by method the number of images in which a mark is seen.
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

LABEL = 1.05
COUNTS = 1.05
PLACE_LABELS = {"middle": "letters in the middle", "bottom": "letters at the bottom"}
LABELS = {
    "unmodified": "unmodified",
    "zero_30_units": "30 units\nsilenced",
    "zero_60_units": "60 units\nsilenced",
    "rank_one": "rank-one\nrule",
    "rank_one_30_units": "rank-one rule,\n30 units",
    "rank_one_images": "rank-one rule,\nby images",
    "rank_one_each": "a rule for\neach mark",
    "oracle_rank_one": "rank-one oracle\n(knows the truth)",
}


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: methods; columns: images with each mark; right: share of images with a mark."""
    facts = panel.facts
    methods, places, columns = facts["methods"], facts["places"], facts["columns"]
    pictures = {method: panel.arrays[method] for method in methods}
    blocks = [len(samples) * (CELL + GAP) - GAP for samples in columns]
    head = MARGIN + style.line * 2
    right = MARGIN + LABEL + sum(blocks) + WIDE_GAP * len(blocks)
    height = head + len(methods) * (CELL + GAP) - GAP + MARGIN
    sheet = Sheet(right + COUNTS + MARGIN, height, style)
    left, first = MARGIN + LABEL, 0
    for place, samples, width in zip(places, columns, blocks, strict=True):
        column_heading(sheet, PLACE_LABELS.get(place, place), left, width)
        for row, method in enumerate(methods):
            for i in range(len(samples)):
                top = head + row * (CELL + GAP)
                sheet.picture(pictures[method][first + i], left + i * (CELL + GAP), top, CELL)
        left, first = left + width + WIDE_GAP, first + len(samples)
    column_heading(sheet, "seen in", right, COUNTS)
    for row, method in enumerate(methods):
        middle = head + row * (CELL + GAP) + CELL / 2
        ours = method.startswith("rank_one")
        sheet.text(
            LABELS.get(method, method.replace("_", " ")),
            MARGIN + LABEL - 0.1,
            middle,
            align="right",
            weight="bold" if ours else "normal",
            colour=style.accent if ours else style.ink,
        )
        for line, (place, count) in enumerate(zip(places, facts["seen"][method], strict=True)):
            words = f"{place} {100 * count / facts['n']:.1f} %"
            sheet.text(
                words,
                right + COUNTS / 2,
                middle + (line - 0.5) * style.line * 1.2,
                align="center",
                colour=style.accent if ours else style.ink,
            )
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """The caption: what is shown, how the images were chosen, and the numbers of units."""
    facts = panel.facts
    silenced = [
        f"{facts['units'][method]} for {LABELS[method].split()[0]}"
        for method in facts["methods"]
        if facts["units"][method]
        and method in LABELS
        and str(facts["units"][method]) != LABELS[method].split()[0]
    ]
    layers = sorted({number for number in facts["layer"].values() if number is not None})
    where = f"layer {', '.join(map(str, layers))}"
    scaled = (
        " The numbers of units in the labels are the paper's, of a layer of 512 units; here the "
        f"same share of the layer is silenced ({', '.join(silenced)})."
        if silenced
        else ""
    )
    lacking = (
        " Where these are too few, the first other samples fill the row."
        if facts["bearing"] != [len(samples) for samples in facts["columns"]]
        else ""
    )
    return (
        "Letters over pictures at two places, as the generator learned them, unmodified and after "
        f"every method of Table 3 in {where}. Each row is a method, each column a sample. Shown "
        "are the first samples of the stream in which the detector sees letters in the middle, "
        "and then the first others with letters at the bottom; none was chosen by hand."
        f"{lacking} Right: the percentage of all images in which {facts['segmenter']} sees each "
        f"watermark.{scaled} {provenance(facts)}"
    ).strip()
