"""The sections of `params.yaml`, each a model of what it may say.

`palimpsest.pipeline.parameters` composes them, reads the file, and reports what is wrong with it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, create_model, model_validator

from palimpsest.methods.registry import METHODS, names_of
from palimpsest.settings import Colour, Count, Name, Rate, Seed, Smoothness
from palimpsest.settings import Settings as Section

Scale = Literal["mini", "smoke", "paper", "stand_ins"]
Solver = Literal[names_of("edit")]
"""Methods that can make a session's own edit."""

Method = Literal[names_of("edit", "weights", "images")]
"""Every method but the unmodified generator."""

ShownMethods = Literal["all"] | list[Method]
"""Methods beside which a figure shows its sessions; empty for the session's own edit alone."""


class ModelParameters(Section):
    """One generator: its files, and where it is edited.

    ``classifiers``: of whatever else is told of its pictures as a whole. ``fetched_sessions``:
    files of sessions that others drew and published, by the session's name. ``layer``: None for the
    one that the probe of layers named first.
    """

    weights: str = Field(min_length=1)
    segmenter: str | None
    classifiers: list[str] = []
    fetched_sessions: dict[Name, str] = {}
    world: Name | None
    truncation: float = Field(ge=0, le=1)
    layer: int | None = Field(ge=1, le=18)


class SampleParameters(Section):
    """Samples `0 .. samples - 1` of the standard z of `seed`."""

    samples: Count
    seed: Seed


class RuleGradeParameters(SampleParameters):
    """How a rule is looked for in a generator; `palimpsest.experiments.reflections.causal_rule`."""

    units_of: Name
    layer: int = Field(ge=2, le=18)
    units: Count
    dissected: Count


class InversionParameters(Section):
    """How a rule is turned round; `palimpsest.memory.inversion`."""

    units_of: Name
    switched_layer: int = Field(ge=2, le=18)
    units: Count
    goal_layer: int = Field(ge=2, le=18)
    pairs: Count
    pairs_a_step: Count
    seed: Seed
    iterations: Count
    rate: Rate
    rank: Annotated[int, Field(ge=1, le=64)]
    rank_iterations: Count
    rank_rate: Rate


class PaintedSwitchParameters(Section):
    """How painted windows are switched; `palimpsest.dissection.painted_switches`.

    ``dissected``: samples that find the units; ``on_level``, ``off_level``: of their features.
    """

    dissected: Count
    on_level: float = Field(ge=-1000, le=1000)
    off_level: float = Field(ge=-1000, le=1000)


class ReflectionParameters(SampleParameters):
    """The reflections of section 5.3: `samples` and `seed` are those that are measured.

    ``painted``: a file of scenes with painted windows and reflections, for a model whose world
    tells neither; its lower half is tuned to, and the first ``samples`` of its upper are measured.
    """

    model: Name
    painted: str | None
    painted_switch: PaintedSwitchParameters
    layers: list[Annotated[int, Field(ge=2, le=18)]] = Field(min_length=1)
    inversion: InversionParameters
    shown: int = Field(ge=1, le=24)

    @model_validator(mode="after")
    def _apart(self) -> ReflectionParameters:
        # the units are found on the three seeds after that of the pairs
        if self.inversion.seed <= self.seed <= self.inversion.seed + 3:
            raise ValueError(
                f"seed {self.seed} is one that the inversion looks at; measure on another than "
                f"{self.inversion.seed} to {self.inversion.seed + 3}"
            )
        return self


class ErasingParameters(SampleParameters):
    """How marks are erased; `samples` and `seed` are searched for contexts."""

    units: list[Count] = Field(min_length=1)
    contexts: Count
    mu: Smoothness
    iterations: Count
    statistics_samples: Count


class WatermarkParameters(SampleParameters):
    """The watermarks of section 5.2: `samples` and `seed` are those that are measured."""

    model: Name
    layer: int = Field(ge=2, le=18)
    erasing: ErasingParameters
    graded: int = Field(ge=20)
    pairs: int = Field(ge=2, le=24)

    @model_validator(mode="after")
    def _apart(self) -> WatermarkParameters:
        if self.seed == self.erasing.seed:
            raise ValueError(
                f"seed {self.seed} is the one that contexts are searched in; measure on another"
            )
        return self


class InstrumentParameters(Section):
    """Published networks that measure images of any model; None: the segmenter's own encoder.

    ``alexnet``: under LPIPS; ``inception``: its features, for Fréchet distances.
    """

    alexnet: str | None
    inception: str | None


class StandInParameters(Section):
    """Where stand-ins of published files are served, and the manifest that says their hashes."""

    origin: str | None
    manifest: str | None


class DrawParameters(Section):
    """How sessions are drawn from labels."""

    seed: Seed


class ChangeMeasured(Section):
    """What an edit is measured by: pixels of `source` classes that became one of `targets`, or
    images of which a classifier says that they show an `attribute`."""

    source: list[Name] = Field(min_length=1)
    targets: list[Name] = []
    attribute: Name | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> ChangeMeasured:
        if bool(self.targets) == bool(self.attribute):
            raise ValueError("give either targets (classes) or an attribute, not both or neither")
        return self


class SessionParameters(Section):
    """How one session is solved; every field left out is taken from `solve`."""

    solver: Solver = "newton"
    exemplars: Count = 1
    mu: Smoothness = 0.1
    rank: Annotated[int, Field(ge=1, le=64)] | None = None
    layer: Annotated[int, Field(ge=2, le=18)] | None = None
    measure: ChangeMeasured | None = None


class SolveParameters(SessionParameters):
    """How a session is solved unless it says otherwise."""


MethodParameters = create_model(
    "MethodParameters",
    __base__=Section,
    __doc__="The settings of every method that is not configured in a section of its own.",
    **{
        name: (method.parameters, Field(default_factory=method.parameters))
        for name, method in METHODS.items()
        if method.makes != "nothing" and method.section is None
    },
)


class CounterfactualParameters(SampleParameters):
    """Models whose edits are compared with their world's counterfactuals; how many samples."""

    models: list[Name]


class GridParameters(Section):
    """Settings at which one session is solved; `palimpsest.experiments.tradeoff.sweep.Grid`."""

    ranks: list[Annotated[int, Field(ge=1, le=64)]] = Field(min_length=1)
    exemplars: list[Count] = Field(min_length=1)
    mus: list[Smoothness] = Field(min_length=1)
    iterations: Count

    @model_validator(mode="after")
    def _different(self) -> GridParameters:
        for name in ("ranks", "exemplars", "mus"):
            numbers = getattr(self, name)
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"{name} {numbers}: give each number once")
        return self


class TradeoffParameters(SampleParameters):
    """Effect against locality of one session; `samples` and `seed` are those measured."""

    model: Name
    session: Name
    grid: GridParameters


class ProbedParameters(Section):
    """One model whose layers are probed: the `session` made at every layer to check the advice, if
    one is, and the figures its curves and its pieces are shown in."""

    session: Name | None
    curves: Name
    pieces: Name


class LayerEditParameters(SampleParameters):
    """How that session is solved at each layer; `samples` and `seed` are those measured."""

    exemplars: Count
    mus: list[Smoothness] = Field(min_length=1)
    iterations: Count
    statistics_samples: Count
    surveyed: Count
    survey_seed: Seed

    @model_validator(mode="after")
    def _apart(self) -> LayerEditParameters:
        if self.seed == self.survey_seed:
            raise ValueError(
                f"seed {self.seed} is the one that sessions are drawn on; measure on another"
            )
        return self


class LayerProbeParameters(Section):
    """The probe of Appendix H; `palimpsest.experiments.layers.probe.Plan`."""

    models: dict[Name, ProbedParameters]
    layers: list[Annotated[int, Field(ge=2, le=18)]] = Field(min_length=3)
    sizes: list[Count] = Field(min_length=1)
    samples: int = Field(ge=2)
    seeds: list[Seed] = Field(min_length=2)
    shown: int = Field(ge=1, le=16)
    shown_size: Count
    edit: LayerEditParameters

    @model_validator(mode="after")
    def _different(self) -> LayerProbeParameters:
        for name in ("layers", "sizes", "seeds"):
            numbers = getattr(self, name)
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"{name} {numbers}: give each number once")
        if self.shown_size not in self.sizes:
            raise ValueError(f"shown_size {self.shown_size} is none of the sizes {self.sizes}")
        return self


class StudyParameters(Section):
    """How a realism study is made; `palimpsest.experiments.realism.study`."""

    pairs: Count
    against: Method | Literal["unmodified"]
    seed: Seed


class IntervalParameters(Section):
    """Confidence intervals: bootstrap over images for means, Wilson for shares."""

    level: float = Field(gt=0.5, lt=1)
    resamples: int = Field(ge=10)
    seed: Seed


class FigureParameters(Section):
    """What one figure shows: sessions of a model, solved by their own solver or by `methods`.

    ``part_of``: another figure that this one's panel is drawn in.
    """

    model: Name
    sessions: list[Name] = Field(min_length=1)
    methods: ShownMethods = []
    pairs: int = Field(ge=1, le=48)
    part_of: Name | None = None


class StyleParameters(Section):
    """How figures look."""

    dpi: int = Field(ge=40, le=600)
    font_size: float = Field(gt=3, lt=30)
    accent: Colour
    ink: Colour
    ground: Colour


class ComputeParameters(Section):
    """Where jobs compute, what they ask the scheduler for, and among how many images are divided.

    Neither another device nor other GPUs make a job run again.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    gpus: int = Field(ge=0, le=8)
    shards: Count
