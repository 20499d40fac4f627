"""The sections of experiments: which model each runs on, and the experiment's own settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from palimpsest.experiments.edits.settings import WalkSettings
from palimpsest.experiments.layers.settings import PieceSettings, TrialSettings
from palimpsest.experiments.realism.settings import StudySettings
from palimpsest.experiments.reflections.settings import InversionSettings, PaintedSwitchSettings
from palimpsest.experiments.tradeoff.settings import SweepSettings
from palimpsest.experiments.units.settings import UnitSettings
from palimpsest.experiments.watermarks.settings import ErasingSettings, SessionErasing
from palimpsest.pipeline.parameters.methods import Method
from palimpsest.settings import Count, LayerNumber, Name, SampleSettings, SessionName, Settings


class MeasureParameters(SampleSettings):
    """The images that Tables 1 and 2 measure.

    ``half_precision``: draw the layers after an edit in bfloat16, which is faster where the device
    calculates in it and changes the last digits.
    """

    half_precision: bool = False


class StudyParameters(StudySettings):
    """The opt-in realism study."""

    against: Method | Literal["unmodified"]


class CounterfactualParameters(SampleSettings):
    """Models whose edits are compared with their world's counterfactuals, on measured samples."""

    models: list[Name]


class ReflectionParameters(SampleSettings):
    """The reflections of section 5.3; ``samples`` and ``seed`` are the measured ones.

    ``painted``: a file of scenes with painted windows and reflections, for a model without a world.
    Edits are tuned to its lower half; the first ``samples`` of its upper half are measured.
    ``layers``: tuned one by one; the one with the lowest loss is then inverted at a low rank.
    ``shown``: pairs in Figure 6.
    """

    model: Name
    painted: str | None
    painted_switch: PaintedSwitchSettings
    layers: Annotated[tuple[LayerNumber, ...], Field(min_length=1)]
    inversion: InversionSettings
    shown: int = Field(ge=1, le=24)

    @model_validator(mode="after")
    def _held_out(self) -> ReflectionParameters:
        # the units are found on the three seeds after that of the pairs
        if self.inversion.seed <= self.seed <= self.inversion.seed + 3:
            raise ValueError(
                f"seed {self.seed} is used by the inversion; measure on another than "
                f"{self.inversion.seed} to {self.inversion.seed + 3}"
            )
        return self


class WatermarkParameters(SampleSettings):
    """The watermarks of section 5.2; ``samples`` and ``seed`` are the measured ones.

    ``painted``: a session whose context is painted watermarks, for a model without a world; the
    edits are then made as ``painted_erasing`` says, not ``erasing``. ``detector``: the segmenter
    that finds watermarks; the model's own if none. ``graded``: renders that the detectors are
    graded on. ``pairs``: images in Figure 5.
    """

    model: Name
    layer: LayerNumber
    erasing: ErasingSettings
    painted: str | None
    painted_erasing: SessionErasing
    detector: str | None
    graded: int = Field(ge=20)
    pairs: int = Field(ge=2, le=24)

    @model_validator(mode="after")
    def _held_out(self) -> WatermarkParameters:
        if self.seed == self.erasing.seed:
            raise ValueError(
                f"seed {self.seed} is the one that contexts are searched in; measure on another"
            )
        return self


class UnitParameters(UnitSettings):
    """The units that Figure S6 switches in ``model``."""

    model: Name

    @property
    def settings(self) -> UnitSettings:
        """The settings of the stage `measure_units`."""
        return UnitSettings(**self.model_dump(exclude={"model"}))


class WalkParameters(WalkSettings):
    """The moving picture of the rule of one session of ``model``."""

    model: Name
    session: SessionName

    @property
    def settings(self) -> WalkSettings:
        """The settings of the stage `render_walk`."""
        return WalkSettings(**self.model_dump(exclude={"model", "session"}))


class TradeoffParameters(SampleSettings):
    """Effect against locality of one session; ``samples`` and ``seed`` are the measured ones."""

    model: Name
    session: SessionName
    grid: SweepSettings


class ProbedParameters(Settings):
    """One model whose layers are probed.

    ``session``: edited at every layer to check the probe's choice, or None. ``curves``, ``pieces``:
    figures that show this model's curves and pieces; None for no figure of pieces. ``sizes``,
    ``shown_size`` and ``samples``: this model's own, where they are not those of all models.
    """

    session: SessionName | None
    curves: Name
    pieces: Name | None
    sizes: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    shown_size: Count | None = None
    samples: int | None = Field(default=None, ge=2)


class LayerProbeParameters(PieceSettings):
    """The layer probe of Appendix H; ``edit``: how each model's session is tried at every layer."""

    models: dict[Name, ProbedParameters]
    layers: Annotated[tuple[LayerNumber, ...], Field(min_length=3)]
    edit: TrialSettings

    @model_validator(mode="after")
    def _probes_are_possible(self) -> LayerProbeParameters:
        for model in self.models:
            self.probe_of(model)
        return self

    def probe_of(self, model: str) -> PieceSettings:
        """The settings of the stage `probe_layers` for a model."""
        shared = self.model_dump(include=set(PieceSettings.model_fields))
        own = self.models[model].model_dump(include=set(PieceSettings.model_fields))
        given = {name: value for name, value in own.items() if value is not None}
        return PieceSettings(**shared | given)
