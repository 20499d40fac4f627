"""The desk of a running server, and the queues of the pages that are connected."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi import HTTPException

from palimpsest.editor.answers import ToPage
from palimpsest.errors import PalimpsestError

if TYPE_CHECKING:
    from palimpsest.editor.desk import Desk
    from palimpsest.editor.recipes import Recipe

BACKLOG = 4000
"""Messages that wait for a slow page before it is disconnected."""

Publish = Callable[[ToPage, "int | None"], None]
"""Sends a message to one page, or to all (None)."""

Opens = Callable[[Publish], "Desk"]


class Hub:
    """The desk, once it is open, and the pages that are connected."""

    def __init__(self, opens: Opens) -> None:
        self.opens = opens
        self.desk: Desk | None = None
        self.failure = ""
        self.ready = asyncio.Event()
        self.queues: dict[int, asyncio.Queue[str | None]] = {}
        self.numbers = itertools.count(1)
        self.drawing = asyncio.Semaphore(1)  # the desk's thread has the other processor
        self.changing = asyncio.Lock()  # changes are applied in the order in which they came
        self.loop = asyncio.get_running_loop()

    async def open(self) -> None:
        """Open the desk; errors are kept for those who ask."""
        try:
            self.desk = await asyncio.to_thread(lambda: self.opens(self.publish))
        except (PalimpsestError, OSError) as problem:
            self.failure = " ".join(str(problem).split())
        except Exception as problem:
            # a fault of the program: who waits must hear of it all the same
            logging.getLogger(__name__).exception("the editor could not be opened")
            self.failure = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        self.ready.set()

    async def the_desk(self) -> Desk:
        """The desk, once it is open. Raises 503 if it could not be opened."""
        await self.ready.wait()
        if self.desk is None:
            raise HTTPException(503, self.failure or "the editor has ended")
        return self.desk

    def publish(self, message: ToPage, viewer: int | None) -> None:
        """Send to one page or to all; called from any thread."""
        text = message.text()
        with suppress(RuntimeError):  # the loop has ended: nobody listens
            self.loop.call_soon_threadsafe(self._enqueue, text, viewer)

    def _enqueue(self, text: str, viewer: int | None) -> None:
        for number, queue in self.queues.items():
            if viewer in (None, number):
                with suppress(asyncio.QueueFull):
                    queue.put_nowait(text if queue.qsize() < BACKLOG - 1 else None)

    async def close(self) -> None:
        """Close the desk."""
        for queue in self.queues.values():
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)
        await self.ready.wait()
        if self.desk is not None:
            await asyncio.to_thread(self.desk.close)

    async def recipe(self, name: str) -> tuple[Desk, Recipe]:
        """The desk, and the recipe of a hash. Raises 404 for one that is not known."""
        desk = await self.the_desk()
        recipe = desk.engine.known(name)
        if recipe is None:
            raise HTTPException(404, "these pictures are of a state that is no longer known")
        return desk, recipe
