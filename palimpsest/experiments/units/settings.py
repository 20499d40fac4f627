"""Settings of Figure S6: which units are switched, in which layer, and what is measured."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from palimpsest.settings import Count, LayerNumber, SampleSettings, Seed, Settings


class OffSettings(Settings):
    """Units of ``layer`` that fit the class ``thing`` best, set to zero: ``units`` of them."""

    thing: str
    layer: LayerNumber
    units: Count


class OnSettings(OffSettings):
    """Units set to their mean values at the ``thing``, at two places of each image.

    ``rows`` and ``columns``: size of a place in the layer's cells. ``fits``: classes of the pixels
    of the first place, beside the thing that the image has; ``unfit``: class of the second, above
    it. ``steps``: of the optimization that finds the units that cause the thing.
    """

    rows: Count
    columns: Count
    fits: Annotated[tuple[str, ...], Field(min_length=1)]
    unfit: str
    steps: Count


class UnitSettings(SampleSettings):
    """``samples`` and ``seed`` are the measured ones; ``shown``: images of each kind in the figure.

    Units are found on ``dissected`` samples of ``dissection_seed``, and those that cause a class on
    as many of the seed after it.
    """

    switched_off: OffSettings
    switched_on: OnSettings
    dissected: Count
    dissection_seed: Seed
    shown: int = Field(ge=1, le=12)

    @model_validator(mode="after")
    def _held_out(self) -> UnitSettings:
        if self.seed in (self.dissection_seed, self.dissection_seed + 1):
            raise ValueError(
                f"seed {self.seed}: units are found on samples of {self.dissection_seed} and "
                f"{self.dissection_seed + 1}; measure on others"
            )
        return self
