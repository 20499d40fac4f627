"""How a run of the pipeline would solve a session: what `params.yaml` and the session's file say.

    planned = planned_session(Path("params.yaml"), weights, session)
    planned.method, planned.settings("palimpsest")      # with the session's own `methods:`

The command `palimpsest rewrite` takes its defaults from it, so that its edit in a checkout is the
pipeline's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palimpsest.errors import ParameterError
from palimpsest.pipeline.checkout_files import CheckoutFiles, HandDrawnSession
from palimpsest.pipeline.shipped_models import is_checkout

if TYPE_CHECKING:
    from palimpsest.pipeline.planned_sessions import SessionPlan
    from palimpsest.sessions import Session

PARAMS = "params.yaml"


@dataclass(frozen=True)
class PlannedSession:
    """A session of a model in a checkout, and how a run would solve it."""

    folder: Path
    plan: SessionPlan
    model: str
    session: str

    @property
    def method(self) -> str:
        """The name of the method of the session's own edit."""
        return self.plan.own_method(self.model, self.session)

    def settings(self, method: str) -> Mapping[str, Any]:
        """The settings of a method for this session."""
        return self.plan.method_settings(self.model, self.session, method)

    @property
    def layer(self) -> int:
        """The layer of its edit. Raises `ParameterError` if nothing names one."""
        return self.plan.session_layer(self.model, self.session)

    def candidate_layers(self, method: str) -> list[int]:
        """The layers that a method tries beside it."""
        return self.plan.tried_layers(self.model, self.session, method)[1:]

    @property
    def truncation(self) -> float:
        """Truncation of the model."""
        return self.plan.parameters.models[self.model].truncation

    @property
    def statistics_samples(self) -> tuple[int, int]:
        """Number and random seed of the samples whose keys are collected."""
        about = self.plan.parameters.statistics
        return about.samples, about.seed

    def statistics_file(self, layer: int, truncation: float | None = None) -> Path:
        """The statistics of the keys of a layer, which may not have been made.

        ``truncation``: of the samples; None for the model's own.
        """
        return self.folder / self.plan.statistics_file(self.model, layer, truncation)

    @property
    def segmenter(self) -> Path | None:
        """The file of the model's segmenter, if it has one."""
        file = self.plan.segmenter(self.model)
        return None if file is None else self.folder / file

    @property
    def critic(self) -> Path | None:
        """The file of the critic on the segmenter, if the model has one."""
        file = self.plan.critic(self.model)
        return None if file is None else self.folder / file


def planned_session(params: Path | None, weights: Path, session: Session) -> PlannedSession | None:
    """How a run in the folder of ``params`` would solve a session of the model with these weights.

    ``params``: by default that of the checkout that one is in. None without a checkout, or if the
    weights there are those of no model, or of another than the session's. Raises `ParameterError`
    if ``params`` is given and says nothing of the session, is not in a checkout, or is invalid.
    """
    if params is None:
        return _planned(Path(PARAMS), weights, session) if is_checkout(Path()) else None
    if not params.is_file():
        raise ParameterError(f"{params}: no such file; give the {PARAMS} of a checkout")
    if not is_checkout(params.parent):
        raise ParameterError(
            f"{params}: not in a checkout of this project, which has workflow/scales beside it"
        )
    found = _planned(params, weights, session)
    if found is None:
        of = f"session {session.name} of model {session.model}" if session.model else session.name
        raise ParameterError(f"--params: {params} has no model for {weights} and {of}")
    return found


def _planned(params: Path, weights: Path, session: Session) -> PlannedSession | None:
    folder = params.parent
    # imported here: it reads the settings of every experiment
    from palimpsest.pipeline.parameters.loading import load_parameters
    from palimpsest.pipeline.planned_sessions import SessionPlan

    parameters = load_parameters(params, folder / "workflow" / "scales")
    model = _model_of(folder, parameters.models, weights, session)
    if model is None:
        return None
    files = CheckoutFiles.read(folder, parameters.models)
    solve = session.solve.model_dump() if session.solve else {}
    drawn = {session.name: HandDrawnSession(f"session {session.name}", session.layer, solve)}
    hand_drawn = {**files.hand_drawn, model: {**files.hand_drawn.get(model, {}), **drawn}}
    plan = SessionPlan(parameters, replace(files, hand_drawn=hand_drawn))
    return PlannedSession(folder, plan, model, session.name)


def _model_of(
    folder: Path, models: Mapping[str, Any], weights: Path, session: Session
) -> str | None:
    files = {name: folder / about.weights for name, about in models.items()}
    same = [name for name, file in files.items() if file.is_file() and file.samefile(weights)]
    if session.model is None:
        return same[0] if same else None
    return session.model if session.model in same else None
