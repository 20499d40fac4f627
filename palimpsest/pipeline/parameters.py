"""What `params.yaml` may say: one model of it, and the JSON schema that Snakemake validates with.

::

    parameters = load_parameters("params.yaml", "workflow/scales")
    parameters.measure.samples

Values come from `params.yaml`, over which the file of its scale is laid (`overlays`). The schema in
`workflow/schemas/` is made from the model here, never by hand::

    python -m palimpsest.pipeline.parameters --schema > workflow/schemas/params.schema.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import model_validator

from palimpsest.errors import ParameterError
from palimpsest.methods.baselines.best_buddies_settings import TransferSettings
from palimpsest.methods.registry import METHODS
from palimpsest.pipeline.parameter_sections import (
    ComputeParameters,
    CounterfactualParameters,
    DrawParameters,
    FigureParameters,
    InstrumentParameters,
    IntervalParameters,
    LayerProbeParameters,
    MethodParameters,
    ModelParameters,
    ReflectionParameters,
    RuleGradeParameters,
    SampleParameters,
    Scale,
    SessionParameters,
    SolveParameters,
    StandInParameters,
    StudyParameters,
    StyleParameters,
    TradeoffParameters,
    WatermarkParameters,
)
from palimpsest.pipeline.training_sections import WorldParameters
from palimpsest.settings import Name, validated
from palimpsest.settings import Settings as Section


class Parameters(Section):
    """All of `params.yaml`."""

    scale: Scale
    models: dict[Name, ModelParameters]
    instruments: InstrumentParameters
    stand_ins: StandInParameters
    worlds: dict[Name, WorldParameters]
    statistics: SampleParameters
    draw: DrawParameters
    solve: SolveParameters
    sessions: dict[Name, dict[Name, SessionParameters]]
    methods: MethodParameters
    best_buddies: TransferSettings = TransferSettings()
    measure: SampleParameters
    study: StudyParameters
    counterfactuals: CounterfactualParameters
    grade: SampleParameters
    grade_rule: dict[Name, RuleGradeParameters]
    reflections: ReflectionParameters
    watermarks: WatermarkParameters
    tradeoff: TradeoffParameters
    layer_probe: LayerProbeParameters
    intervals: IntervalParameters
    figures: dict[Name, FigureParameters]
    panels: SampleParameters
    style: StyleParameters
    compute: ComputeParameters

    @model_validator(mode="after")
    def _names_agree(self) -> Parameters:
        owner: dict[str, str] = {}
        for model, sessions in self.sessions.items():
            if model not in self.models:
                raise ValueError(f"sessions.{model}: no such model; models are {list(self.models)}")
            for session in sessions:
                if session in owner:
                    raise ValueError(
                        f"sessions.{model}.{session}: also a session of {owner[session]}; "
                        "give each session a name of its own"
                    )
                owner[session] = model
        for model in self.grade_rule:
            if model not in self.models:
                raise ValueError(
                    f"grade_rule.{model}: no such model; models are {list(self.models)}"
                )
        parts = {name: getattr(self, name) for name in ("reflections", "watermarks", "tradeoff")}
        for name, part in parts.items():
            if part.model not in self.models:
                raise ValueError(
                    f"{name}.model: no model {part.model!r}; models are {list(self.models)}"
                )
        for model in self.layer_probe.models:
            if model not in self.models:
                raise ValueError(
                    f"layer_probe.models.{model}: no such model; models are {list(self.models)}"
                )
        for model in self.counterfactuals.models:
            if model not in self.models:
                raise ValueError(
                    f"counterfactuals.models: no model {model!r}; models are {list(self.models)}"
                )
        for name, figure in self.figures.items():
            if figure.part_of is not None and figure.part_of not in self.figures:
                raise ValueError(
                    f"figures.{name}.part_of: no figure {figure.part_of!r}; "
                    f"figures are {list(self.figures)}"
                )
            if figure.model not in self.models:
                raise ValueError(
                    f"figures.{name}.model: no model {figure.model!r}; "
                    f"models are {list(self.models)}"
                )
        if self.tradeoff.seed in (self.statistics.seed, self.draw.seed):
            raise ValueError(
                f"tradeoff.seed {self.tradeoff.seed} is that of statistics or draw; measure edits "
                "on other samples than they were made on"
            )
        seeds = {self.measure.seed, self.methods.palimpsest.tuning_seed}
        if len(seeds) == 1:
            raise ValueError(
                "measure.seed equals methods.palimpsest.tuning_seed; settings must be chosen on "
                "other samples than those measured, so make them differ"
            )
        return self

    def method_settings(self, name: str) -> Section:
        """What the parameters say of a method, whatever the session."""
        method = METHODS[name]
        return getattr(self, method.section) if method.section else getattr(self.methods, name)

    def world_of_generator(self, generator: str) -> str:
        """The world that a mini generator is trained on: its namesake, or one that lists it."""
        for world, about in self.worlds.items():
            if generator == world or generator in about.others:
                return world
        raise ParameterError(f"worlds: no world has a recipe for a generator {generator!r}")

    def session(self, model: str, name: str) -> SessionParameters:
        """How a session is solved: what it says itself over what `solve` says."""
        own = self.sessions.get(model, {}).get(name)
        said = own.model_dump(exclude_unset=True) if own else {}
        return SessionParameters.model_validate(self.solve.model_dump() | said)


def parse_parameters(values: Mapping[str, Any]) -> Parameters:
    """Check values as read from YAML.

    Raises:
        ParameterError: the first field that is unknown, missing, or outside its range, in one line.
    """
    return validated("params.yaml", values, Parameters)


def load_parameters(path: str | Path, scales: str | Path) -> Parameters:
    """Read `params.yaml` and lay the file of its scale, from the folder `scales`, over it.

    Raises:
        ParameterError: a file is missing or no YAML mapping, or a value cannot be used.
    """
    values = _read_mapping(Path(path))
    for scale in overlays(str(values.get("scale"))):
        overlay = Path(scales) / f"{scale}.yaml"
        if not overlay.is_file():
            known = sorted(file.stem for file in Path(scales).glob("*.yaml"))
            raise ParameterError(f"{path}: scale: {scale!r} is none of {known}")
        values = merge(values, _read_mapping(overlay))
    return parse_parameters(values)


def overlays(scale: str) -> tuple[str, ...]:
    """The scales whose files are laid over `params.yaml`, in this order, for one scale.

    Stand-ins run what the scale `paper` runs, so their file says only what differs from it.
    """
    return ("paper", "stand_ins") if scale == "stand_ins" else (scale,)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested mapping over another; lists and plain values are replaced whole."""
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = merge(old, value) if both else value
    return merged


def schema_text() -> str:
    """The JSON schema of `params.yaml`, as it stands in `workflow/schemas/params.schema.json`."""
    schema = Parameters.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ParameterError(f"{path}: {problem.strerror}") from None
    except yaml.YAMLError as problem:
        raise ParameterError(f"{path}: not YAML: {' '.join(str(problem).split())}") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: holds {type(values).__name__}, not names with values")
    return values


if __name__ == "__main__":
    if sys.argv[1:] != ["--schema"]:
        sys.exit("usage: python -m palimpsest.pipeline.parameters --schema")
    sys.stdout.write(schema_text())
