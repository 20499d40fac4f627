"""Sessions that the editor can open, and saving one.

Saved ones are in the model's own folder; drawn ones where the pipeline drew them; an example ships
with the program. A name of the page is never a path: it is looked up among the files that are
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from palimpsest.editor.workplace import Workplace
from palimpsest.errors import SessionError
from palimpsest.files.session_files import session_files as session_files_in
from palimpsest.sessions import HalfSession, Session, load_session

Where = Literal["saved", "drawn", "example"]


class SessionSeen(BaseModel):
    """A session that can be opened."""

    name: str
    title: str | None
    layer: int | None
    where: Where


class NameTaken(SessionError):
    """A session of this name exists."""


def session_files(place: Workplace, model: str) -> dict[str, tuple[Where, Path]]:
    """The session files of a model by name: a saved one before a drawn one of the same name."""
    found: dict[str, tuple[Where, Path]] = {}
    for where, folder in _folders(place, model):
        for name, path in session_files_in(folder).files.items():
            found.setdefault(name, (where, path))
    return found


def listed(place: Workplace, model: str) -> list[SessionSeen]:
    """The sessions of a model that can be read, by name."""
    seen = []
    for name, (where, path) in sorted(session_files(place, model).items()):
        try:
            session = load_session(path)
        except SessionError:
            continue
        seen.append(SessionSeen(name=name, title=session.title, layer=session.layer, where=where))
    return seen


def session_called(place: Workplace, model: str, name: str) -> Session | HalfSession:
    """The session of a name, complete or half made.

    Raises `SessionError` if there is none, or its file is damaged.
    """
    files = session_files(place, model)
    if name not in files:
        raise SessionError(f"there is no session {name} of {model}")
    return load_session(files[name][1])


def save(place: Workplace, model: str, session: Session, overwrite: bool = False) -> Path:
    """Write a session to the model's folder.

    Raises `NameTaken` if there is one of this name, unless it may be overwritten.
    """
    path = place.models[model].sessions / f"{session.name}.json"
    if path.exists() and not overwrite:
        raise NameTaken(f"{session.name} exists; overwrite it?")
    session.save(path)
    return path


def _folders(place: Workplace, model: str) -> Iterator[tuple[Where, Path]]:
    files = place.models[model]
    yield "saved", files.sessions
    for folder in files.drawn:
        yield "drawn", folder
    if place.examples is not None:
        yield "example", place.examples / model
