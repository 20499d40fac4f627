"""Sessions (copy, paste and context, drawn on a generator's samples), and the edits they define.

session = Session.load("data/sessions/church/dome2spire.json")
edit = rewrite(g, session, stats, solver="newton")
"""

from palimpsest.errors import SessionError
from palimpsest.sessions.erasing import erasing
from palimpsest.sessions.opening import OpenSession, open_session
from palimpsest.sessions.rewriting import rewrite
from palimpsest.sessions.schema import (
    Exemplar,
    HalfExemplar,
    HalfSession,
    Selection,
    Session,
    load_session,
)

__all__ = [
    "Exemplar",
    "HalfExemplar",
    "HalfSession",
    "OpenSession",
    "Selection",
    "Session",
    "SessionError",
    "erasing",
    "load_session",
    "open_session",
    "rewrite",
]
