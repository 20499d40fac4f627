"""HTML pages rendered from Jinja templates, with their pictures embedded.

html = render_template(Path(__file__).parent / "study.html.j2", study="5f0c…", pairs=pairs)
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render_template(template: Path, **values: Any) -> str:
    """The template's HTML; values are escaped, and a name that is not given is an error."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)


def relative_link(file: Path, page: Path) -> str:
    """The address of a file for the links of a page."""
    return Path(os.path.relpath(file, page.parent)).as_posix()


def picture_data_url(content: bytes, kind: str = "png") -> str:
    """A picture's content, of the ``kind`` png or webp, as a ``data:`` URL to embed in a page."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
