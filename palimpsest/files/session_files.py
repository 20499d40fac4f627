"""Session files in a folder: one rule for their names, for the editor, the commands and the
pipeline.

    found = session_files("data/sessions/church")
    found.files["dome2tree"]        # data/sessions/church/dome2tree.json
    found.left_out                  # (data/sessions/church/dome2tree (1).json,)
    left_out_line(found.left_out)   # what to tell about them, in one line

A session is called as its file is, before `.json`. The rule is `palimpsest.settings.SESSION_NAME`;
a file that does not follow it is used nowhere, so that all parts agree on what there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from palimpsest.errors import SessionError
from palimpsest.files.atomic import is_unfinished
from palimpsest.settings import LONGEST_SESSION_NAME, SESSION_NAME

ENDING = ".json"

RULE = (
    f"a session is a file NAME{ENDING}, its NAME letters (A-Z, a-z), digits, '_', '-' and '.', the "
    f"first a letter or digit, at most {LONGEST_SESSION_NAME} characters"
)
"""The rule in words."""

WITHOUT_GOAL = (
    "nothing is copied and pasted there, so there is no goal; finish it in the editor, add the "
    "field erase, or use it with `palimpsest search`, `units`, `direction` or `rewrite --erase`"
)
"""What a session without a goal is, and what can be done with it."""


@dataclass(frozen=True)
class SessionFiles:
    """The session files of a folder by name, in order, and those that are ``left_out``."""

    files: dict[str, Path] = field(default_factory=dict)
    left_out: tuple[Path, ...] = ()


def session_files(folder: str | PathLike[str]) -> SessionFiles:
    """The session files in ``folder``; none if there is no such folder.

    What ends in `.json`, in capitals too, and is no file or has another name is left out. Files
    that a program is writing are not looked at.
    """
    files: dict[str, Path] = {}
    left_out = []
    folder = Path(folder)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.name.lower().endswith(ENDING) or is_unfinished(path):
            continue
        name = session_name(path)
        if name is None or not path.is_file():
            left_out.append(path)
        else:
            files[name] = path
    return SessionFiles(files, tuple(left_out))


def session_name(path: str | PathLike[str]) -> str | None:
    """The name of the session in a file of this path; None if it does not follow the rule."""
    name = Path(path).name.removesuffix(ENDING)
    fits = len(name) <= LONGEST_SESSION_NAME and re.fullmatch(SESSION_NAME, name)
    return name if fits and name + ENDING == Path(path).name else None


def check_session_name(path: str | PathLike[str]) -> None:
    """Raise `SessionError` for a file whose name does not follow the rule."""
    if session_name(path) is None:
        raise SessionError(f"{_shown(path)}: {RULE}; rename it")


def left_out_line(paths: Iterable[str | PathLike[str]]) -> str:
    """One line that names files which are left out, and the rule; empty if there are none."""
    names = ", ".join(_shown(path) for path in paths)
    return f"left out: {names} ({RULE}; rename what is to be used)" if names else ""


def without_goal_line(paths: Iterable[str | PathLike[str]]) -> str:
    """One line that names sessions which no edit is made of, and why; empty if there are none."""
    names = ", ".join(_shown(path) for path in paths)
    return f"no edit is made of: {names} ({WITHOUT_GOAL})" if names else ""


def _shown(path: str | PathLike[str]) -> str:
    """A path in one line, whatever its name is made of."""
    text = Path(path).as_posix()
    return text if text.isprintable() else ascii(text)
