"""Improving a draft: the method `palimpsest`, in the background, with progress and a stop.

    search = Search(engine, work, progress, ended)
    search.stop()                       # returns at once; `ended` is called without an edit

The search takes seconds to minutes. Its edit is kept on the disk, so that undo, redo and another
start of the editor need no second search.
"""

from __future__ import annotations

from collections.abc import Callable

from palimpsest.editor import changes
from palimpsest.editor.background import Background
from palimpsest.editor.engine import Engine
from palimpsest.editor.work import Work
from palimpsest.errors import SessionError


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
        self.engine, self.work, self.progress = engine, work, progress
        self._background = Background("improve", self._made, ended, fault="the search failed")
        self.stop, self.join = self._background.stop, self._background.join
        self._background.start()

    def _made(self) -> Work:
        work = changes.improved(self.work)
        place = self.engine.model(work.model).place
        for layer in place.layers_of(work.draft.name, work.draft.layer):
            statistics = self.engine.statistics(work.model, layer, work.truncation)
            statistics.begin()
            statistics.wait(self._background.stopping)
            self._background.check()
            if not statistics.ready:
                raise SessionError(f"the statistics of layer {layer} could not be collected")
        recipe = self.engine.recipe(work)
        part = self.engine.draft_part(recipe, work)
        if part is None:  # strength 0
            recipe = self.engine.recipe(changes.with_settings(work, strength=1.0))
            part = recipe.parts[-1]
        self.engine.search(recipe, part, self._tried)
        return work

    def _tried(self, done: int, total: int) -> None:
        self._background.check()
        self.progress(done, total)
