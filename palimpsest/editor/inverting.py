"""Putting a photograph into the generator: in the background, with progress and a stop.

    inverting = Inverting(model, shelf, Asked("me.jpg", picture, above=6), progress, ended)
    inverting.stop()                    # returns at once; `ended` is called without a photograph

It is inverted, and the weights above a layer are adapted, as `palimpsest photo` does it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from palimpsest.editor.opened import OpenModel
from palimpsest.editor.photograph_shelf import PhotographShelf
from palimpsest.editor.work import OwnPhotograph
from palimpsest.errors import PalimpsestError

if TYPE_CHECKING:
    from PIL import Image

    from palimpsest.photographs.own_photograph import Studio

STAGES = {
    "z": "finding the nearest sample",
    "w": "finding it layer by layer",
    "weights": "adapting the weights",
}
"""What is done, by the name that `reproduce` reports."""

UNUSUAL = "The generator hardly makes such pictures, so rules may do little to it."


class Stopped(Exception):
    """The photograph is no longer wanted."""


@dataclass(frozen=True)
class Asked:
    """What to put in: a ``picture`` of any size, or the ``pixels`` of one that was put in before,
    uint8 (R, R, 3). The weights ``above`` a layer are adapted. ``replaces``: a photograph's number.
    """

    title: str
    above: int
    picture: Image.Image | None = None
    pixels: np.ndarray | None = None
    replaces: int | None = None


class Inverting:
    """One photograph under way.

    ``progress``: called with what is done, steps done and steps in all. ``ended``: called with the
    photograph, or with None and a sentence ("" if it was stopped).
    """

    def __init__(
        self,
        model: OpenModel,
        shelf: PhotographShelf,
        asked: Asked,
        progress: Callable[[str, int, int], None],
        ended: Callable[[Asked, OwnPhotograph | None, str], None],
    ) -> None:
        self.model, self.shelf, self.asked = model, shelf, asked
        self.progress, self.ended = progress, ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="photograph")
        self._thread.start()

    def stop(self) -> None:
        """End it soon."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # the pictures come first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        try:
            made = self._made()
        except Stopped:
            self.ended(self.asked, None, "")
        except (PalimpsestError, OSError) as problem:
            self.ended(self.asked, None, " ".join(str(problem).split()))
        except Exception as problem:  # a fault of ours: said, and the editor goes on
            reason = " ".join(str(problem).split()) or type(problem).__name__
            self.ended(self.asked, None, f"{self.asked.title} could not be put in: {reason}")
        else:
            self.ended(self.asked, made, "")

    def _made(self) -> OwnPhotograph:
        asked, studio = self.asked, self.model.studio
        self._check()
        pixels = asked.pixels if asked.pixels is not None else self._framed(studio)
        self._check()
        sha = studio.g.weights_sha256
        number = self.shelf.number_of(sha, studio.request(pixels), asked.above)
        found = self.shelf.find(number)
        if found is None:
            done = 0

            def watch(stage: str, step: int, steps: int) -> None:
                nonlocal done
                self._check()
                done += 1
                self.progress(STAGES[stage], done, studio.steps)

            found = studio.reproduced(pixels, above=asked.above, progress=watch)
            self._check()
            self.shelf.keep(number, pixels, found)
        note = UNUSUAL if studio.looks_like_a_face(found) is False else ""
        return OwnPhotograph(
            number=number, title=asked.title, above=asked.above, weights_sha256=sha, note=note
        )

    def _framed(self, studio: Studio) -> np.ndarray:
        assert self.asked.picture is not None
        return studio.pixels_in(self.asked.picture, studio.box_of(self.asked.picture))

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped
