"""Drafts: the whole history on the disk, written atomically after every change.

    drafts = Drafts.open(folder)            # locks the folder; one editor at a time
    drafts.save(history)
    drafts.load()                           # the history, or None

``work.json`` holds the steps and, once each, the masks that they share. A mask in a step is its
key. After ``kill -9`` the file is that of the last change that the page was told about.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from palimpsest.editor.history import History
from palimpsest.editor.photograph_shelf import PhotographShelf
from palimpsest.errors import EditError, SessionError
from palimpsest.files.atomic import atomic_write_bytes, atomic_write_text
from palimpsest.memory import Edit

VERSION = 1


@lru_cache(maxsize=4096)
def mask_key(url: str) -> str:
    """Name of a mask, from its content: 20 hexadecimal digits."""
    return hashlib.sha256(url.encode()).hexdigest()[:20]


class Drafts:
    """A folder with the history of one author's work and the edit files that it uses."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.photographs = PhotographShelf(folder / "photographs")
        self._lock = lock

    @classmethod
    def open(cls, folder: Path) -> Drafts:
        """The drafts in ``folder``, which is made if it is missing.

        Raises `SessionError` if another editor has it open.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SessionError(
                f"{folder}: another editor is open on these drafts; close it, or give --drafts "
                "another folder"
            ) from None
        return cls(folder, lock)

    def close(self) -> None:
        """Release the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def file(self) -> Path:
        """The file of the history."""
        return self.folder / "work.json"

    def save(self, history: History) -> None:
        """Write the history."""
        masks: dict[str, str] = {}

        def shortened(url: str) -> str:
            key = mask_key(url)
            masks[key] = url
            return key

        content = _with_masks(history.model_dump(mode="json"), shortened)
        text = json.dumps({"version": VERSION, "masks": masks, "history": content})
        atomic_write_text(self.file, text)

    def load(self) -> History | None:
        """The history that was saved last; None if there is none.

        A file that cannot be read is set aside, and `SessionError` names it.
        """
        if not self.file.is_file():
            return None
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            if content["version"] != VERSION:
                raise ValueError(f"version {content['version']!r} is not {VERSION}")
            masks = content["masks"]
            steps = _with_masks(content["history"], masks.__getitem__)
            history = History.model_validate_json(json.dumps(steps))
            if history.place >= len(history.steps):
                raise ValueError("its present step is missing")
            return history
        except (ValueError, KeyError, TypeError, ValidationError) as problem:
            raise self.set_aside(f"that cannot be read ({problem})") from None

    def tidy(self, history: History) -> None:
        """Delete the photographs that no step of the history shows."""
        if not any(self.folder.glob("work.*.json")):  # one that was set aside may show them
            shown = [one.number for step in history.steps for one in step.work.photographs]
            self.photographs.forget_all_but(frozenset(shown))

    def set_aside(self, reason: str) -> SessionError:
        """Rename the file, so that nothing painted is overwritten; an error that says where to."""
        stamp, number = time.strftime("%Y%m%d-%H%M%S"), 0
        aside = self.file.with_name(f"work.{stamp}.json")
        while aside.exists():
            number += 1
            aside = self.file.with_name(f"work.{stamp}-{number}.json")
        os.replace(self.file, aside)
        return SessionError(f"{aside}: the draft {' '.join(reason.split())[:200]} is kept here")

    def keep_edit(self, content: bytes) -> tuple[str, Edit]:
        """Store the content of an edit file; its SHA-256, and the edit.

        Raises `EditError` for content that is not an edit.
        """
        digest = hashlib.sha256(content).hexdigest()
        path = self._edit_file(digest)
        known = path.is_file()
        if not known:
            atomic_write_bytes(path, content)
        try:
            return digest, Edit.load(path)
        except EditError as problem:
            if not known:
                path.unlink()
            raise EditError(str(problem).replace(str(path), "this file")) from None

    def edit(self, digest: str) -> Edit:
        """The edit that was stored under this SHA-256. Raises `EditError` if it is not there."""
        return Edit.load(self._edit_file(digest))

    def keep_solution(self, name: str, edit: Edit) -> None:
        """Store the edit that a long search found."""
        edit.save(self._solution_file(name))

    def solution(self, name: str) -> Edit | None:
        """The edit of a search; None if there is none that can be read."""
        path = self._solution_file(name)
        with suppress(EditError):
            return Edit.load(path) if path.is_file() else None
        return None

    def _solution_file(self, name: str) -> Path:
        return self.folder / "searches" / f"{name}.safetensors"

    def _edit_file(self, digest: str) -> Path:
        return self.folder / "edits" / f"{digest}.safetensors"


def _with_masks(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value in which ``change`` is applied to every text called ``mask``."""
    if isinstance(value, dict):
        return {
            name: change(held)
            if name == "mask" and isinstance(held, str)
            else _with_masks(held, change)
            for name, held in value.items()
        }
    if isinstance(value, list):
        return [_with_masks(held, change) for held in value]
    return value
