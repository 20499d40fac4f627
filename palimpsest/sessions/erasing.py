"""The session that erases what another one has painted (paper, section 5.2).

    session = erasing(load_session("multikey_watermark.json"), units=30)
    edit = rewrite(g, session, stats, exemplars=None)

Nothing has to be copied or pasted: a context alone says what to erase, and each of its places is
then a goal.
"""

from __future__ import annotations

from palimpsest.errors import SessionError
from palimpsest.sessions.schema import HalfSession, Session


def erasing(session: Session | HalfSession, units: int) -> Session:
    """The session whose goal are its places with ``units`` input units of the layer silent.

    The places are those pasted or, where nothing was pasted, the context. What was copied does not
    count. Raises `SessionError` for fewer than one unit, and for a session with neither.
    """
    if units < 1:
        raise SessionError(f"session {session.name}: field erase: {units} units; give 1 or more")
    marks = [one.paste for one in session.exemplars if one.paste is not None]
    places = tuple(marks) or session.context
    if not places:
        raise SessionError(
            f"session {session.name}: has nothing to erase: field context is missing; paint what "
            "it erases"
        )
    held = session.model_dump(exclude_none=True)
    held["exemplars"] = [{"paste": one.model_dump()} for one in places]
    return Session.from_dict({**held, "erase": units}, f"session {session.name}")
