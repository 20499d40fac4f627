"""Changes of a work: pure functions from a `Work` to a `Work`.

Each takes the work first and raises `SessionError`, with one plain sentence, for a change that
cannot be made. What a change costs to compute is the engine's business.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from palimpsest.editor.work import TO_DO, Draft, Judged, OwnPhotograph, Rule, Work
from palimpsest.errors import SessionError
from palimpsest.sessions import HalfExemplar, HalfSession, Selection, Session
from palimpsest.sessions.masks import encode_mask

Role = Literal["object", "paste", "context"]


def painted(
    work: Work, role: Role, sample: int, selection: Selection | None, exemplar: int = 0
) -> Work:
    """The work with one selection of the draft replaced; None removes it.

    Context has one selection for each sample; ``exemplar`` counts for the other roles only, where
    ``sample`` need not be that of the selection it replaces.
    """
    draft = work.draft
    if role == "context":
        others = [place for place in draft.context if place.sample != sample]
        at = next((i for i, p in enumerate(draft.context) if p.sample == sample), len(others))
        if selection is not None:
            others.insert(at, selection)
        return _drafted(work, context=tuple(others))
    old = _exemplar(draft, exemplar)
    return _with_exemplar(work, exemplar, old.model_copy(update={role: selection}))


def marked(work: Work, sample: int, selection: Selection | None) -> Work:
    """The work with the mark of one sample replaced; None removes it.

    Each marked sample is an exemplar of its own: the draft is to erase what is painted there.
    """
    marks = [one for one in work.draft.exemplars if one.paste is not None]
    at = next((i for i, one in enumerate(marks) if one.paste.sample == sample), len(marks))
    marks[at : at + 1] = [] if selection is None else [HalfExemplar(paste=selection)]
    return _drafted(work, exemplars=tuple(marks) or (HalfExemplar(),))


def with_settings(work: Work, **values: Any) -> Work:
    """The work with other settings of the draft: layer, rank, smoothness, strength, erase, name,
    title."""
    return _drafted(work, **values)


def with_truncation(work: Work, truncation: float | None) -> Work:
    """The work on samples of another truncation; None for the model's own.

    Kept rules stay the edits that they are: each was solved at the truncation it was painted at.
    """
    if truncation == work.truncation:
        return work
    return unimproved(work.model_copy(update={"truncation": truncation}))


def with_another_exemplar(work: Work) -> Work:
    """The work with an empty exemplar behind the others; unchanged if the last one is empty."""
    if work.draft.exemplars[-1] == HalfExemplar():
        return work
    return _drafted(work, exemplars=(*work.draft.exemplars, HalfExemplar()))


def without_exemplar(work: Work, number: int) -> Work:
    """The work without an exemplar; an empty one stays if it was the last."""
    _exemplar(work.draft, number)
    kept = [one for place, one in enumerate(work.draft.exemplars) if place != number]
    return _drafted(work, exemplars=tuple(kept) or (HalfExemplar(),))


def nudged(work: Work, exemplar: int, rows: int, columns: int, cells: int) -> Work:
    """The work with a pasted place moved by whole cells of a layer with ``cells`` along a side.

    It is moved less where it would leave the picture.
    """
    old = _exemplar(work.draft, exemplar)
    if old.paste is None:
        raise SessionError("nothing is pasted yet, so there is nothing to move")
    mask = old.paste.pixels
    moved = mask
    for axis, steps in ((0, rows), (1, columns)):
        used = np.flatnonzero(moved.max(axis=1 - axis) >= 1 / 255)
        wanted = round(steps * mask.shape[axis] / cells)
        step = int(np.clip(wanted, -used[0], mask.shape[axis] - 1 - used[-1]))
        moved = np.roll(moved, step, axis=axis)
    place = Selection(sample=old.paste.sample, mask=encode_mask(moved))
    return _with_exemplar(work, exemplar, old.model_copy(update={"paste": place}))


def session_of(work: Work) -> Session:
    """The draft as a session. Raises `SessionError` while it is half made."""
    session = work.session
    if session is None:
        raise SessionError(f"the rule is not complete: {TO_DO[work.draft.missing or 'object']}")
    return session


def kept(work: Work) -> Work:
    """The work with its draft as the newest rule of the stack, and an empty draft."""
    session = session_of(work)
    number = work.made + 1
    rule = Rule(
        id=f"r{number}",
        name=session.name,
        title=session.title,
        layer=work.draft.layer,
        rank=work.draft.rank,
        strength=work.draft.strength,
        session=session,
    )
    work = work.model_copy(update={"rules": (*work.rules, rule), "made": number})
    return cleared(work)


def with_rule_of_file(work: Work, name: str, edit: str, layer: int, rank: int) -> Work:
    """The work with the edit of a file, by its SHA-256, as the newest rule."""
    number = work.made + 1
    rule = Rule(id=f"r{number}", name=name, layer=layer, rank=rank, edit=edit)
    return work.model_copy(update={"rules": (*work.rules, rule), "made": number})


def drafted_again(work: Work, rule: str) -> Work:
    """The work with a rule back in the draft; a complete draft becomes a rule first."""
    _, found = _place_of(work, rule)
    if found.session is None:
        raise SessionError(f"{found.name} came from an edit file, which holds nothing painted")
    work = without_rule(work, rule)
    if not work.draft.empty:
        work = kept(work)
    return opened(work, found.session, work.draft.layer, found.strength)


def with_rule(work: Work, rule: str, **values: Any) -> Work:
    """The work with a rule switched (``on``) or at another ``strength``."""
    place, found = _place_of(work, rule)
    rules = list(work.rules)
    rules[place] = found.model_copy(update=values)
    return work.model_copy(update={"rules": tuple(rules)})


def without_rule(work: Work, rule: str) -> Work:
    """The work without a rule of the stack."""
    place, _ = _place_of(work, rule)
    return work.model_copy(update={"rules": work.rules[:place] + work.rules[place + 1 :]})


def with_rule_moved(work: Work, rule: str, to: int) -> Work:
    """The work with a rule at place ``to`` of the stack, from 0; the nearest place there is."""
    place, found = _place_of(work, rule)
    rules = [*work.rules[:place], *work.rules[place + 1 :]]
    rules.insert(max(0, min(to, len(rules))), found)
    return work.model_copy(update={"rules": tuple(rules)})


def with_photograph(work: Work, photograph: OwnPhotograph, replaces: int | None = None) -> Work:
    """The work with a photograph, as the first or in the place of another one.

    Unchanged if it has this one already.
    """
    if any(one.number == photograph.number for one in work.photographs):
        return work
    old = work.photographs
    if any(one.number == replaces for one in old):
        new = tuple(photograph if one.number == replaces else one for one in old)
    else:
        new = (photograph, *old)
    return work.model_copy(update={"photographs": new})


def without_photograph(work: Work, number: int) -> Work:
    """The work without a photograph."""
    gone = photograph_of(work, number)
    kept = tuple(one for one in work.photographs if one != gone)
    return work.model_copy(update={"photographs": kept})


def photograph_of(work: Work, number: int) -> OwnPhotograph:
    """A photograph of the work. Raises `SessionError` for an unknown one."""
    for one in work.photographs:
        if one.number == number:
            return one
    raise SessionError("this photograph is not among the samples")


def cleared(work: Work) -> Work:
    """The work with an empty draft of the same layer; the rules stay."""
    old = work.draft
    draft = Draft(name=f"draft-{work.made + 1}", layer=old.layer, smoothness=old.smoothness)
    return work.model_copy(update={"draft": draft})


def opened(work: Work, session: Session | HalfSession, layer: int, strength: float = 1.0) -> Work:
    """The work with a session, complete or half made, as its draft; ``layer`` if it names none.

    All exemplars become part of the draft, or as many as the session says are solved for. The
    truncation becomes the session's.
    """
    used = session.exemplars[: session.solve.exemplars] if session.solve else session.exemplars
    marks = tuple(one.paste for one in used) if session.erase else ()
    draft = Draft(
        name=session.name,
        title=session.title,
        layer=session.layer or layer,
        rank=session.rank,
        smoothness=session.solve.mu if session.solve else work.draft.smoothness,
        strength=strength,
        exemplars=tuple(
            HalfExemplar(object=None if session.erase else one.object, paste=one.paste)
            for one in used
        )
        or (HalfExemplar(),),
        context=() if session.context == marks else session.context,
        erase=session.erase,
        judged=Judged(**{name: getattr(session, name) for name in Judged.model_fields}),
        solver="palimpsest" if session.solve and session.solve.solver == "palimpsest" else "newton",
    )
    return work.model_copy(update={"draft": draft, "truncation": session.truncation})


def improved(work: Work) -> Work:
    """The work with its draft solved by the method `palimpsest`."""
    return _drafted(work, solver="palimpsest")


def unimproved(work: Work) -> Work:
    """The work with its draft solved as it is painted."""
    return _drafted(work, solver="newton")


KEEP_THE_SOLUTION = frozenset({"name", "title", "strength", "solver"})
"""Fields of a draft that may change without a search for a better edit being lost."""


def _drafted(work: Work, **values: Any) -> Work:
    fields = {name: getattr(work.draft, name) for name in Draft.model_fields}
    draft = Draft(**fields | values)
    # an exemplar that is still half made has no part in the session that was searched for
    old, new = (one.session(work.model) for one in (work.draft, draft))
    same = values.keys() == {"exemplars"} and old == new
    if not same and not values.keys() <= KEEP_THE_SOLUTION:
        draft = draft.model_copy(update={"solver": "newton"})
    return work.model_copy(update={"draft": draft})


def _exemplar(draft: Draft, number: int) -> HalfExemplar:
    if not 0 <= number < len(draft.exemplars):
        raise SessionError(f"there is no exemplar {number}; there are {len(draft.exemplars)}")
    return draft.exemplars[number]


def _with_exemplar(work: Work, number: int, changed: HalfExemplar) -> Work:
    exemplars = list(work.draft.exemplars)
    exemplars[number] = changed
    return _drafted(work, exemplars=tuple(exemplars))


def _place_of(work: Work, rule: str) -> tuple[int, Rule]:
    for place, found in enumerate(work.rules):
        if found.id == rule:
            return place, found
    raise SessionError(f"there is no rule {rule} on the stack")
