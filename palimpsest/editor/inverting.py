"""Putting a photograph into the generator: in the background, with progress and a stop.

    inverting = Inverting(model, shelf, Asked("me.jpg", picture, above=6), progress, ended)
    inverting.stop()                    # returns at once; `ended` is called without a photograph

It is inverted, and the weights above a layer are adapted, as `palimpsest photo` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from palimpsest.editor.background import Background
from palimpsest.editor.opened import OpenModel
from palimpsest.editor.photograph_shelf import PhotographShelf
from palimpsest.editor.work import OwnPhotograph

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
        self.model, self.shelf, self.asked, self.progress = model, shelf, asked, progress
        self._background = Background(
            "photograph",
            self._made,
            lambda made, problem: ended(asked, made, problem),
            fault=f"{asked.title} could not be put in",
            nice=5,  # the pictures come first
        )
        self.stop, self.join = self._background.stop, self._background.join
        self._background.start()

    def _made(self) -> OwnPhotograph:
        asked, studio = self.asked, self.model.studio
        self._background.check()
        pixels = asked.pixels if asked.pixels is not None else self._framed(studio)
        self._background.check()
        sha = studio.g.weights_sha256
        number = self.shelf.number_of(sha, studio.request(pixels), asked.above)
        found = self.shelf.find(number)
        if found is None:
            done = 0

            def watch(stage: str, step: int, steps: int) -> None:
                nonlocal done
                self._background.check()
                done += 1
                self.progress(STAGES[stage], done, studio.steps)

            found = studio.reproduced(pixels, above=asked.above, progress=watch)
            self._background.check()
            self.shelf.keep(number, pixels, found)
        note = UNUSUAL if studio.looks_like_a_face(found) is False else ""
        return OwnPhotograph(
            number=number, title=asked.title, above=asked.above, weights_sha256=sha, note=note
        )

    def _framed(self, studio: Studio) -> np.ndarray:
        assert self.asked.picture is not None
        return studio.pixels_in(self.asked.picture, studio.box_of(self.asked.picture))
