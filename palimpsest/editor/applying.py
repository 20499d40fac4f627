"""From a message of the page to a changed history.

    history = apply(history, message, engine, at=time.monotonic())

Raises `PalimpsestError`, with one plain sentence, for a change that cannot be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from palimpsest.editor import changes, messages, unit_changes
from palimpsest.editor.engine import Engine
from palimpsest.editor.history import History
from palimpsest.editor.saved_sessions import session_called
from palimpsest.editor.work import SEED, Draft, Work
from palimpsest.errors import ParameterError, SessionError
from palimpsest.sessions import HalfSession, Selection, Session
from palimpsest.sessions.masks import decode_mask

NAMES = {
    "object": "copy",
    "paste": "paste",
    "context": "context",
    "mark": "the mark",
    "units": "a place of units",
}


def apply(history: History, message: messages.Change, engine: Engine, at: float = 0.0) -> History:
    """The history after a message; ``at`` in seconds, for changes that are one stroke."""
    work = history.present
    match message:
        case messages.Undo():
            return history.undone()
        case messages.Redo():
            return history.redone()
        case messages.ChangeSettings():
            given = message.model_dump(exclude_unset=True, exclude={"type", "version", "id"})
            given = {k: v for k, v in given.items() if v is not None or k in ("title", "erase")}
            if "truncation" in given:
                truncation = engine.model(work.model).truncation_from(given.pop("truncation"))
                work = changes.with_truncation(work, truncation)
                if not given:
                    return history.then("change truncation", work, "change truncation", at)
            if "layer" in given:
                _check_layer(engine, work.model, given["layer"])
            label = f"change {' and '.join(given)}" if given else ""
            if list(given) == ["erase"] and bool(given["erase"]) != bool(work.draft.erase):
                return history.then(
                    "erase" if given["erase"] else "copy and paste",
                    changes.with_settings(work, **given),
                )
            changed = changes.with_settings(work, **given)
            if "name" in given:
                changed = renamed(work, changed, engine)
            return history.then(label, changed, label, at)
        case messages.ChangeRule():
            given = {
                name: value
                for name in ("on", "strength")
                if (value := getattr(message, name)) is not None
            }
            stroke = f"{message.rule} strength" if list(given) == ["strength"] else ""
            label = "change a rule's strength" if stroke else "switch a rule"
            return history.then(label, changes.with_rule(work, message.rule, **given), stroke, at)
    label, changed = _changed(work, message, engine)
    return history.then(label, changed)


def _changed(work: Work, message: Any, engine: Engine) -> tuple[str, Work]:
    match message:
        case messages.Select():
            if message.layer is not None:
                _check_layer(engine, work.model, message.layer)
            selection = selection_of(message.sample, message.mask)
            verb = "remove" if selection is None else "paint"
            if message.role == "mark":
                made = changes.marked(work, message.sample, selection)
            elif message.role == "units":
                made = unit_changes.place_painted(work, message.sample, selection, message.layer)
            else:
                made = changes.painted(
                    work, message.role, message.sample, selection, message.exemplar
                )
            return f"{verb} {NAMES[message.role]}", made
        case messages.SwitchUnits():
            _check_units(engine, work, message.units)
            what = "a unit" if len(message.units) == 1 else "units"
            made = unit_changes.switched(work, message.sample, message.units, message.to)
            return f"switch {what}", made
        case messages.AddExemplar():
            return "add an exemplar", changes.with_another_exemplar(work)
        case messages.RemoveExemplar():
            return "remove an exemplar", changes.without_exemplar(work, message.exemplar)
        case messages.Nudge():
            cells = engine.model(work.model).g.layer(work.draft.layer).value_size
            moved = changes.nudged(work, message.exemplar, message.rows, message.columns, cells)
            return "move paste", moved
        case messages.Keep():
            return "keep the rule", changes.kept(work)
        case messages.DraftOf():
            return "change a rule", changes.drafted_again(work, message.rule)
        case messages.RemoveRule():
            return "remove a rule", changes.without_rule(work, message.rule)
        case messages.MoveRule():
            return "move a rule", changes.with_rule_moved(work, message.rule, message.to)
        case messages.Clear():
            return "clear the rule", changes.cleared(work)
        case messages.New():
            return "begin anew", anew(work, work.model, engine)
        case messages.ChangeModel():
            return f"open the model {message.name}", anew(work, message.name, engine)
        case messages.RemovePhotograph():
            gone = changes.without_photograph(work, message.photograph)
            return "remove a photograph", gone
        case messages.Open():
            return opened(work, session_called(engine.place, work.model, message.name), engine)
    raise ParameterError(f"{message.type} changes nothing")


def anew(work: Work, model: str, engine: Engine) -> Work:
    """Empty work on a model; photographs stay, those of its weights among the samples."""
    empty = engine.new_work(model)
    return empty.model_copy(update={"photographs": work.photographs})


def opened(work: Work, session: Session | HalfSession, engine: Engine) -> tuple[str, Work]:
    """Label and work after opening a session, complete or half made, as the draft.

    Raises `SessionError` for a session of another model or of other samples, or one that does not
    fit the model.
    """
    if session.model is not None and session.model != work.model:
        raise SessionError(
            f"{session.name} was drawn on the model {session.model}; open that model first"
        )
    if session.seed != SEED:
        raise SessionError(
            f"{session.name} was drawn on the samples of seed {session.seed}; the editor shows "
            f"those of seed {SEED}"
        )
    own = engine.model(work.model)
    if own.g.classes and session.classes != own.g.of_class:
        raise SessionError(
            f"session {session.name}: field classes: {_told(session.classes)}, and the samples "
            f"here are {_told(own.g.of_class)}; open the editor with its class"
        )
    if session.truncation is not None:
        truncation = own.truncation_from(session.truncation)
        session = session.model_copy(update={"truncation": truncation})
    session.check(own.at(session.truncation).g, work.draft.layer)
    changed = changes.opened(work, session, work.draft.layer)
    check_samples(session.name, changed.draft)
    if changed.draft.solver == "palimpsest" and not engine.has_solution(changed):
        # a search takes long, so it is for the author to start
        draft = changed.draft.model_copy(update={"solver": "newton"})
        changed = changed.model_copy(update={"draft": draft})
    return f"open {session.name}", changed


def _told(classes: int | Sequence[int] | None) -> str:
    if classes is None:
        return "of classes drawn by the seed"
    return f"of class {classes}" if isinstance(classes, int) else "of a class for each"


def renamed(work: Work, changed: Work, engine: Engine) -> Work:
    """The changed work, no longer improved if its draft's new name is improved otherwise."""
    place = engine.place.models[work.model]
    before, after = (
        (place.improving_of(name), place.layers_of(name, work.draft.layer))
        for name in (work.draft.name, changed.draft.name)
    )
    return changed if before == after else changes.unimproved(changed)


def check_samples(name: str, draft: Draft) -> None:
    """Raise `SessionError` for a draft on samples that the editor does not show."""
    if draft.samples and draft.samples[-1] >= messages.SAMPLES:
        raise SessionError(
            f"{name} is drawn on sample {draft.samples[-1]}; the editor shows samples up to "
            f"{messages.SAMPLES - 1}"
        )


def selection_of(sample: int, mask: str | None) -> Selection | None:
    """A painted selection; None for no mask, and for an empty one.

    Raises `SessionError` for a mask that is not a PNG.
    """
    if mask is None:
        return None
    try:
        if not (decode_mask(mask) >= 1 / 255).any():
            return None
        return Selection(sample=sample, mask=mask)
    except (ValidationError, ValueError) as problem:
        reason = str(problem) if not isinstance(problem, ValidationError) else "it is damaged"
        raise SessionError(f"the mask {reason}") from None


def _check_units(engine: Engine, work: Work, units: Sequence[int]) -> None:
    layer = work.draft.layer
    count = engine.model(work.model).g.layer(layer).weight.shape[1]
    if max(units) >= count:
        raise ParameterError(
            f"layer {layer} has {count} units, from 0; there is no unit {max(units)}"
        )


def _check_layer(engine: Engine, model: str, layer: int) -> None:
    if lacking := engine.model(model).g.lacking([layer]):
        raise ParameterError(f"{model} has {lacking}")
