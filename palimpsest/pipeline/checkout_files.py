"""Files of a checkout that decide what a run makes, such as hand-drawn sessions and studies.

    files = CheckoutFiles.read(".", ["church", "face"])
    files.hand_drawn["church"]["my_idea"].layer     # 8, or None if the file names no layer

All paths are relative to the folder of the checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palimpsest.errors import ParameterError
from palimpsest.files.session_files import left_out_line, session_files, without_goal_line
from palimpsest.pipeline.adopted_layers import adopted_layers

LAYER_CHOICE = "data/layer_choice.csv"


@dataclass(frozen=True)
class HandDrawnSession:
    """A session file in `data/sessions/MODEL/`, and the layer that it names, if any.

    ``solve``: how it is solved, if the file says so: solver, exemplars, mu. ``truncation``: of the
    samples that it was drawn on, if that is not the model's own. ``has_goal``: whether an edit can
    be made of it.
    """

    file: str
    layer: int | None = None
    solve: Mapping[str, Any] = field(default_factory=dict)
    truncation: float | None = None
    has_goal: bool = True


@dataclass(frozen=True)
class CheckoutFiles:
    """Sessions, studies and adopted layers of a checkout.

    ``hand_drawn``: model -> session -> file. ``studies``: session -> the files of the judges'
    answers, for each session whose study has a key. ``adopted_layers``: model -> layer.
    ``optional``: those files that a run can do without, and that are there. ``left_out``: files
    among the sessions whose names do not follow the rule of `files.session_files`.
    ``without_goal``: sessions of which no edit can be made; they are not among ``hand_drawn``.
    """

    hand_drawn: Mapping[str, Mapping[str, HandDrawnSession]] = field(default_factory=dict)
    studies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    adopted_layers: Mapping[str, int] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()
    without_goal: tuple[str, ...] = ()

    @property
    def told(self) -> list[str]:
        """What to tell about files that a run does not use, in one line for each reason."""
        lines = (left_out_line(self.left_out), without_goal_line(self.without_goal))
        return [line for line in lines if line]

    @classmethod
    def read(
        cls, folder: str | Path, models: Iterable[str], optional: Iterable[str] = ()
    ) -> CheckoutFiles:
        """The files in ``folder``: hand-drawn sessions of ``models``, and those of ``optional``
        that are there.

        Raises:
            ParameterError: a hand-drawn session or the table of adopted layers cannot be read.
        """
        folder = Path(folder)
        found = {model: session_files(folder / "data" / "sessions" / model) for model in models}
        drawn = {model: _hand_drawn(folder, one.files) for model, one in found.items()}
        return cls(
            hand_drawn={
                model: {name: one for name, one in sessions.items() if one.has_goal}
                for model, sessions in drawn.items()
            },
            without_goal=tuple(
                one.file
                for sessions in drawn.values()
                for one in sessions.values()
                if not one.has_goal
            ),
            left_out=tuple(
                _within(folder, path) for one in found.values() for path in one.left_out
            ),
            studies=_studies(folder),
            adopted_layers=adopted_layers(folder / LAYER_CHOICE),
            optional=frozenset(file for file in optional if (folder / file).is_file()),
        )


def _hand_drawn(folder: Path, files: Mapping[str, Path]) -> dict[str, HandDrawnSession]:
    return {name: _session_in(path, _within(folder, path)) for name, path in files.items()}


def _within(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _session_in(path: Path, file: str) -> HandDrawnSession:
    """What a session file says of its layer, its truncation and how it is solved."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        content = None
    layer = content.get("layer") if isinstance(content, dict) else "none"
    if layer is not None and (isinstance(layer, bool) or not isinstance(layer, int)):
        raise ParameterError(f"{file}: not a session file; draw it again or remove it")
    solve = content.get("solve") or {}
    if not isinstance(solve, dict) or not solve.keys() <= {"solver", "exemplars", "mu"}:
        raise ParameterError(f"{file}: field solve: it has solver, exemplars and mu; save it again")
    truncation = content.get("truncation")
    if truncation is not None and (
        isinstance(truncation, bool)
        or not isinstance(truncation, int | float)
        or not 0 <= truncation <= 1
    ):
        raise ParameterError(f"{file}: field truncation: it is a number from 0 to 1")
    return HandDrawnSession(file, layer, solve, truncation, _has_goal(content))


def _has_goal(content: Mapping[str, Any]) -> bool:
    """Whether a session, ours or the original's, erases or pastes anything.

    One in which nothing is painted counts as one with a goal: the job that reads it says what is
    wrong with the file.
    """
    exemplars = content.get("exemplars") or [content]
    parts = [one for one in exemplars if isinstance(one, dict)]
    painted = ("exemplars", "context", "key", "query", "object", "paste")
    if content.get("erase") or not any(content.get(field) for field in painted):
        return True
    return any(one.get("object") and one.get("paste") for one in parts)


def _studies(folder: Path) -> dict[str, tuple[str, ...]]:
    return {
        key.parent.name: tuple(
            _within(folder, file) for file in sorted(key.parent.glob("answers*.csv"))
        )
        for key in sorted((folder / "data" / "studies").glob("*/key.csv"))
    }
