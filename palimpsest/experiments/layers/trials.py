"""The same edit made at every layer, to compare the layers.

    survey = survey_samples(g, segmenter, layer=6, n=400, seed=1)
    sessions = sessions_at("dome2spire", survey, g, layers=(4, 5, 6, 7), model="church", seed=1)
    for trial in trials_at(g, sessions, stats, settings):
        trial.layer, trial.mu, trial.edit

Every layer gets the same drawing on the same samples, fitted to its own grid of cells (or one given
session, unchanged), and the same solver: `newton` at rank one, with several exemplars in one edit,
so that the result does not depend on a single donor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from palimpsest.drawing.draw import Drawing, draw, drawings_of
from palimpsest.drawing.survey import Survey
from palimpsest.errors import ParameterError, SessionError
from palimpsest.experiments.layers.settings import TrialSettings
from palimpsest.experiments.tradeoff.settings import SweepSettings
from palimpsest.experiments.tradeoff.sweep import Trial, sweep
from palimpsest.generators.base import Generator
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.sessions.schema import Session


@dataclass(frozen=True)
class LayerTrial:
    """The edit of one ``layer`` at one setting."""

    layer: int
    trial: Trial

    @property
    def name(self) -> str:
        """Layer and μ as a name, unique among the trials of a session."""
        return f"layer {self.layer}, mu {self.mu:.12g}"

    @property
    def mu(self) -> float:
        """Weight of the smoothness term."""
        return self.trial.setting.mu

    @property
    def edit(self) -> Edit:
        """The edit itself."""
        return self.trial.edit

    def record(self) -> dict[str, float | str]:
        """Columns of the trial: those of `Trial.record` under this name, and ``layer``."""
        return self.trial.record() | {"method": self.name, "layer": self.layer}


def drawing_for(name: str, segmenter: Segmenter, group: str = "") -> Drawing:
    """The drawing called ``name`` of a ``group``, by default of the segmenter's world.

    Raises `ParameterError` for a segmenter without a world if no group is given, and for an unknown
    group or name.
    """
    known = drawings_of(group or segmenter.world)
    if not known and group:
        raise ParameterError(f"no drawings are called {group!r}")
    if not known:
        raise ParameterError(
            f"this segmenter has no world to draw {name} from; give a session file"
        )
    if name not in known:
        raise ParameterError(f"{name} is none of {', '.join(known)}, which can be drawn here")
    return known[name]


def sessions_at(
    name: str, survey: Survey, g: Generator, layers: Iterable[int], *, model: str, seed: int
) -> dict[int, Session]:
    """The drawing called ``name`` for each layer that it can be drawn for, by layer.

    Layers on whose grid nothing fits are left out. ``seed``: of the stream whose first samples were
    surveyed. Raises `SessionError` if it can be drawn for no layer.
    """
    drawn: dict[int, Session | SessionError] = {}  # by cells: layers of one grid share a drawing
    found: dict[int, Session] = {}
    for layer in layers:
        cells = g.layer(layer).value_size
        if cells not in drawn:
            drawn[cells] = _drawn(name, replace(survey, cells=cells), layer, model, seed)
        session = drawn[cells]
        if isinstance(session, Session):
            found[layer] = session.at_layer(layer)
    if not found:
        raise next(iter(drawn.values()), SessionError(f"session {name}: no layer was given"))
    return found


def session_at_layers(session: Session, layers: Iterable[int]) -> dict[int, Session]:
    """One given session for each of the layers: its masks fit any grid."""
    return {layer: session.at_layer(layer) for layer in layers}


def _drawn(name: str, survey: Survey, layer: int, model: str, seed: int) -> Session | SessionError:
    """The session on one grid of cells, or the error that says why nothing fits."""
    try:
        return draw(name, survey, model=model, layer=layer, seed=seed)
    except SessionError as problem:
        return problem


def trials_at(
    g: Generator,
    sessions: Mapping[int, Session],
    stats: Mapping[int, KeyStatistics],
    settings: TrialSettings,
) -> Iterator[LayerTrial]:
    """Edits of every layer at every μ, in the order of the layers and of ``settings.mus``.

    Args:
        stats: by layer, over all its keys.
        settings: a session with fewer exemplars than ``settings.exemplars`` is solved with all.

    Raises `StatisticsError` for statistics of other weights or of another layer.
    """
    for layer, session in sessions.items():
        count = min(settings.exemplars, len(session.exemplars))
        grid = SweepSettings(
            ranks=(1,), exemplars=(count,), mus=settings.mus, iterations=settings.iterations
        )
        for trial in sweep(g, session, stats[layer], grid, sets=[(1, count)]):
            yield LayerTrial(layer, trial)
