"""The widget that shows the editor in a notebook, and what was made in it.

    editor = show(g)                        # the last line of a cell: the editor appears below it
    editor.session()                        # what is painted, as a `Session`
    editor.edit()                           # the draft's edit
    editor.generator()                      # the rewritten generator, with all rules as on screen

anywidget carries the messages, in JupyterLab, Notebook 7, VS Code and Colab alike: no port is
opened, so that it also works where the notebook runs on another computer.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from palimpsest.editor.desk import Desk
from palimpsest.editor.notebook.application import RunningApplication
from palimpsest.editor.notebook.places import notebook_place
from palimpsest.editor.notebook.relay import Relay
from palimpsest.editor.workplace import Workplace
from palimpsest.errors import ParameterError
from palimpsest.memory import Edit
from palimpsest.sessions import Session

if TYPE_CHECKING:
    from palimpsest.generators import Generator

LOADER = Path(__file__).parent / "static" / "loader.js"
HEIGHT = 720
LEAST_HEIGHT = 320

_open: dict[Path, EditorWidget] = {}
"""The editors of this process by their folder of drafts: a cell that runs again takes it over."""


class EditorWidget(anywidget.AnyWidget):
    """An editor in a notebook. ``height``: of the page, in pixels of the screen."""

    _esm = LOADER.read_text()
    height = traitlets.Int(HEIGHT, min=LEAST_HEIGHT).tag(sync=True)

    def __init__(self, place: Workplace, height: int = HEIGHT) -> None:
        super().__init__(height=height)
        self._place = place
        try:
            self._running = RunningApplication.start(lambda publish: Desk.open(place, publish))
        except BaseException:
            super().close()
            raise
        self._relay = Relay(self._running, self._to_views)
        self.on_msg(lambda widget, fields, buffers: self._relay.receive(fields, buffers))

    def _to_views(self, fields: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self.send(fields, list(buffers))

    def session(self) -> Session:
        """What is painted. Raises `SessionError` while it is half made."""
        return self._running.desk.session()

    def edit(self) -> Edit:
        """The edit of the draft, at strength 1, with the layer's full statistics.

        Waits for these, seconds to minutes. Raises `EditError` if there is no edit, or it cannot
        be solved.
        """
        self._wait_for_statistics()
        return self._running.desk.edit()

    def generator(self) -> Generator:
        """A generator with all rules and the draft as the screen shows them, once the layers'
        statistics are there. It shares no weight that changes with the one that was given."""
        self._wait_for_statistics()
        return self._running.desk.generator()

    def close(self) -> None:
        """Close the editor, which goes from the notebook; what was painted is kept."""
        if _open.get(self._place.drafts) is self:
            del _open[self._place.drafts]
            self._running.close()
        super().close()

    def _wait_for_statistics(self) -> None:
        self._running.desk.wait_for_statistics(threading.Event())


def show(
    g: Generator | str | PathLike[str],
    *,
    layer: int | None = None,
    name: str | None = None,
    sessions: str | PathLike[str] | None = None,
    drafts: str | PathLike[str] | None = None,
    segmenter: str | PathLike[str] | None = None,
    statistics_samples: int = 2000,
    truncation: float | None = None,
    estimate_mean: bool = False,
    height: int = HEIGHT,
) -> EditorWidget:
    """Open the editor in a notebook.

    Args:
        g: a generator, which stays as it is, or the path of a file of weights.
        layer: the layer whose rule a new draft changes; one in the middle if None.
        name: what the generator is called in sessions; the file's name, or "generator", if None.
        sessions: folder to which sessions are saved; ``sessions/NAME`` if None.
        drafts: folder in which everything painted is kept at once; if None, one of this person's
            own for these weights that no other notebook has open, so that a cell that runs again
            shows what was painted before.
        segmenter: file of the segmenter for painting labelled things by a click; None for the
            one beside the weights, if there is one.
        statistics_samples: samples of a layer's full statistics.
        truncation: of the generator in a file, 0 to 1; 1 if None.
        estimate_mean: estimate the mean latent, which truncation needs, if the file holds none.
        height: of the page, in pixels of the screen.

    Raises:
        ParameterError: a missing file, an unknown layer, a name that is none, the truncation of a
            loaded generator, too small a height.
        CheckpointError: weights that cannot be read.
        SessionError: another program has an editor open on ``drafts``.
    """
    if height < LEAST_HEIGHT:
        raise ParameterError(f"height: {height} is below {LEAST_HEIGHT} pixels")
    folder = None if drafts is None else Path(drafts)
    place = notebook_place(
        g,
        name=name,
        layer=layer,
        sessions=None if sessions is None else Path(sessions),
        drafts=folder,
        segmenter=None if segmenter is None else Path(segmenter),
        statistics_samples=statistics_samples,
        truncation=truncation,
        estimate_mean=estimate_mean,
        own=_open,
    )
    if place.drafts in _open:
        _open[place.drafts].close()
    widget = EditorWidget(place, height)
    _open[place.drafts] = widget
    return widget


@atexit.register
def _end_all() -> None:
    """End the background's work, which must not outlive the interpreter."""
    for widget in _open.values():
        widget._running.desk.close()
