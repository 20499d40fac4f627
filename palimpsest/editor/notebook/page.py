"""The editor's page as one document and its modules, for a place without addresses.

The browser loads ``static/index.html``, and that its style sheets and modules. A notebook has no
addresses to load them from: they travel as texts. The style sheets are put into the document. The
modules keep their names: each import of ``./NAME.js`` becomes one of ``palimpsest/NAME.js``, which
the notebook's loader maps to the module's text. ``transport.js`` is the notebook's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

BROWSER = Path(__file__).parents[1] / "static"
HERE = Path(__file__).parent / "static"

PREFIX = "palimpsest/"
"""What a module's name begins with, where it is imported."""

_IMPORT = re.compile(r"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])\./([\w/-]+\.js)\2""")
_STYLE = re.compile(r'<link rel="stylesheet" href="static/([\w/-]+\.css)">')
_FROM_ADDRESS = re.compile(r'<(?:link|script)\b[^>]*\b(?:href|src)="static/[^>]*>(?:</script>)?\n?')


@dataclass(frozen=True)
class Page:
    """The document without a script, and the texts of the modules by their names."""

    html: str
    modules: dict[str, str]


@lru_cache(maxsize=1)
def notebook_page() -> Page:
    """The editor's page for a notebook, begun by importing ``palimpsest/main.js``."""
    html = _STYLE.sub(_with_style, (BROWSER / "index.html").read_text())
    files = {path.name: path for path in BROWSER.glob("*.js")}
    files["transport.js"] = HERE / "transport.js"
    modules = {f"{PREFIX}{name}": _named_imports(path) for name, path in sorted(files.items())}
    return Page(_FROM_ADDRESS.sub("", html), modules)


def _with_style(match: re.Match[str]) -> str:
    return f"<style>\n{(BROWSER / match[1]).read_text()}</style>"


def _named_imports(path: Path) -> str:
    return _IMPORT.sub(rf"\1\2{PREFIX}\3\2", path.read_text())
