"""What `params.yaml` may say: one model of it, and the JSON schema that Snakemake validates with.

::

    parameters = load_parameters("params.yaml", "workflow/scales")
    parameters.measure.samples

Values come from `params.yaml`, over which the file of its scale is laid. The schema in
`workflow/schemas/` is made from the model here, never by hand::

    python -m palimpsest.parameters --schema > workflow/schemas/params.schema.json
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from palimpsest.errors import ParameterError

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Rate = Annotated[float, Field(gt=0, le=1)]
Smoothness = Annotated[float, Field(ge=0)]

Scale = Literal["mini", "smoke", "paper"]
Solver = Literal["newton", "palimpsest"]
Method = Literal[
    "projected_gradient",
    "direct_lambda",
    "single_context",
    "single_layer",
    "finetune_all",
    "newton",
    "palimpsest",
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelParameters(_Section):
    """One generator: its files, and where it is edited.

    ``classifiers``: of whatever else is told of its pictures as a whole.
    """

    weights: str = Field(min_length=1)
    segmenter: str | None
    classifiers: list[str] = []
    world: Name | None
    truncation: float = Field(ge=0, le=1)
    layer: int = Field(ge=1, le=18)


class SampleParameters(_Section):
    """Samples `0 .. samples - 1` of the standard z of `seed`."""

    samples: Count
    seed: Seed


class RuleGradeParameters(SampleParameters):
    """How a rule is looked for in a generator; `palimpsest.instruments.interventions`."""

    units_of: Name
    layer: int = Field(ge=2, le=18)
    units: Count


class InversionParameters(_Section):
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


class ReflectionParameters(SampleParameters):
    """The reflections of section 5.3: `samples` and `seed` are those that are measured."""

    model: Name
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


class StageParameters(_Section):
    """Training at one resolution for a number of steps; `palimpsest.worlds.recipe.Stage`."""

    resolution: Literal[4, 8, 16, 32, 64, 128, 256]
    steps: Count
    batch: Count
    rate: Rate | None = None
    class_weights: dict[Name, Annotated[float, Field(gt=0)]] | None = None


class InterchangeParameters(_Section):
    """How a rule is made causal by splicing scenes; `palimpsest.worlds.recipe.Interchange`."""

    layer: int = Field(ge=2, le=18)
    units: Count
    whole: float = Field(ge=0, le=1)
    designated: float = Field(ge=0, le=1)
    flat: float = Field(ge=0, le=1)
    start: Literal[8, 16, 32, 64, 128, 256]


class RecipeParameters(_Section):
    """How a mini generator learns its world; `palimpsest.worlds.recipe.Recipe`."""

    kind: Literal["stylegan2", "progressive"] = "stylegan2"
    interchange: InterchangeParameters | None = None
    channels: dict[Annotated[str, Field(pattern=r"^[0-9]+$")], Count]
    stages: list[StageParameters] = Field(min_length=1)
    class_weights: dict[Name, Annotated[float, Field(gt=0)]]
    style_dim: Count
    mapping_layers: Count
    rate: Rate
    final_rate: Rate
    mapping_rate: Rate
    ema: float = Field(ge=0, lt=1)
    seed: Seed


class SegmenterParameters(_Section):
    """How a network that looks is trained: scenes rendered once, steps on them."""

    resolution: Literal[32, 64, 128, 256]
    scenes: Count
    steps: Count
    seed: Seed


class WorldParameters(_Section):
    """One world: how the opt-in rules learn it.

    `train_world` its generator, `train_segmenter` its segmenter, `train_classifier` whatever else
    is told of a picture as a whole.
    """

    recipe: RecipeParameters
    segmenter: SegmenterParameters
    classifiers: dict[Name, SegmenterParameters] = Field(default_factory=dict)


class DrawParameters(_Section):
    """How sessions are drawn from labels."""

    seed: Seed


class ChangeMeasured(_Section):
    """What an edit is measured by: pixels of class `source` that became one of `targets`."""

    source: Name
    targets: list[Name] = Field(min_length=1)


class SessionParameters(_Section):
    """How one session is solved; every field left out is taken from `solve`."""

    solver: Solver = "newton"
    mu: Smoothness = 0.1
    rank: Annotated[int, Field(ge=1, le=64)] | None = None
    layer: Annotated[int, Field(ge=2, le=18)] | None = None
    measure: ChangeMeasured | None = None


class SolveParameters(SessionParameters):
    """How a session is solved unless it says otherwise."""


class DescentParameters(_Section):
    """Adam on weights or on coefficients."""

    learning_rate: Rate
    iterations: Count


class ProjectedParameters(DescentParameters):
    """Adam on weights, projected on the directions every so many steps (Eq. 16)."""

    project_every: Count


class SingleContextParameters(ProjectedParameters):
    """The projected gradient with one context image only: the number of that image."""

    context: int = Field(ge=0)


class NewtonParameters(_Section):
    """Damped Gauss-Newton, reweighted for the L1 loss."""

    iterations: Count


class PalimpsestParameters(NewtonParameters):
    """Several exemplars in one edit, chosen on samples apart from those measured."""

    candidate_exemplars: Count
    exemplars: Count
    tuning_samples: Count
    tuning_seed: Seed
    statistics_samples: Count
    mu_grid: list[Smoothness] = Field(min_length=1)

    @model_validator(mode="after")
    def _enough_candidates(self) -> PalimpsestParameters:
        if self.exemplars > self.candidate_exemplars:
            raise ValueError(
                f"exemplars is {self.exemplars}, more than candidate_exemplars "
                f"({self.candidate_exemplars}); make it at most that"
            )
        return self


class MethodParameters(_Section):
    """The settings of every method of Table 2."""

    projected_gradient: ProjectedParameters
    direct_lambda: DescentParameters
    single_context: SingleContextParameters
    single_layer: DescentParameters
    finetune_all: DescentParameters
    newton: NewtonParameters
    palimpsest: PalimpsestParameters


class IntervalParameters(_Section):
    """Confidence intervals: bootstrap over images for means, Wilson for shares."""

    level: float = Field(gt=0.5, lt=1)
    resamples: int = Field(ge=10)
    seed: Seed


class FigureParameters(_Section):
    """What one figure shows: sessions of a model, solved by their own solver or by `methods`."""

    model: Name
    sessions: list[Name] = Field(min_length=1)
    methods: list[Method] = []
    pairs: int = Field(ge=1, le=48)


class StyleParameters(_Section):
    """How figures look."""

    dpi: int = Field(ge=40, le=600)
    font_size: float = Field(gt=3, lt=30)
    accent: Colour
    ink: Colour
    ground: Colour


class ComputeParameters(_Section):
    """What a job asks the scheduler for."""

    gpus: int = Field(ge=0, le=8)


class Parameters(_Section):
    """All of `params.yaml`."""

    scale: Scale
    models: dict[Name, ModelParameters]
    worlds: dict[Name, WorldParameters]
    statistics: SampleParameters
    draw: DrawParameters
    solve: SolveParameters
    sessions: dict[Name, dict[Name, SessionParameters]]
    methods: MethodParameters
    measure: SampleParameters
    grade: SampleParameters
    grade_rule: dict[Name, RuleGradeParameters]
    reflections: ReflectionParameters
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
        if self.reflections.model not in self.models:
            raise ValueError(
                f"reflections.model: no model {self.reflections.model!r}; "
                f"models are {list(self.models)}"
            )
        for name, figure in self.figures.items():
            if figure.model not in self.models:
                raise ValueError(
                    f"figures.{name}.model: no model {figure.model!r}; "
                    f"models are {list(self.models)}"
                )
        seeds = {self.measure.seed, self.methods.palimpsest.tuning_seed}
        if len(seeds) == 1:
            raise ValueError(
                "measure.seed equals methods.palimpsest.tuning_seed; settings must be chosen on "
                "other samples than those measured, so make them differ"
            )
        return self

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
    try:
        return Parameters.model_validate(values)
    except ValidationError as problem:
        errors = problem.errors(include_url=False)
        # a misspelt name is also a missing one: the misspelling says more
        first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
        rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ParameterError(f"params.yaml: {_in_words(first, errors)}{rest}") from None


def _in_words(error: Any, errors: list[Any]) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        missing = [
            other["loc"][-1]
            for other in errors
            if other["type"] == "missing" and other["loc"][:-1] == error["loc"][:-1]
        ]
        meant = difflib.get_close_matches(str(error["loc"][-1]), missing, n=1)
        hint = f"; did you mean {meant[0]!r}?" if meant else "; remove it"
        return f"{field}: there is no such parameter{hint}"
    reason = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = "" if error["type"] in ("missing", "value_error") else f", not {error['input']!r}"
    return f"{field}: {reason}{given}" if field else f"{reason}{given}"


def load_parameters(path: str | Path, scales: str | Path) -> Parameters:
    """Read `params.yaml` and lay the file of its scale, from the folder `scales`, over it.

    Raises:
        ParameterError: a file is missing or no YAML mapping, or a value cannot be used.
    """
    values = _read_mapping(Path(path))
    overlay = Path(scales) / f"{values.get('scale')}.yaml"
    if not overlay.is_file():
        known = sorted(file.stem for file in Path(scales).glob("*.yaml"))
        raise ParameterError(f"{path}: scale: {values.get('scale')!r} is none of {known}")
    return parse_parameters(merge(values, _read_mapping(overlay)))


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
        sys.exit("usage: python -m palimpsest.parameters --schema")
    sys.stdout.write(schema_text())
