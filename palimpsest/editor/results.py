"""What the engine gives for a work: a report, pictures one by one, and that all are finished."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """What the draft's edit reaches: goal loss without and with it, and the relative change on
    other keys. The numbers are None while something is ``missing``, or there is a ``problem``."""

    hash: str
    ms: float
    goal_before: float | None = None
    goal_after: float | None = None
    elsewhere: float | None = None
    provisional: bool = False
    missing: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Picture:
    """A finished picture."""

    hash: str
    sample: int
    png: bytes


@dataclass(frozen=True)
class Drawn:
    """All wanted pictures are finished."""

    hash: str
    pictures: int
    ms: float
