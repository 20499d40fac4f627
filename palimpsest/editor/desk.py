"""The desk: one author's history, and one thread that computes the newest state of it.

    desk = Desk.open(workplace, publish)    # publish(message, viewer), from any thread
    desk.show(viewer, [3, 0, 1])
    desk.change(message)                    # validated message of the page
    desk.close()

A change is applied, written to the disk, and published as a whole state. Then the thread solves
and draws, picture by picture, what the viewers want to see; a newer change supersedes it.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from palimpsest.editor import changes, saved_sessions
from palimpsest.editor.answers import (
    DrawnMessage,
    ErrorMessage,
    PictureMessage,
    ProgressMessage,
    ReportMessage,
    StateMessage,
    ToPage,
)
from palimpsest.editor.applying import anew, apply, opened, renamed
from palimpsest.editor.drafts import Drafts, mask_key
from palimpsest.editor.engine import Engine, Listener
from palimpsest.editor.history import History
from palimpsest.editor.improving import Search
from palimpsest.editor.messages import Change
from palimpsest.editor.opened import Kept
from palimpsest.editor.photograph_desk import PhotographDesk
from palimpsest.editor.results import Drawn, Picture, Report
from palimpsest.editor.session_files import opened_file
from palimpsest.editor.snapshots import snapshot
from palimpsest.editor.work import TO_DO, Work
from palimpsest.editor.workplace import Workplace
from palimpsest.errors import EditError, SessionError
from palimpsest.generators import Generator
from palimpsest.memory import Edit
from palimpsest.sessions import Session

Publish = Callable[[ToPage, "int | None"], None]
"""Sends a message to one viewer, or to all (None)."""

KEPT_MASKS = 64 * 2**20
"""Bytes of masks that can be fetched."""

EVERY = 0.25
"""Seconds between two messages of progress."""


class Desk:
    """History, engine and the thread that computes; methods may be called from any thread."""

    def __init__(self, place: Workplace, drafts: Drafts, publish: Publish) -> None:
        self.place, self.drafts, self._publish = place, drafts, publish
        listener = Listener(self._statistics_ready, self._progress, self._failed)
        self.engine = Engine(place, drafts, listener)
        self.revision = 0
        self._told = 0.0
        self._masks: Kept[str, bytes] = Kept(KEPT_MASKS)
        self._wanted: dict[int, list[int]] = {}
        self._began = time.perf_counter()
        self._turn = 0  # grows with everything that supersedes what is under way
        self._changed = 0  # grows with every change of the work
        self._news = threading.Condition(threading.RLock())
        self._closed = False
        self._search: Search | None = None
        self.photographs = PhotographDesk(
            self.engine,
            lambda: self.history.present,
            self.then,
            lambda message: publish(message, None),
            self.say,
        )
        self.history = self._first_history()
        self._thread = threading.Thread(target=self._compute, daemon=True, name="desk")
        self._thread.start()

    @classmethod
    def open(cls, place: Workplace, publish: Publish) -> Desk:
        """The desk with the history that was saved last.

        Raises `SessionError` if another editor is open on the drafts, `CheckpointError` for
        weights that cannot be read.
        """
        drafts = Drafts.open(place.drafts)
        try:
            return cls(place, drafts, publish)
        except BaseException:
            drafts.close()
            raise

    def _first_history(self) -> History:
        wanted = self.place.first
        try:
            found = self.drafts.load()
            if found is None:
                return History.of(self.engine.new_work(wanted))
            self.drafts.tidy(found)
            if lacking := {step.work.model for step in found.steps} - set(self.place.models):
                raise self.drafts.set_aside(f"of the model {sorted(lacking)[0]}, which is not here")
            try:
                self.engine.recipe(found.present)
            except ValueError as problem:  # a layer that other weights had
                raise self.drafts.set_aside(str(problem)) from None
            if self.place.resume or found.present.model == wanted:
                return found
            return found.then(f"open the model {wanted}", anew(found.present, wanted, self.engine))
        except SessionError as problem:
            self._failed(str(problem))
            return History.of(self.engine.new_work(wanted))

    def close(self) -> None:
        """Stop all threads and release the drafts. What was painted is on the disk already."""
        with self._news:
            self._closed = True
            self._turn += 1
            self._news.notify_all()
            search = self._search
        if search is not None:
            search.stop()
            search.join()
        self.photographs.close()
        self._thread.join()
        self.engine.close()
        self.drafts.close()

    # what pages ask for

    def snapshot(self, answers: int | None = None) -> StateMessage:
        """The state as it is now."""
        with self._news:
            self._hold_masks()
            under_way = self._search is not None, self.photographs.under_way
            return snapshot(self.engine, self.history, self.revision, answers, *under_way)

    def greet(self, viewer: int) -> None:
        """Send the state to one viewer; every later one follows it in order."""
        with self._news:
            self._publish(self.snapshot(), viewer)

    def show(self, viewer: int, samples: list[int]) -> None:
        """The samples that a viewer sees, most wanted first."""
        with self._news:
            self._wanted[viewer] = list(dict.fromkeys(samples))
            self._supersede()

    def leave(self, viewer: int) -> None:
        """A viewer is gone."""
        with self._news:
            self._wanted.pop(viewer, None)

    def change(self, message: Change) -> None:
        """Apply a message. Raises `PalimpsestError` for a change that cannot be made."""
        began = time.perf_counter()
        with self._news:
            history = apply(self.history, message, self.engine, time.monotonic())
            self._accept(history, message.id, began)

    def then(self, label: str, change: Callable[[Work], Work]) -> None:
        """Make a change of the work as it is now."""
        began = time.perf_counter()
        with self._news:
            history = self.history.then(label, change(self.history.present))
            self._accept(history, None, began)

    def say(self) -> None:
        """Send the state to all pages."""
        with self._news:
            self._say()

    def improve(self, answers: int | None = None) -> None:
        """Search for a better edit of the draft, in the background.

        A change of what is painted ends the search. Raises `SessionError` for a half-made draft.
        """
        with self._news:
            if self._search is None:
                work = self.history.present
                self._search = Search(self.engine, work, self._searched, self._search_ended)
            self._say(answers)

    def stop(self) -> None:
        """End the search, if there is one."""
        with self._news:
            if self._search is not None:
                self._search.stop()

    def open_session(self, session: Session) -> None:
        """A session becomes the draft. Raises `SessionError` if it does not fit."""
        began = time.perf_counter()
        with self._news:
            label, work = opened(self.history.present, session, self.engine)
            self._accept(self.history.then(label, work), None, began)

    def open_file(self, content: bytes, name: str) -> str:
        """The content of a session file called ``name`` becomes the draft; its name.

        Raises `SessionError` if it is no session or does not fit.
        """
        began = time.perf_counter()
        with self._news:
            label, work = opened_file(self.history.present, content, name, self.engine)
            self._accept(self.history.then(label, work), None, began)
            return work.draft.name

    def add_edit(self, content: bytes, name: str) -> None:
        """The edit in the content of a file becomes a rule. Raises `EditError`."""
        began = time.perf_counter()
        with self._news:
            work = self.history.present
            digest, edit = self.drafts.keep_edit(content)
            edit.apply(self.engine.model(work.model).g, 0.0)  # refuses an edit of other weights
            changed = changes.with_rule_of_file(work, name, digest, edit.layer, edit.rank)
            self._accept(self.history.then(f"open {name}", changed), None, began)

    def session(self) -> Session:
        """The draft as a session. Raises `SessionError` while it is half made."""
        work = self.history.present
        session = changes.session_of(work)
        session.check(self.engine.model(work.model, work.truncation).g)
        return session

    def save(self, name: str, title: str | None, overwrite: bool) -> Path:
        """Save the draft as a session of this name, which becomes the draft's own.

        Raises `SessionError`; `saved_sessions.NameTaken` for a name that is taken.
        """
        with self._news:
            work = self.history.present
            values = {"name": name, "title": title or work.draft.title}
            named = renamed(work, changes.with_settings(work, **values), self.engine)
            session = changes.session_of(named)
            session.check(self.engine.model(work.model, work.truncation).g)
            path = saved_sessions.save(self.place, work.model, session, overwrite)
            self._accept(self.history.then(f"save as {name}", named), None, time.perf_counter())
            return path

    def edit(self, rule: str | None = None) -> Edit:
        """The edit of the draft, or of a rule.

        Raises `EditError` if there is none, or it cannot be solved.
        """
        work = self.history.present
        if rule is None:
            work = work.model_copy(update={"rules": ()})
            if work.draft.strength == 0:
                work = work.model_copy(
                    update={"draft": work.draft.model_copy(update={"strength": 1.0})}
                )
        else:
            rules = [one for one in work.rules if one.id == rule]
            if not rules:
                raise EditError(f"there is no rule {rule} on the stack")
            one = rules[0].model_copy(update={"on": True, "strength": 1.0})
            empty = self.engine.new_work(work.model)
            work = empty.model_copy(update={"rules": (one,)})
        recipe = self.engine.recipe(work)
        if not recipe.parts:
            raise EditError(f"the rule is not complete: {TO_DO[work.draft.missing or 'object']}")
        found = self.engine.solved(recipe, recipe.parts[-1])
        if isinstance(found, str):
            raise EditError(found)
        edit = self.engine.edit(recipe, recipe.parts[-1])
        assert edit is not None
        if (session := recipe.parts[-1].session) is not None:  # it may have been named later
            edit = replace(edit, metadata={**edit.metadata, "session": session.name})
        return edit

    def generator(self) -> Generator:
        """The generator with all rules and the draft, as the pictures show it."""
        return self.engine.generator(self.engine.recipe(self.history.present))

    def wait_for_statistics(self, stop: threading.Event) -> None:
        """Wait until the layers that the work changes have their full statistics, or ``stop`` is
        set. Collecting them is begun where it was not."""
        work = self.history.present
        sessions = [one.session for one in self.engine.recipe(work).parts if one.session]
        for layer, truncation in {(one.layer, one.truncation) for one in sessions if one.layer}:
            statistics = self.engine.statistics(work.model, layer, truncation)
            statistics.begin()
            statistics.wait(stop)

    def mask(self, key: str) -> bytes | None:
        """A mask of the history as PNG, by its key."""
        return self._masks.find(key)

    # inside

    def _accept(self, history: History, answers: int | None, began: float) -> None:
        if history is not self.history:
            self.drafts.save(history)
            self.history = history
            self._began = began
            self._changed += 1
            self._supersede()
            if self._search is not None and not _same_search(self._search.work, history.present):
                self._search.stop()
        self._say(answers)

    def _say(self, answers: int | None = None) -> None:
        self.revision += 1
        self._publish(self.snapshot(answers), None)

    def _supersede(self) -> None:
        self._turn += 1
        self._news.notify_all()

    def _hold_masks(self) -> None:
        work = self.history.present
        halves = [s for one in work.draft.exemplars for s in (one.object, one.paste) if s]
        switched = [one.place for one in work.unit_places]
        for selection in (*halves, *work.draft.context, *switched):
            key = mask_key(selection.mask)
            if self._masks.find(key) is None:
                content = base64.b64decode(selection.mask.partition(",")[2])
                self._masks.hold(key, content, len(content))

    def _compute(self) -> None:
        turn = reported = -1
        while True:
            with self._news:
                self._news.wait_for(lambda: self._closed or self._turn != turn)  # noqa: B023
                if self._closed:
                    return
                turn, changed, began = self._turn, self._changed, self._began
                work = self.history.present
                samples = list(dict.fromkeys(s for one in self._wanted.values() for s in one))
            if changed == reported:
                began = time.perf_counter()  # only what is shown has changed
            try:
                results = self.engine.results(work, samples, lambda: self._turn != turn, began)  # noqa: B023
                for result in results:
                    if self._turn != turn:
                        break
                    self._tell(result, changed == reported)
                    if isinstance(result, Report):
                        reported = changed
                        if result.goal_before is not None:
                            self.engine.begin_statistics(work)
                    elif isinstance(result, Drawn):
                        self.engine.begin_statistics(work)
            except Exception as problem:  # the thread must live: the next change may be computed
                self._failed(" ".join(str(problem).split()) or type(problem).__name__)

    def _tell(self, result: Report | Picture | Drawn, known: bool) -> None:
        if isinstance(result, Report):
            self._publish(ReportMessage(**vars(result)), None)
        elif isinstance(result, Picture):
            self._publish(PictureMessage(hash=result.hash, sample=result.sample), None)
        else:
            self._publish(DrawnMessage(**vars(result)), None)

    # news of the background, from its threads

    def _statistics_ready(self, model: str, layer: int) -> None:
        with self._news:
            self._began = time.perf_counter()
            self._changed += 1
            self._supersede()
            self._say()

    def _progress(self, model: str, layer: int, done: int, total: int) -> None:
        if done < total and time.monotonic() - self._told < EVERY:
            return
        self._told = time.monotonic()
        title = f"statistics of layer {layer}"
        message = ProgressMessage(what="statistics", done=done, total=total, title=title)
        self._publish(message, None)

    def _searched(self, done: int, total: int) -> None:
        # one more than the candidates, as the search goes on after its last one
        message = ProgressMessage(
            what="improve", done=done, total=total + 1, title="searching for a better edit"
        )
        self._publish(message, None)

    def _search_ended(self, improved: Work | None, problem: str) -> None:
        with self._news:
            if self._closed:
                return
            search, self._search = self._search, None
            wanted = search is not None and _same_search(search.work, self.history.present)
            if improved is not None and wanted:
                work = changes.improved(self.history.present)
                history = self.history.then("improve the rule", work)
                self._accept(history, None, time.perf_counter())
            else:
                self._say()
        done = ProgressMessage(what="improve", done=1, total=1, title="searching for a better edit")
        self._publish(done, None)
        if problem:
            self._failed(problem)

    def _failed(self, sentence: str) -> None:
        self._publish(ErrorMessage(answers=None, message=sentence), None)


def _same_search(one: Work, other: Work) -> bool:
    """Whether a search for the draft of one work is a search for that of the other."""
    if (one.model, one.truncation) != (other.model, other.truncation):
        return False
    same = {"name": "", "title": None, "strength": 1.0, "solver": "newton"}
    return one.draft.model_copy(update=same) == other.draft.model_copy(update=same)
