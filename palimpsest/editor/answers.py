"""The messages from the server to the page, version 1: JSON objects with a ``type``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from palimpsest.editor.messages import SAMPLES, VERSION


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    def text(self) -> str:
        """The message as JSON."""
        return self.model_dump_json()


class PlaceSeen(_Answer):
    """A selection: its sample, and the address of its mask."""

    sample: int
    mask: str


class ExemplarSeen(_Answer):
    """An exemplar; null where nothing is painted yet."""

    object: PlaceSeen | None
    paste: PlaceSeen | None


class DraftSeen(_Answer):
    """The draft."""

    name: str
    title: str | None
    exemplars: list[ExemplarSeen]
    context: list[PlaceSeen]
    erase: int | None
    complete: bool


class RuleSeen(_Answer):
    """A rule of the stack."""

    id: str
    name: str
    title: str | None
    layer: int
    rank: int
    on: bool
    strength: float
    kind: Literal["session", "file"]


class PhotographSeen(_Answer):
    """A photograph among the samples. ``fits``: whether it can be drawn with the rules, none of
    which is in a layer above ``above``; adapted again it could. ``note``: a sentence, or ""."""

    number: int
    title: str
    above: int
    fits: bool
    note: str


class LayerSeen(_Answer):
    """An editable layer: cells along the longer side of its keys, rows and columns of its values,
    its input units, and how many of them a rule that erases silences at first. ``name``: in its
    network, "" where layers have numbers alone."""

    number: int
    name: str
    keys: int
    values: tuple[int, int]
    units: int
    erases: int


class ModelSeen(_Answer):
    """The model that is open."""

    name: str
    title: str
    resolution: int
    samples: int = SAMPLES
    labels: bool
    truncates: bool
    photographs: bool


class StatisticsSeen(_Answer):
    """How far the statistics of the draft's layer are."""

    layer: int
    done: int
    total: int
    ready: bool


class UnitPlaceSeen(_Answer):
    """A place of a picture, and the units of a layer that are switched there."""

    layer: int
    place: PlaceSeen
    off: list[int]
    on: list[int]


class UnitSeen(_Answer):
    """A unit at a painted place: how many times its usual energy it has there, whether it is among
    those that fit best, and the address of its map on that sample."""

    unit: int
    energy: float
    fits: bool
    map: str


class UnitsSeen(_Answer):
    """The units that fit a place best, best first, and others that are switched in the layer."""

    layer: int
    sample: int
    units: list[UnitSeen]


class StateMessage(_Answer):
    """The whole state."""

    type: Literal["state"] = "state"
    version: int = VERSION
    answers: int | None
    revision: int
    hash: str
    original: str
    model: ModelSeen
    models: list[str]
    layers: list[LayerSeen]
    layer: int
    max_rank: int
    rank: int
    smoothness: float
    strength: float
    truncation: float
    draft: DraftSeen
    rules: list[RuleSeen]
    unit_places: list[UnitPlaceSeen]
    photographs: list[PhotographSeen]
    putting_in: str | None
    can_undo: bool
    can_redo: bool
    undo_label: str | None
    redo_label: str | None
    statistics: StatisticsSeen
    solver: Literal["newton", "palimpsest"]
    can_improve: bool
    improving: bool


class ReportMessage(_Answer):
    """What the draft's edit reaches."""

    type: Literal["report"] = "report"
    hash: str
    ms: float
    goal_before: float | None
    goal_after: float | None
    elsewhere: float | None
    provisional: bool
    missing: str | None
    problem: str | None


class PictureMessage(_Answer):
    """A picture can be fetched."""

    type: Literal["picture"] = "picture"
    hash: str
    sample: int


class DrawnMessage(_Answer):
    """All pictures of the last `Show` can be fetched."""

    type: Literal["drawn"] = "drawn"
    hash: str
    pictures: int
    ms: float


class ProgressMessage(_Answer):
    """How far something is that takes long."""

    type: Literal["progress"] = "progress"
    what: Literal["statistics", "improve", "photograph"]
    done: int
    total: int
    title: str


class ErrorMessage(_Answer):
    """One plain sentence."""

    type: Literal["error"] = "error"
    answers: int | None
    message: str


ToPage = (
    StateMessage | ReportMessage | PictureMessage | DrawnMessage | ProgressMessage | ErrorMessage
)
