"""Style of the figures: resolution, font size and colours."""

from __future__ import annotations

from pydantic import Field

from palimpsest.settings import Colour, Settings


class Style(Settings):
    """Style of the figures: ``dpi``, ``font_size`` in points, and colours as ``#rrggbb``."""

    dpi: int = Field(default=150, ge=40, le=600)
    font_size: float = Field(default=8.0, gt=3, lt=30)
    accent: Colour = "#b5352b"
    ink: Colour = "#222222"
    ground: Colour = "#ffffff"

    @property
    def line(self) -> float:
        """Height of a line of text in inches."""
        return self.font_size * 1.35 / 72
