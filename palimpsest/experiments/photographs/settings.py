"""Settings of the experiments with held-out photographs and held-out renders."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from palimpsest.photographs.settings import AdaptationSettings, InversionSettings
from palimpsest.settings import Count, LayerNumber, Seed, Settings


class SwitchSettings(Settings):
    """Units of ``layer`` that are switched in the region of the mouth.

    ``units``: how many; those with the largest effect on the classifier's score over ``samples``
    samples of ``seed``. ``strength``: 1 sets a unit to its mean where the attribute is seen; above
    1, beyond it by the same share of the difference.
    """

    layer: LayerNumber
    units: Count
    samples: Count
    seed: Seed
    strength: float = Field(gt=0)


class ReproductionSettings(Settings):
    """How photographs are found in a generator and reproduced."""

    inversion: InversionSettings = InversionSettings()
    adaptation: AdaptationSettings = AdaptationSettings()


class ChosenPhotographs(Settings):
    """The first ``photographs`` held-out photographs by number (`measure.first_held_out`).

    ``stickers``: how many of them are inverted a second time with a sticker painted on the cheek.
    ``shown``: rows of the figure. ``region``: classes of the segmenter that the edit is meant to
    change. ``strength``: factor on the edit.
    """

    photographs: Count
    stickers: Count
    shown: Count
    region: Annotated[list[str], Field(min_length=1)]
    strength: float = 1.0
    switch: SwitchSettings

    @model_validator(mode="after")
    def _there_are_as_many(self) -> ChosenPhotographs:
        for name in ("stickers", "shown"):
            if getattr(self, name) > self.photographs:
                raise ValueError(
                    f"{name} {getattr(self, name)}: at most the number of photographs, "
                    f"{self.photographs}"
                )
        return self


class PhotographSettings(ChosenPhotographs, ReproductionSettings):
    """Which photographs are reproduced, and how."""


class RenderSettings(ReproductionSettings):
    """The first ``renders`` scenes of ``seed`` that a rule changes, rendered by the world."""

    renders: Count
    seed: Seed
