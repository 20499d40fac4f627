"""Settings of Appendix H: the probe, the pieces that its figures show, and the trial edits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from palimpsest.settings import (
    Count,
    LayerNumber,
    SampleSettings,
    Seed,
    Settings,
    Smoothness,
    check_distinct,
)


class ProbeSettings(Settings):
    """Settings of `probe.probe_layers`: ``layers``, probed at ``sizes`` in pixels.

    One piece of each size is taken from each of the first ``samples`` samples of every seed. The
    interval is over the seeds.
    """

    layers: Annotated[tuple[LayerNumber, ...], Field(min_length=1)]
    sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    samples: int = Field(ge=2)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _distinct(self) -> ProbeSettings:
        check_distinct(self, "layers", "sizes", "seeds")
        return self

    @property
    def images(self) -> int:
        """Number of samples of all seeds together."""
        return self.samples * len(self.seeds)


class PieceSettings(ProbeSettings):
    """A probe, and what its figure of pieces shows: ``shown`` pieces of ``shown_size`` pixels."""

    shown: int = Field(ge=1, le=16)
    shown_size: Count

    @model_validator(mode="after")
    def _shown_is_probed(self) -> PieceSettings:
        if self.shown_size not in self.sizes:
            raise ValueError(
                f"shown_size {self.shown_size} is none of the probed sizes {list(self.sizes)}"
            )
        return self


class TrialSettings(SampleSettings):
    """Settings of the edit that is solved and measured at every layer.

    ``exemplars``, ``mus`` and ``iterations``: of the solver `newton`. ``statistics_samples``: for
    the key statistics of each layer. ``surveyed``: samples of ``survey_seed`` that the session is
    drawn on. ``samples`` and ``seed``: what is measured.
    """

    exemplars: Count
    mus: Annotated[tuple[Smoothness, ...], Field(min_length=1)]
    iterations: Count
    statistics_samples: Count
    surveyed: Count
    survey_seed: Seed

    @model_validator(mode="after")
    def _held_out(self) -> TrialSettings:
        if self.seed == self.survey_seed:
            raise ValueError(
                f"seed {self.seed} is the one that sessions are drawn on; measure on another"
            )
        return self
