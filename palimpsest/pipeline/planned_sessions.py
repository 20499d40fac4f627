"""The sessions of a run: where each comes from, the layer it edits, and the files of its edits.

`palimpsest.pipeline.plan.Plan` adds what is measured, and the experiments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from palimpsest.errors import ParameterError
from palimpsest.methods.registry import METHODS, with_rank
from palimpsest.pipeline.checkout_files import LAYER_CHOICE, CheckoutFiles
from palimpsest.pipeline.parameters import Parameters
from palimpsest.pipeline.parameters.sessions import SessionParameters
from palimpsest.settings import validated


class ModelSession(NamedTuple):
    """A session of a model; another model may have one of the same name."""

    model: str
    session: str

    @property
    def of_model(self) -> str:
        """MODEL/SESSION, as in the paths of its files."""
        return f"{self.model}/{self.session}"

    @property
    def at_model(self) -> str:
        """SESSION@MODEL, for files that lie in one folder; no name of a session has an @."""
        return f"{self.session}@{self.model}"


@dataclass(frozen=True)
class SessionPlan:
    """Sessions, edits and statistics, from the parameters and the files of the checkout."""

    parameters: Parameters
    files: CheckoutFiles

    # models

    def weights(self, model: str) -> str:
        """The file of a model's weights."""
        return self.parameters.models[model].weights

    def segmenter(self, model: str) -> str | None:
        """The file of a model's segmenter, if it has one."""
        return self.parameters.models[model].segmenter

    def critic(self, model: str) -> str | None:
        """The file of the critic on a model's segmenter, if it has one."""
        return self.parameters.models[model].critic

    def drawings(self, model: str) -> str | None:
        """The group of drawings that a model's sessions are drawn from; None if its segmenter has
        no labels for any."""
        about = self.parameters.models[model]
        return (about.drawings or about.world) if about.segmenter else None

    def model_layer(self, model: str) -> int:
        """The layer that a model's sessions edit unless they name another.

        Raises:
            ParameterError: neither the parameters nor the adopted layers name one.
        """
        layer = self.parameters.models[model].layer or self.files.adopted_layers.get(model)
        if layer is None:
            raise ParameterError(
                f"models.{model}.layer: null, and {LAYER_CHOICE} names no layer for this model; "
                f"write the one that `palimpsest advise --weights {self.weights(model)}` names, or "
                "write a provisional one, probe the model (layer_probe.models) and run "
                "`make adopt-layers`"
            )
        return layer

    # sources of sessions: drawn by hand, published, or drawn from labels

    def hand_drawn_sessions(self, model: str) -> dict[str, str]:
        """Sessions in `data/sessions/MODEL/`: name -> file."""
        sessions = self.files.hand_drawn.get(model, {})
        return {name: session.file for name, session in sessions.items()}

    def fetched_sessions(self, model: str) -> dict[str, str]:
        """Published sessions, unless one was drawn by hand in its place: name -> file."""
        fetched = self.parameters.models[model].fetched_sessions
        by_hand = self.hand_drawn_sessions(model)
        return {name: file for name, file in fetched.items() if name not in by_hand}

    def fetched_session_file(self, model: str, session: str) -> str:
        """The file of a published session."""
        return self.fetched_sessions(model)[session]

    @cached_property
    def all_fetched_sessions(self) -> dict[str, ModelSession]:
        """The published sessions of all models: MODEL/SESSION -> session."""
        models = self.parameters.models
        found = [
            ModelSession(model, name) for model in models for name in self.fetched_sessions(model)
        ]
        return {one.of_model: one for one in found}

    def sessions_from_labels(self, model: str) -> list[str]:
        """Sessions to draw from labels: those in the parameters without a session file."""
        if self.drawings(model) is None:
            return []
        drawn = {**self.hand_drawn_sessions(model), **self.fetched_sessions(model)}
        return [name for name in self.parameters.sessions.get(model, {}) if name not in drawn]

    def sessions(self, model: str) -> list[str]:
        """All sessions of a model, by name."""
        return sorted(
            {
                *self.sessions_from_labels(model),
                *self.fetched_sessions(model),
                *self.hand_drawn_sessions(model),
            }
        )

    @cached_property
    def all_sessions(self) -> list[ModelSession]:
        """Every session, model by model."""
        models = self.parameters.models
        return [ModelSession(model, name) for model in models for name in self.sessions(model)]

    # one session

    def saved_session_folder(self, model: str) -> str:
        """The folder of a model's hand-drawn sessions, to which the editor saves."""
        return f"data/sessions/{model}"

    def drawn_session_folder(self, model: str) -> str:
        """The folder of a model's sessions that are drawn from labels."""
        return f"results/sessions/{model}"

    def session_file(self, model: str, session: str) -> str:
        """The file of a session: the hand-drawn one if there is one."""
        made = f"{self.drawn_session_folder(model)}/{session}.json"
        return self.hand_drawn_sessions(model).get(session, made)

    def session_layer(self, model: str, session: str) -> int:
        """The layer that a session edits: the one in its hand-drawn file, else in its parameters,
        else that of its model."""
        by_hand = self.files.hand_drawn.get(model, {}).get(session)
        return (
            (by_hand.layer if by_hand else None)
            or self.parameters.session(model, session).layer
            or self.model_layer(model)
        )

    def tried_layers(self, model: str, session: str, method: str | None = None) -> list[int]:
        """The layers at which a method tries a session, the session's own first.

        By default the session's own method, which is the only one that may try more than one.
        """
        own = self.session_layer(model, session)
        solve = self.solving(model, session)
        if with_rank(method or solve.solver)[0] != solve.solver:
            return [own]
        # a session drawn by hand may name another layer than the parameters
        return [own, *(one for one in solve.candidate_layers if one != own)]

    def sessions_with_layers(self, model: str, files: Iterable[str]) -> list[str]:
        """`NAME@LAYER` for each session that is drawn into one of ``files``."""
        names = [Path(file).stem for file in files]
        return [f"{name}@{self.session_layer(model, name)}" for name in names]

    def own_layers(self, model: str) -> dict[str, int]:
        """The layers that the parameters give single sessions of a model, by session.

        They do not depend on files, so that a session drawn by hand changes none of them.
        """
        sessions = self.parameters.sessions.get(model, {})
        return {name: own.layer for name, own in sessions.items() if own.layer is not None}

    def session_truncation(self, model: str, session: str) -> float:
        """The truncation of the samples that a session was drawn on."""
        by_hand = self.files.hand_drawn.get(model, {}).get(session)
        own = self.parameters.models[model].truncation
        return own if by_hand is None or by_hand.truncation is None else by_hand.truncation

    def statistics_file(self, model: str, layer: int, truncation: float | None = None) -> str:
        """The statistics of the keys of a layer, at the model's truncation or at another."""
        of = "" if truncation is None else self.truncated(model, truncation)
        return f"data/statistics/{model}/layer{layer}{of}.safetensors"

    def session_statistics_file(self, model: str, session: str) -> str:
        """The statistics of the layer that a session edits, at the session's truncation."""
        truncation = self.session_truncation(model, session)
        return self.statistics_file(model, self.session_layer(model, session), truncation)

    def tried_statistics_files(
        self, model: str, session: str, method: str | None = None
    ) -> list[str]:
        """The statistics of `tried_layers`, at the session's truncation."""
        truncation = self.session_truncation(model, session)
        layers = self.tried_layers(model, session, method)
        return [self.statistics_file(model, layer, truncation) for layer in layers]

    def truncated(self, model: str, truncation: float) -> str:
        """What the name of a statistics file says of a truncation: nothing of the model's own."""
        own = self.parameters.models[model].truncation
        return "" if truncation == own else f"-truncation{truncation:.12g}"

    def truncation_named(self, model: str, truncated: str) -> float:
        """The truncation that the name of a statistics file says; see `truncated`."""
        own = self.parameters.models[model].truncation
        return float(truncated.removeprefix("-truncation")) if truncated else own

    def solving(self, model: str, session: str) -> SessionParameters:
        """How a session is solved: as the parameters say if they name it, else as its hand-drawn
        file says, else as `solve` says for all."""
        found = self.parameters.session(model, session)
        by_hand = self.files.hand_drawn.get(model, {}).get(session)
        named = session in self.parameters.sessions.get(model, {})
        if named or by_hand is None or not by_hand.solve:
            return found
        return validated(by_hand.file, found.model_dump() | by_hand.solve, SessionParameters)

    # edits

    def own_method(self, model: str, session: str) -> str:
        """The method of a session's own edit."""
        return self.solving(model, session).solver

    def edit_file(self, model: str, session: str, method: str | None = None) -> str:
        """The edit of a session by ``method``; by default its own edit."""
        if method is None or method == self.own_method(model, session):
            return f"data/edits/{model}/{session}.safetensors"
        return f"data/edits/{model}/{session}/{method}.safetensors"

    def method_settings(
        self, model: str, session: str, method: str | None = None
    ) -> dict[str, Any]:
        """Settings of a rewriting method for one session; by default of the session's own
        method."""
        solve = self.solving(model, session)
        method, rank = with_rank(method or solve.solver)
        given = solve.model_dump(include={"rank", "mu", "exemplars"})
        given |= {"rank": rank} if rank else {}
        if solve.measure and solve.measure.targets:
            given |= solve.measure.model_dump(include={"source", "targets"})
        fields = METHODS[method].session_fields
        shared = self.parameters.method_settings(method)
        settings = shared.model_dump()
        if own := solve.methods.get(method):
            where = f"sessions.{model}.{session}.methods.{method}"
            settings = validated(where, settings | own, type(shared)).model_dump()
        return settings | {name: given[name] for name in fields if name in given}

    def image_method_settings(self, methods: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The settings of methods that change images and have no edit file: method -> settings."""
        return {name: self.parameters.method_settings(name).model_dump() for name in methods}
