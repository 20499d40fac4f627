"""What `palimpsest info` says of a session: what it holds, what it is for, and what it lacks."""

from __future__ import annotations

from palimpsest.sessions import HalfSession, Selection, Session

WITHOUT_GOAL = "`palimpsest search`, `units` and `direction`"
"""Commands that need no goal."""


def facts_of(session: Session | HalfSession) -> dict[str, str]:
    """The lines of a session, by name."""
    facts = {
        "name": session.name,
        "model": session.model or "not named (the original's format)",
        "layer": "not named" if session.layer is None else str(session.layer),
        "rank": str(session.rank),
        "exemplars": _exemplars(session),
        "context": str(len(session.context)),
        "samples": f"{', '.join(map(str, session.samples))} of seed {session.seed}",
        "is for": use_of(session),
    }
    if lacking := lacking_in(session):
        facts["lacks"] = lacking
    if session.query is not None:
        facts["query"] = f"sample {session.query.sample}"
    if session.truncation is not None:
        facts["truncation"] = f"{session.truncation:g}"
    if session.erase:
        facts["erases"] = f"with {session.erase} units silent in the goal"
    if session.solve is not None:
        solve = session.solve
        facts["solved by"] = f"{solve.solver}, exemplars: {solve.exemplars}, mu: {solve.mu:g}"
    return facts


def use_of(session: Session | HalfSession) -> str:
    """What can be done with a session, and by which command."""
    if isinstance(session, Session):
        if session.erase:
            return "erasing, by `palimpsest rewrite`"
        if _in_place(session):
            return "erasing, by `palimpsest rewrite --erase 30`"
        return "copying and pasting, by `palimpsest rewrite`"
    marked = session.context or any(one.paste for one in session.exemplars)
    erase = "erasing, by `palimpsest rewrite --erase 30`; " if marked else ""
    return f"{erase}{WITHOUT_GOAL}"


def lacking_in(session: Session | HalfSession) -> str:
    """What a session lacks for an edit by copy and paste; "" if nothing."""
    if isinstance(session, Session):
        if _in_place(session):
            return "a change: object and paste are the same place"
        return ""
    has = {name for name, _ in _halves(session)}
    missing = " and ".join(name for name in ("object", "paste") if name not in has)
    return f"{missing} for an edit by copy and paste, which the editor adds"


def _in_place(session: Session) -> bool:
    """Whether everything is pasted where it was copied, whatever the layer."""
    return not session.erase and all(one.object == one.paste for one in session.exemplars)


def _exemplars(session: Session | HalfSession) -> str:
    """How many there are, and what half of one is drawn where none is complete."""
    if isinstance(session, Session):
        return str(len(session.exemplars))
    drawn = [f"{name} of sample {one.sample}" for name, one in _halves(session)]
    return f"only {', '.join(drawn)}" if drawn else "none"


def _halves(session: HalfSession) -> list[tuple[str, Selection]]:
    pairs = [("object", one.object) for one in session.exemplars]
    pairs += [("paste", one.paste) for one in session.exemplars]
    return [(name, one) for name, one in pairs if one is not None]
