"""The sections `solve` and `sessions`: how sessions are solved and measured."""

from __future__ import annotations

from pydantic import JsonValue, model_validator

from palimpsest.experiments.comparison.settings import ChangedClasses
from palimpsest.pipeline.parameters.methods import MethodParameters, Solver
from palimpsest.settings import (
    Count,
    LayerNumber,
    Name,
    Rank,
    Settings,
    Smoothness,
    check_distinct,
)


class ChangeMeasured(ChangedClasses):
    """Settings of the measured effect of an edit.

    Either pixels of the ``source`` classes that became one of the ``targets``, or images in which
    a classifier sees an ``attribute``.
    """

    attribute: Name | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> ChangeMeasured:
        if bool(self.targets) == bool(self.attribute):
            raise ValueError("give either targets (classes) or an attribute, not both or neither")
        return self

    @property
    def classes(self) -> ChangedClasses:
        """Only the classes, as the stages take them."""
        return ChangedClasses(source=self.source, targets=self.targets)


class SessionParameters(Settings):
    """Settings of one session; fields that are left out are those of `solve`.

    ``candidate_layers``: layers that the solver `palimpsest` tries beside ``layer``; the best edit
    of all is kept. ``further_ranks``: a measured session is also solved by its own solver at these
    ranks, each a row of the table and of the figure of all methods. ``methods``: settings that
    differ from those of the section `methods` for this session alone.
    """

    solver: Solver = "newton"
    exemplars: Count = 1
    mu: Smoothness = 0.1
    rank: Rank | None = None
    layer: LayerNumber | None = None
    measure: ChangeMeasured | None = None
    candidate_layers: list[LayerNumber] = []
    further_ranks: list[Rank] = []
    methods: dict[Name, dict[Name, JsonValue]] = {}

    @model_validator(mode="after")
    def _each_layer_once(self) -> SessionParameters:
        check_distinct(self, "candidate_layers")
        return self

    @model_validator(mode="after")
    def _methods_have_these_settings(self) -> SessionParameters:
        MethodParameters.model_validate(self.methods)
        return self


class SolveParameters(SessionParameters):
    """Default settings of all sessions; a session names its ``candidate_layers`` itself."""

    @model_validator(mode="after")
    def _no_candidate_layers(self) -> SolveParameters:
        if self.candidate_layers:
            raise ValueError("candidate_layers: give them to a session, not to all")
        return self
