"""Session files that a page uploads: ours, the original's, and half-made ones of the original.

Some of the original's files hold a context only. They open as a half-made draft.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from palimpsest.editor.applying import check_samples, opened
from palimpsest.editor.changes import cleared
from palimpsest.editor.engine import Engine
from palimpsest.editor.work import Draft, HalfExemplar, Work
from palimpsest.errors import SessionError
from palimpsest.sessions import Selection, Session
from palimpsest.sessions.schema import ORIGINAL_FIELDS


def opened_file(work: Work, content: bytes, name: str, engine: Engine) -> tuple[str, Work]:
    """Label and work after opening the content of a session file called ``name``.

    Raises `SessionError`, with one sentence, for content that is no session or does not fit.
    """
    try:
        data = json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise SessionError(f"{name} is not a session file") from None
    if _is_half_made(data):
        draft = _half_made(work, data, name)
        check_samples(name, draft)
        return f"open {draft.name}", work.model_copy(update={"draft": draft})
    return opened(work, Session.from_dict(data, name), engine)


def _is_half_made(data: Any) -> bool:
    """Whether it is the original's format without an object or without a paste."""
    if not isinstance(data, dict) or not data or not data.keys() <= ORIGINAL_FIELDS:
        return False
    return not (data.get("object") and data.get("paste"))


def _half_made(work: Work, data: dict[str, Any], name: str) -> Draft:
    halves = {field: _selection(data, field, name) for field in ("object", "paste")}
    pairs = data.get("key") or []
    if not isinstance(pairs, list):
        raise SessionError(f"{name}: field key: a list of [sample, mask] is needed")
    places = [_selection({"key": pair}, "key", name) for pair in pairs]
    stem = name.rpartition(".")[0] or name
    called = "".join(c if c.isascii() and c.isalnum() else "_" for c in stem).strip("_")
    values = {"name": called[:100] or "draft", "exemplars": (HalfExemplar(**halves),)}
    return cleared(work).draft.model_copy(update={**values, "context": tuple(filter(None, places))})


def _selection(data: dict[str, Any], field: str, name: str) -> Selection | None:
    pair = data.get(field)
    if not pair:
        return None
    if not isinstance(pair, list) or len(pair) != 2:
        raise SessionError(f"{name}: field {field}: expected [sample, mask]")
    try:
        return Selection(sample=pair[0], mask=pair[1])
    except ValidationError as problem:
        reason = problem.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise SessionError(f"{name}: field {field}: {reason}") from None
