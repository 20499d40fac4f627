"""A figure as a sheet of pictures: laid out in inches from the top left, drawn at exact pixels.

    sheet = Sheet(width=8, height=3, style=Style())
    sheet.picture(image, left=0.5, top=0.4, side=0.96)
    sheet.text("before", left=0.5, top=0.2)
    sheet.save("figure.png", caption="What one sees.", facts={"n": 1000})

Pictures are scaled once, by bicubic interpolation, to whole pixels of the page and not resampled
again, so that images of small generators stay sharp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402  (after the choice of a backend without a screen)
import numpy as np  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from PIL import Image  # noqa: E402

from palimpsest.files.atomic import atomic_path  # noqa: E402
from palimpsest.report.style import Style  # noqa: E402

FACTS = "palimpsest"
"""Name of the PNG text entry with a figure's facts as JSON."""

_FONTS = ["DejaVu Sans"]  # ships with matplotlib: the same on every machine


class Sheet:
    """A page of ``width`` x ``height`` inches; all positions are inches from its top left."""

    def __init__(self, width: float, height: float, style: Style) -> None:
        self.style = style
        self.width = round(width * style.dpi) / style.dpi
        self.height = round(height * style.dpi) / style.dpi
        self.figure = plt.figure(
            figsize=(self.width, self.height), dpi=style.dpi, facecolor=style.ground
        )
        self._ink = self.figure.add_axes((0, 0, 1, 1), facecolor="none")
        self._ink.set_axis_off()
        self._ink.set_zorder(5)  # above the pictures
        self._ink.set_xlim(0, self.width)
        self._ink.set_ylim(self.height, 0)

    def picture(self, image: np.ndarray, left: float, top: float, side: float) -> None:
        """Put a picture (H, W, 3) uint8 on the page, ``side`` inches wide."""
        dpi = self.style.dpi
        columns = max(1, round(side * dpi))
        rows = max(1, round(columns * image.shape[0] / image.shape[1]))
        scaled = Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC)
        x = round(left * dpi)
        y = round(self.height * dpi) - round(top * dpi) - rows
        self.figure.figimage(np.asarray(scaled), xo=x, yo=y, origin="upper")

    def text(
        self,
        words: str,
        left: float,
        top: float,
        *,
        align: str = "left",
        valign: str = "center",
        size: float = 1.0,
        weight: str = "normal",
        colour: str | None = None,
        turn: float = 0.0,
    ) -> None:
        """Write ``words``; ``size`` is relative to the style's font."""
        self._ink.text(
            left,
            top,
            words,
            ha=align,
            va=valign,
            fontsize=self.style.font_size * size,
            fontweight=weight,
            fontfamily=_FONTS,
            color=colour or self.style.ink,
            rotation=turn,
            rotation_mode="anchor",
        )

    def rule(self, left: float, top: float, right: float) -> None:
        """A thin horizontal line."""
        self._ink.plot([left, right], [top, top], color=self.style.ink, lw=0.6, alpha=0.6)

    def frame(
        self, left: float, top: float, width: float, height: float, *, colour: str | None = None
    ) -> None:
        """A frame with a white border, visible on any picture; in the accent colour by default."""
        for edge, thick in (("white", 2.0), (colour or self.style.accent, 1.0)):
            self._ink.add_patch(
                Rectangle((left, top), width, height, fill=False, ec=edge, lw=thick)
            )

    def outline(
        self, field: np.ndarray, level: float, left: float, top: float, side: float
    ) -> None:
        """Outline the area in which a field (h, w) over a picture is above ``level``."""
        h, w = field.shape
        smooth = Image.fromarray(field.astype(np.float32)).resize(
            (w * 8, h * 8), Image.Resampling.BICUBIC
        )
        fine = np.pad(np.asarray(smooth), 1, constant_values=float(field.min()) - 1.0)
        if not fine.max() > level:
            return
        step = side / (w * 8)
        x = left + (np.arange(w * 8 + 2) - 0.5) * step
        y = top + (np.arange(h * 8 + 2) - 0.5) * step
        x, y = np.clip(x, left, left + side), np.clip(y, top, top + side * h / w)
        for colour, thick in (("white", 2.0), (self.style.accent, 1.0)):
            self._ink.contour(x, y, fine, levels=[level], colors=[colour], linewidths=[thick])

    def save(self, path: str | Path, caption: str, facts: Mapping[str, Any]) -> None:
        """Write the PNG, and the caption beside it (``.txt``), each atomically.

        The PNG itself also contains caption and facts.
        """
        entries = {"Description": caption, FACTS: json.dumps(facts, sort_keys=True)}
        with atomic_path(path) as target:
            self.figure.savefig(
                target,
                format="png",
                dpi=self.style.dpi,
                facecolor=self.style.ground,
                metadata=entries,
            )
        with atomic_path(Path(path).with_suffix(".txt")) as target:
            target.write_text(caption + "\n", encoding="utf-8")
        plt.close(self.figure)


def facts_of(path: str | Path) -> dict[str, Any]:
    """The facts in a figure's PNG; empty if it has none."""
    with Image.open(path) as picture:
        picture.load()
        return json.loads(picture.info.get(FACTS, "{}"))
