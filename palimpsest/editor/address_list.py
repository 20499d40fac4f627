"""The page of the server's addresses, from its OpenAPI description; without scripts."""

from __future__ import annotations

from html import escape
from typing import Any

from palimpsest.editor import answers, messages


def documentation_page(openapi: dict[str, Any]) -> str:
    """HTML with each address, its parameters and what it is, and each message of the socket."""
    rows = [
        _row(f"{method.upper()} {path}", _parameters(about), about.get("description", ""))
        for path, methods in openapi["paths"].items()
        for method, about in methods.items()
    ]
    incoming = [
        *messages.Change.__args__,
        messages.Show,
        messages.Improve,
        messages.Adapt,
        messages.Stop,
    ]
    from_page = [_message(model) for model in incoming]
    to_page = [_message(model) for model in answers.ToPage.__args__]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Addresses of the editor</title></head><body>
<h1>Addresses of the editor</h1>
<p>Version {escape(openapi["info"]["version"])}; the same as a machine reads it:
<a href="/openapi.json">openapi.json</a>.</p>
<table>{"".join(rows)}</table>
<h2>Messages from the page, to /changes</h2><table>{"".join(from_page)}</table>
<h2>Messages to the page</h2><table>{"".join(to_page)}</table>
</body></html>
"""


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"


def _parameters(about: dict[str, Any]) -> str:
    return ", ".join(one["name"] for one in about.get("parameters", []))


def _message(model: Any) -> str:
    fields = [name for name in model.model_fields if name not in ("type", "version", "id")]
    kind = str(model.model_fields["type"].annotation.__args__[0])
    return _row(kind, ", ".join(fields), (model.__doc__ or "").split("\n")[0])
