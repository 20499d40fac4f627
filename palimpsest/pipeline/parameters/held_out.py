"""The sections `held_out_photographs` and `held_out_renders`: what is reproduced and edited."""

from __future__ import annotations

from pydantic import Field

from palimpsest.experiments.photographs.settings import (
    ChosenPhotographs,
    PhotographSettings,
    RenderSettings,
)
from palimpsest.pipeline.parameters.photographs import PhotographParameters
from palimpsest.settings import Name, SessionName


class HeldOutPhotographParameters(ChosenPhotographs):
    """Held-out photographs, reproduced by ``model`` and edited by the rule of ``session``.

    How they are inverted and adapted is set in `photographs`. ``encoder``: file of the encoder that
    gives the start of the inversion; None: none. ``rank``: the session's edit at this one of its
    further ranks; None for its own edit. ``many``: number of photographs of the target
    `many_photographs`.
    """

    model: Name
    session: SessionName
    encoder: str | None
    rank: int | None = Field(None, ge=1)
    many: int = Field(ge=1)

    def settings(self, photographs: int, trained: PhotographParameters) -> PhotographSettings:
        """The settings of the stage `measure_photographs` for this many photographs of a
        generator."""
        own = self.model_dump(include=set(ChosenPhotographs.model_fields))
        how = {"inversion": trained.inversion, "adaptation": trained.adaptation}
        return PhotographSettings.model_validate(own | how | {"photographs": photographs})


class HeldOutRenderParameters(RenderSettings):
    """Held-out renders, reproduced by ``model`` and edited by the rule of ``session``."""

    model: Name
    session: SessionName

    @property
    def settings(self) -> RenderSettings:
        """The settings of the stage `measure_renders`."""
        return RenderSettings(**self.model_dump(include=set(RenderSettings.model_fields)))
