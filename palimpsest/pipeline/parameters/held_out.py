"""The sections `held_out_photographs` and `held_out_renders`: what is reproduced and edited."""

from __future__ import annotations

from pydantic import Field

from palimpsest.experiments.photographs.settings import PhotographSettings, RenderSettings
from palimpsest.settings import Name


class HeldOutPhotographParameters(PhotographSettings):
    """Held-out photographs, reproduced by ``model`` and edited by the rule of ``session``.

    ``encoder``: file of the encoder that gives the start of the inversion; None: none. ``many``:
    number of photographs of the target `many_photographs`.
    """

    model: Name
    session: Name
    encoder: str | None
    many: int = Field(ge=1)

    def settings(self, photographs: int) -> PhotographSettings:
        """The settings of the stage `measure_photographs` for this many photographs."""
        own = self.model_dump(include=set(PhotographSettings.model_fields))
        return PhotographSettings.model_validate(own | {"photographs": photographs})


class HeldOutRenderParameters(RenderSettings):
    """Held-out renders, reproduced by ``model`` and edited by the rule of ``session``."""

    model: Name
    session: Name

    @property
    def settings(self) -> RenderSettings:
        """The settings of the stage `measure_renders`."""
        return RenderSettings(**self.model_dump(include=set(RenderSettings.model_fields)))
