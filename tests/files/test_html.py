"""Pages from templates: values are escaped, a missing one is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from palimpsest.files.html import picture_data_url, render_template


def test_values_are_escaped_and_all_are_needed(tmp_path: Path) -> None:
    page = tmp_path / "page.html.j2"
    page.write_text("<p>{{ words }}</p>")
    assert render_template(page, words="<b> & c") == "<p>&lt;b&gt; &amp; c</p>"
    with pytest.raises(UndefinedError):
        render_template(page)


def test_a_picture_embeds_as_a_data_url() -> None:
    assert picture_data_url(b"\x89PNG") == "data:image/png;base64,iVBORw=="
