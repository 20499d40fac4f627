"""Long work beside the desk's own: in a thread, with a stop, and with an end that is always told.

    background = Background("improve", make, ended, fault="the search failed")
    background.start()
    background.stop()                   # returns at once; `ended(None, "")` follows

``make`` calls `Background.check` now and then, which ends it once a stop was asked for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from palimpsest.errors import PalimpsestError

Made = TypeVar("Made")


class Stopped(Exception):
    """The work is no longer wanted."""


class Background(Generic[Made]):
    """One piece of work under way.

    ``ended``: called once, with what ``make`` returned, or with None and a sentence ("" if it was
    stopped). ``fault``: begins the sentence for an error that nobody foresaw. ``nice``: how far the
    thread stands back, in steps of the system's priorities.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Made],
        ended: Callable[[Made | None, str], None],
        fault: str,
        nice: int = 0,
    ) -> None:
        self._make, self._ended, self._fault, self._nice = make, ended, fault, nice
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it soon."""
        self.stopping.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def check(self) -> None:
        """Raise `Stopped` once a stop was asked for."""
        if self.stopping.is_set():
            raise Stopped

    def _run(self) -> None:
        if self._nice:
            with suppress(OSError, AttributeError):  # a system may have no such priorities
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._nice)
        made, problem = None, ""
        try:
            made = self._make()
        except Stopped:
            pass
        except (PalimpsestError, OSError) as fault:
            problem = " ".join(str(fault).split())
        except Exception as fault:  # a fault of ours: said, and the editor goes on
            reason = " ".join(str(fault).split()) or type(fault).__name__
            problem = f"{self._fault}: {reason}"
        self._ended(made, problem)
