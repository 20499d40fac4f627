"""Session files that a page uploads: ours and the original's, complete or half made.

Some of the original's files hold a context only. They open as a half-made draft.
"""

from __future__ import annotations

from palimpsest.editor.applying import opened
from palimpsest.editor.engine import Engine
from palimpsest.editor.work import Work
from palimpsest.sessions.schema import read_session


def opened_file(work: Work, content: bytes, name: str, engine: Engine) -> tuple[str, Work]:
    """Label and work after opening the content of a session file called ``name``.

    Raises `SessionError`, with one sentence, for content that is no session or does not fit.
    """
    return opened(work, read_session(content, name), engine)
