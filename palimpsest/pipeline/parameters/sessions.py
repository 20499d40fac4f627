"""The sections `solve` and `sessions`: how sessions are solved and measured."""

from __future__ import annotations

from pydantic import Field, model_validator

from palimpsest.pipeline.parameters.methods import Solver
from palimpsest.settings import Count, LayerNumber, Name, Rank, Settings, Smoothness


class ChangeMeasured(Settings):
    """How the effect of an edit is measured.

    Either pixels of the ``source`` classes that became one of the ``targets``, or images in which
    a classifier sees an ``attribute``.
    """

    source: list[Name] = Field(min_length=1)
    targets: list[Name] = []
    attribute: Name | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> ChangeMeasured:
        if bool(self.targets) == bool(self.attribute):
            raise ValueError("give either targets (classes) or an attribute, not both or neither")
        return self


class SessionParameters(Settings):
    """How one session is solved; fields that are left out are those of `solve`."""

    solver: Solver = "newton"
    exemplars: Count = 1
    mu: Smoothness = 0.1
    rank: Rank | None = None
    layer: LayerNumber | None = None
    measure: ChangeMeasured | None = None


class SolveParameters(SessionParameters):
    """How a session is solved unless it has settings of its own."""
