"""`params.yaml` as one model, and the checks of values that lie in different sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from palimpsest.errors import ParameterError
from palimpsest.estimates.intervals import Intervals
from palimpsest.experiments.reflections.settings import RuleGradeSettings
from palimpsest.methods.baselines.best_buddies_settings import TransferSettings
from palimpsest.methods.registry import METHODS, running_at_layers
from palimpsest.pipeline.parameters.experiments import (
    CounterfactualParameters,
    LayerProbeParameters,
    MeasureParameters,
    ReflectionParameters,
    StudyParameters,
    TradeoffParameters,
    UnitParameters,
    WalkParameters,
    WatermarkParameters,
)
from palimpsest.pipeline.parameters.figures import FigureParameters
from palimpsest.pipeline.parameters.held_out import (
    HeldOutPhotographParameters,
    HeldOutRenderParameters,
)
from palimpsest.pipeline.parameters.methods import MethodParameters
from palimpsest.pipeline.parameters.models import InstrumentParameters, ModelParameters
from palimpsest.pipeline.parameters.photographs import PhotographParameters
from palimpsest.pipeline.parameters.runs import (
    ComputeParameters,
    DrawParameters,
    OnlyParameters,
    Scale,
    StandInParameters,
)
from palimpsest.pipeline.parameters.sessions import (
    SessionParameters,
    SolveParameters,
)
from palimpsest.pipeline.parameters.worlds import WorldParameters
from palimpsest.report.style import Style
from palimpsest.settings import Name, SampleSettings, SessionName, Settings


def without_null(entries: Any) -> Any:
    """The entries that are not null."""
    return _kept(entries, lambda name, entry: entry is not None)


def _kept(entries: Any, keep: Callable[[str, Any], bool]) -> Any:
    """The entries to ``keep``; what is no mapping is returned as it is, to be refused later."""
    if not isinstance(entries, dict):
        return entries
    return {name: entry for name, entry in entries.items() if keep(name, entry)}


Models = Annotated[
    dict[Name, ModelParameters],
    BeforeValidator(without_null, json_schema_input_type=dict[Name, ModelParameters | None]),
]
"""Models by name; null for one that a scale does not have."""


class Parameters(Settings):
    """All of `params.yaml`."""

    scale: Scale
    only: OnlyParameters | None = None
    models: Models
    instruments: InstrumentParameters
    stand_ins: StandInParameters
    worlds: dict[Name, WorldParameters]
    photographs: dict[Name, PhotographParameters] = {}
    statistics: SampleSettings
    draw: DrawParameters
    solve: SolveParameters
    sessions: dict[Name, dict[SessionName, SessionParameters]]
    methods: MethodParameters
    best_buddies: TransferSettings = TransferSettings()
    measure: MeasureParameters
    study: StudyParameters
    counterfactuals: CounterfactualParameters
    grade: SampleSettings
    grade_rule: dict[Name, RuleGradeSettings]
    reflections: ReflectionParameters
    watermarks: WatermarkParameters
    units: UnitParameters
    tradeoff: TradeoffParameters
    walk: WalkParameters
    layer_probe: LayerProbeParameters
    held_out_photographs: HeldOutPhotographParameters
    held_out_renders: HeldOutRenderParameters
    intervals: Intervals
    figures: dict[Name, FigureParameters]
    panels: SampleSettings
    style: Style
    compute: ComputeParameters

    @model_validator(mode="before")
    @classmethod
    def _only_of_models_that_are_there(cls, values: Any) -> Any:
        """Leaves out the sessions, probes and figures of models that are null."""
        models = values.get("models") if isinstance(values, dict) else None
        if not isinstance(models, dict) or None not in models.values():
            return values

        def is_there(name: str, _: Any = None) -> bool:
            return models.get(name, {}) is not None

        def shows_what_is_there(_: str, figure: Any) -> bool:
            return not isinstance(figure, dict) or is_there(figure.get("model"))

        values = dict(values)
        for section, keep in (("sessions", is_there), ("figures", shows_what_is_there)):
            if section in values:
                values[section] = _kept(values[section], keep)
        probe = values.get("layer_probe")
        if isinstance(probe, dict) and "models" in probe:
            values["layer_probe"] = probe | {"models": _kept(probe["models"], is_there)}
        return values

    @model_validator(mode="after")
    def _models_exist(self) -> Parameters:
        named = {
            **{f"sessions.{model}": model for model in self.sessions},
            **{f"grade_rule.{model}": model for model in self.grade_rule},
            **{f"layer_probe.models.{model}": model for model in self.layer_probe.models},
            "reflections.model": self.reflections.model,
            "watermarks.model": self.watermarks.model,
            "units.model": self.units.model,
            "tradeoff.model": self.tradeoff.model,
            "walk.model": self.walk.model,
            "held_out_renders.model": self.held_out_renders.model,
            **{f"counterfactuals.models.{name}": name for name in self.counterfactuals.models},
            **{f"figures.{name}.model": figure.model for name, figure in self.figures.items()},
        }
        for field, model in named.items():
            if model not in self.models:
                raise ValueError(f"{field}: no model {model!r}; models are {list(self.models)}")
        return self

    @model_validator(mode="after")
    def _figures_exist(self) -> Parameters:
        for name, figure in self.figures.items():
            if figure.part_of is not None and figure.part_of not in self.figures:
                raise ValueError(
                    f"figures.{name}.part_of: no figure {figure.part_of!r}; "
                    f"figures are {list(self.figures)}"
                )
        return self

    @model_validator(mode="after")
    def _measured_samples_are_held_out(self) -> Parameters:
        if self.tradeoff.seed in (self.statistics.seed, self.draw.seed):
            raise ValueError(
                f"tradeoff.seed {self.tradeoff.seed} is also the seed of statistics or draw; "
                "measure edits on other samples than they were made on"
            )
        tuned = {"methods.palimpsest.tuning_seed": self.methods.palimpsest.tuning_seed}
        for model, sessions in self.sessions.items():
            for name, session in sessions.items():
                own = session.methods.get("palimpsest", {})
                if "tuning_seed" in own:
                    field = f"sessions.{model}.{name}.methods.palimpsest.tuning_seed"
                    tuned[field] = own["tuning_seed"]
        for field, seed in tuned.items():
            if self.measure.seed == seed:
                raise ValueError(
                    f"measure.seed equals {field}; settings must be chosen on other samples than "
                    "those measured, so make them differ"
                )
            if self.statistics.seed == seed:
                raise ValueError(
                    f"statistics.seed equals {field}; an edit must be judged on other samples than "
                    "those it was made with, so make them differ"
                )
        if self.measure.seed == self.statistics.seed:
            raise ValueError(
                "measure.seed equals statistics.seed; measure edits on other samples than they "
                "were made with"
            )
        return self

    def method_settings(self, name: str) -> Settings:
        """The settings of a method, apart from those of a session."""
        method = METHODS[name]
        return getattr(self, method.section) if method.section else getattr(self.methods, name)

    def world_of_generator(self, generator: str) -> str:
        """The world that a mini generator learns: its namesake, or the world that lists it."""
        for world, about in self.worlds.items():
            if generator == world or generator in about.others:
                return world
        raise ParameterError(f"worlds: no world has a recipe for a generator {generator!r}")

    @model_validator(mode="after")
    def _candidate_layers_can_be_tried(self) -> Parameters:
        for model, sessions in self.sessions.items():
            for name, own in sessions.items():
                if not own.candidate_layers:
                    continue
                field = f"sessions.{model}.{name}.candidate_layers"
                solver = self.session(model, name).solver
                try:
                    running_at_layers(METHODS[solver])
                except ParameterError as problem:
                    raise ValueError(f"{field}: {problem}") from None
                if own.layer in own.candidate_layers:
                    raise ValueError(
                        f"{field}: {own.layer} is the session's own layer, which is tried anyway; "
                        "leave it out"
                    )
        return self

    def session(self, model: str, name: str) -> SessionParameters:
        """Settings of a session: its own, and those of `solve` for the rest."""
        own = self.sessions.get(model, {}).get(name)
        given = own.model_dump(exclude_unset=True) if own else {}
        return SessionParameters.model_validate(self.solve.model_dump() | given)
