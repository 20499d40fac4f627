"""The author's own photographs on the desk: taken in one at a time, adapted again, given up.

photographs = PhotographDesk(engine, present, accept, publish, say)
photographs.add(content, "me.jpg")  # refuses what is no picture; the rest is in the background
photographs.stop()
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from palimpsest.editor import changes
from palimpsest.editor.answers import ErrorMessage, ProgressMessage, ToPage
from palimpsest.editor.engine import Engine
from palimpsest.editor.inverting import Asked, Inverting
from palimpsest.editor.work import OwnPhotograph, Work
from palimpsest.errors import ParameterError
from palimpsest.photographs.settings import LOWEST_ABOVE

EVERY = 0.15
"""Seconds between two messages of progress."""


class PhotographDesk:
    """Takes photographs in; its methods may be called from any thread.

    ``present``: the work as it is now. ``accept``: makes a change of a label. ``publish``: sends a
    message to all pages. ``say``: sends the state.
    """

    def __init__(
        self,
        engine: Engine,
        present: Callable[[], Work],
        accept: Callable[[str, Callable[[Work], Work]], None],
        publish: Callable[[ToPage], None],
        say: Callable[[], None],
    ) -> None:
        self.engine, self._present, self._accept = engine, present, accept
        self._publish, self._say = publish, say
        self._lock = threading.Lock()
        self._under_way: Inverting | None = None
        self._closed = False
        self._told = 0.0

    @property
    def under_way(self) -> str | None:
        """The title of the photograph that is being taken in, or None."""
        found = self._under_way
        return None if found is None else found.asked.title

    def add(self, content: bytes, name: str) -> None:
        """Take in the picture in a file's content; it becomes a sample when it is done.

        Raises `ParameterError` for a model that takes none, content that is no picture or cannot
        be used, and while another one is under way.
        """
        from palimpsest.photographs.reading import picture_in

        work = self._present()
        self._refuse_another(work)
        above = self._above(work)
        self._begin(work, Asked(name, above, picture=picture_in(content, name)))

    def adapt(self, number: int) -> None:
        """Adapt the weights to a photograph again, above the layers that have rules now.

        Raises `SessionError` for an unknown one, `EditError` if its pixels are gone.
        """
        work = self._present()
        self._refuse_another(work)
        known = changes.photograph_of(work, number)
        pixels = self.engine.shelf.pixels(number)
        asked = Asked(known.title, self._above(work), pixels=pixels, replaces=number)
        self._begin(work, asked)

    def stop(self) -> None:
        """Give up the one that is under way, if there is one."""
        found = self._under_way
        if found is not None:
            found.stop()

    def close(self) -> None:
        """Give it up, and wait until it has ended."""
        self._closed = True
        found = self._under_way
        if found is not None:
            found.stop()
            found.join()

    def _refuse_another(self, work: Work) -> None:
        if not self.engine.model(work.model).takes_photographs:
            raise ParameterError(
                f"{work.model.replace('_', ' ')} takes no pictures of yours: that needs a "
                "StyleGAN2 and its segmenter"
            )
        if (title := self.under_way) is not None:
            raise ParameterError(f"{title} is being put in; wait until it is done, or stop it")

    def _above(self, work: Work) -> int:
        layers = self.engine.model(work.model).g.layers
        wanted = max(LOWEST_ABOVE, work.draft.layer, work.highest_layer)
        return min(wanted, layers[-2])

    def _begin(self, work: Work, asked: Asked) -> None:
        with self._lock:
            if self._under_way is not None:  # of another page, in this moment
                self._refuse_another(work)
            model = self.engine.model(work.model)
            self._under_way = Inverting(
                model, self.engine.shelf, asked, self._progress, self._ended
            )
        self._say()

    def _progress(self, doing: str, done: int, total: int) -> None:
        if time.monotonic() - self._told < EVERY:
            return
        self._told = time.monotonic()
        title = f"{self.under_way or 'photograph'}: {doing}"
        # one more than the steps, as there is more to do after the last one
        self._publish(ProgressMessage(what="photograph", done=done, total=total + 1, title=title))

    def _ended(self, asked: Asked, made: OwnPhotograph | None, problem: str) -> None:
        with self._lock:  # `_begin` may still hold it
            self._under_way = None
        if self._closed:
            return
        if made is None:
            self._say()
        else:
            verb = "add" if asked.replaces is None else "adapt"
            try:
                self._accept(
                    f"{verb} the photograph {_short(asked.title)}",
                    lambda work: changes.with_photograph(work, made, asked.replaces),
                )
            except OSError as fault:  # the disk is full
                problem = f"{asked.title} could not be kept: {fault.strerror or fault}"
                self._say()
        title = f"{asked.title}: done"
        self._publish(ProgressMessage(what="photograph", done=1, total=1, title=title))
        if problem:
            self._publish(ErrorMessage(answers=None, message=problem))


def _short(title: str) -> str:
    stem = Path(title).stem
    return stem if len(stem) <= 30 else f"{stem[:29]}…"
