"""The page as one document and its modules."""

from __future__ import annotations

import re

from palimpsest.editor.notebook.page import BROWSER, notebook_page


def test_each_import_of_a_module_names_one_that_is_there():
    modules = notebook_page().modules
    lines = re.findall(r"^import .*$", "\n".join(modules.values()), re.MULTILINE)
    named = [line.split('"')[1] for line in lines]
    assert len(named) > 40
    assert set(named) <= set(modules)


def test_the_document_asks_no_address_and_has_the_whole_body_and_all_styles():
    html = notebook_page().html
    assert not re.search(r'\b(src|href)="', html)
    body = re.compile(r"<body.*</body>", re.DOTALL)
    [browsers] = body.findall((BROWSER / "index.html").read_text())
    assert browsers in html
    for sheet in BROWSER.glob("*.css"):
        assert sheet.read_text() in html, sheet.name


def test_only_the_transport_knows_the_network_and_both_have_the_same_functions():
    outside = r"\bfetch\(|new WebSocket|\blocation\.|XMLHttpRequest"
    modules = dict(notebook_page().modules)
    ours = modules.pop("palimpsest/transport.js")
    assert [name for name, text in modules.items() if re.search(outside, text)] == []
    theirs = (BROWSER / "transport.js").read_text()

    def functions(text: str) -> set[str]:
        return set(re.findall(r"^export (?:async )?(?:function|const) (\w+)", text, re.MULTILINE))

    assert functions(ours) == functions(theirs)
    assert re.search(outside, theirs) and not re.search(outside, ours)
