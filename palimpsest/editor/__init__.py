"""The editor: copy, paste and context painted on samples, and every picture follows.

`engine.py` knows no web: the state of one author's work, and what must be computed for it.
`server.py` knows no mathematics. ``static/`` is the page. ``notebook/`` puts it into Jupyter, with
`palimpsest.editor.show`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    # anywidget and PyTorch are for those who show an editor, not for all who import a module here
    if name != "show":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from palimpsest.errors import ParameterError

    try:
        return import_module("palimpsest.editor.notebook.widget").show
    except ModuleNotFoundError as problem:
        if problem.name not in ("anywidget", "traitlets"):
            raise
        raise ParameterError(
            "the editor in a notebook needs anywidget: pip install 'palimpsest[notebook]'"
        ) from None
