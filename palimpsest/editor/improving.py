"""Improving a draft: the method `palimpsest`, in the background, with progress and a stop.

    search = Search(engine, work, progress, ended)
    search.stop()                       # returns at once; `ended` is called without an edit

The search takes seconds to minutes. Its edit is kept on the disk, so that undo, redo and another
start of the editor need no second search.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from palimpsest.editor import changes
from palimpsest.editor.engine import Engine
from palimpsest.editor.work import Work
from palimpsest.errors import PalimpsestError, SessionError
from palimpsest.memory import Edit


class Stopped(Exception):
    """The search is no longer wanted."""


class Search:
    """One search for a better edit of a work's draft.

    ``progress``: called with candidates judged and candidates in all. ``ended``: called with the
    improved work, or with None and a sentence ("" if it was stopped).
    """

    def __init__(
        self,
        engine: Engine,
        work: Work,
        progress: Callable[[int, int], None],
        ended: Callable[[Work | None, str], None],
    ) -> None:
        changes.session_of(work).check(engine.model(work.model, work.truncation).g)
        self.engine, self.work = engine, work
        self.progress, self.ended = progress, ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="improve")
        self._thread.start()

    def stop(self) -> None:
        """End the search soon."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            improved = changes.improved(self.work)
            self._search(improved)
        except Stopped:
            self.ended(None, "")
        except (PalimpsestError, OSError) as problem:
            self.ended(None, " ".join(str(problem).split()))
        else:
            self.ended(improved, "")

    def _search(self, work: Work) -> Edit:
        statistics = self.engine.statistics(work.model, work.draft.layer, work.truncation)
        statistics.begin()
        statistics.wait(self._stop)
        self._check()
        if not statistics.ready:
            raise SessionError("the statistics of the layer could not be collected")
        recipe = self.engine.recipe(work)
        part = self.engine.draft_part(recipe, work)
        if part is None:  # strength 0
            recipe = self.engine.recipe(changes.with_settings(work, strength=1.0))
            part = recipe.parts[-1]
        return self.engine.search(recipe, part, self._tried)

    def _tried(self, done: int, total: int) -> None:
        self._check()
        self.progress(done, total)

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped
