"""The section `figures`: the content of each figure."""

from __future__ import annotations

from pydantic import Field

from palimpsest.pipeline.parameters.methods import ShownMethods
from palimpsest.settings import Name, SessionName, Settings


class FigureParameters(Settings):
    """One figure: sessions of a model, each edited by its own solver, or by each of ``methods``.

    ``pairs``: number of samples shown. ``part_of``: another figure that includes this one's panel.
    """

    model: Name
    sessions: list[SessionName] = Field(min_length=1)
    methods: ShownMethods = []
    pairs: int = Field(ge=1, le=48)
    part_of: Name | None = None
