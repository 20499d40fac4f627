"""Copy, paste, context: what a person draws on a generator's samples, and the edit it becomes.

session = Session.load("data/sessions/church/dome2spire.json")
edit = rewrite(g, session, stats, solver="newton")
edit = choose(g, session, stats, segmenter)            # several exemplars, the best kept
"""

from palimpsest.errors import SessionError
from palimpsest.sessions.choosing import choose
from palimpsest.sessions.drawing import DRAWINGS, draw, drawings_of
from palimpsest.sessions.methods import METHODS, edit_by
from palimpsest.sessions.rewriting import OpenSession, open_session, rewrite
from palimpsest.sessions.schema import Exemplar, Selection, Session
from palimpsest.sessions.survey import Survey, survey_samples

__all__ = [
    "DRAWINGS",
    "METHODS",
    "Exemplar",
    "OpenSession",
    "Selection",
    "Session",
    "SessionError",
    "Survey",
    "choose",
    "draw",
    "drawings_of",
    "edit_by",
    "open_session",
    "rewrite",
    "survey_samples",
]
