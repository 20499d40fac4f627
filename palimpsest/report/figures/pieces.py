"""Figures 14, 15, 17 and 18: pieces rendered from every layer alone, with their whole images.

The panel is that of `experiments.layers.pieces_panel`: columns are samples, rows are layers.
"""

from __future__ import annotations

from palimpsest.files.panels import Panel
from palimpsest.report.figures.layout import CELL, GAP, MARGIN, WIDE_GAP, provenance
from palimpsest.report.figures.sheet import Sheet, Style

LABEL = 0.95
DISTANCE = 0.55
SIDE = CELL * 0.8

KINDS = {"stylegan2": "StyleGAN2", "progressive": "Progressive GAN"}


def draw(panel: Panel, style: Style) -> tuple[Sheet, str]:
    """Rows: images with the piece framed; the piece in the image; the piece from each layer."""
    arrays = panel.arrays
    images, size, layers = arrays["images"], panel.facts["size"], arrays["layers"]
    step = SIDE + GAP
    left = MARGIN + LABEL
    head = MARGIN + style.line
    tops = [head, head + step + WIDE_GAP]
    tops += [tops[1] + step + WIDE_GAP + row * step for row in range(len(layers))]
    width = left + len(images) * step - GAP + DISTANCE + MARGIN
    sheet = Sheet(width, tops[-1] + SIDE + MARGIN, style)

    def label(words: str, top: float) -> None:
        sheet.text(words, left - 0.1, top + SIDE / 2, align="right")

    right = left + len(images) * step + 0.05
    sheet.text("distance", right, tops[2] - style.line * 0.6)
    label("whole image", tops[0])
    label("the piece in\nthe image", tops[1])
    scale = SIDE / images.shape[1]
    for i, (top, across) in enumerate(arrays["corners"]):
        x = left + i * step
        sheet.picture(images[i], x, tops[0], SIDE)
        sheet.frame(x + across * scale, tops[0] + top * scale, size * scale, size * scale)
        sheet.picture(arrays["in_place"][i], x, tops[1], SIDE)
    for row, number in enumerate(layers):
        cells = arrays["cells"][row]
        label(f"layer {number} alone,\n{cells} × {cells} keys", tops[2 + row])
        for i in range(len(images)):
            sheet.picture(arrays["alone"][row, i], left + i * step, tops[2 + row], SIDE)
        sheet.text(f"{arrays['fid'][row]:.3g}", right, tops[2 + row] + SIDE / 2)
    return sheet, caption(panel)


def caption(panel: Panel) -> str:
    """The caption: what is shown, and what the numbers at the right are."""
    facts, layers = panel.facts, panel.arrays["layers"]
    size = facts["size"]
    kind = KINDS.get(facts["kind"], facts["kind"])
    return (
        f"Pieces of {size} × {size} pixels of a {kind}. First row: whole images, the piece framed. "
        "Second row: the piece as it is in the image. Below: the piece rendered from its own keys "
        f"in layers {layers[0]} to {layers[-1]}, one layer in each row, without the keys around "
        "it. Where such a piece looks like the second row, its own features are enough to make "
        "it; where it differs, features around the piece contribute to the whole image there. "
        f"Distance: the Fréchet distance ({facts['features']}) between {facts['n']:,} such pieces "
        "and the same pieces of whole images. The samples are the first of their stream at "
        f"different places; none was chosen by hand. {provenance(facts)}"
    ).strip()
