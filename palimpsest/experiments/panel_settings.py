"""Settings of the figures of edits."""

from __future__ import annotations

from pydantic import Field

from palimpsest.settings import SampleSettings


class PanelSettings(SampleSettings):
    """Samples of a figure: the ``pairs`` samples, of those searched, that match the rule best."""

    pairs: int = Field(ge=1, le=48)
