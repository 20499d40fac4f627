"""Undo and redo: an immutable line of works, each with the name of the change that made it.

    history = History.of(work).then("paint copy", changed)
    history.undone().present            # `work`

A slider sends many small changes. Those with the same ``stroke`` that follow each other within
`TOGETHER` seconds are one step.
"""

from __future__ import annotations

from pydantic import Field

from palimpsest.editor.work import Frozen, Work

LIMIT = 200
"""Steps that are kept."""

TOGETHER = 1.0
"""Seconds within which changes of one stroke are one step."""


class Step(Frozen):
    """A work, and the change that led to it from the step before (empty for the first)."""

    work: Work
    label: str = ""
    stroke: str = ""
    at: float = 0.0


class History(Frozen):
    """Steps in their order; ``place`` is the present one."""

    steps: tuple[Step, ...] = Field(min_length=1)
    place: int = Field(default=0, ge=0)

    @classmethod
    def of(cls, work: Work) -> History:
        """A history that begins with ``work``."""
        return cls(steps=(Step(work=work),))

    @property
    def present(self) -> Work:
        """The work as it is now."""
        return self.steps[self.place].work

    @property
    def undo_label(self) -> str | None:
        """Name of the change that `undone` takes back, or None if there is none."""
        return self.steps[self.place].label if self.place > 0 else None

    @property
    def redo_label(self) -> str | None:
        """Name of the change that `redone` makes again, or None if there is none."""
        later = self.place + 1
        return self.steps[later].label if later < len(self.steps) else None

    def then(self, label: str, work: Work, stroke: str = "", at: float = 0.0) -> History:
        """The history after a change; what was undone is forgotten. The same work changes nothing.

        ``stroke``: what is dragged; ``at``: when, in seconds.
        """
        if work == self.present:
            return self
        before = self.steps[: self.place + 1]
        last = before[-1]
        together = bool(stroke) and last.stroke == stroke and 0 <= at - last.at <= TOGETHER
        if together and len(before) > 1:
            before = before[:-1]
        step = Step(work=work, label=label, stroke=stroke, at=at)
        steps = (*before, step)[-LIMIT:]
        return History(steps=steps, place=len(steps) - 1)

    def undone(self) -> History:
        """The history one step back; unchanged at its beginning."""
        return self.model_copy(update={"place": max(0, self.place - 1)})

    def redone(self) -> History:
        """The history one step forward again; unchanged at its end."""
        return self.model_copy(update={"place": min(len(self.steps) - 1, self.place + 1)})
