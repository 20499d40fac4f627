"""The widget's frame alone, in a browser, with a widget that only notes what it is sent."""

from __future__ import annotations

import pytest

from palimpsest.editor.notebook.page import HERE
from tests.editor.notebook.lab import MOVE_FRAME
from tests.editor.static.conftest import browser  # noqa: F401  its fixture is used here too
from tests.editor.static.pages import PATIENCE

MAIN = """
import { request } from "palimpsest/transport.js";
request("which").then(async (answer) => parent.answers.push(await answer.text()));
"""

BEGIN = """async ({ loader, modules }) => {
    const address = URL.createObjectURL(new Blob([loader], { type: "text/javascript" }));
    const { default: widget } = await import(address);
    window.answers = [];
    window.asked = [];
    let receive = null;
    const model = {
        get: () => 300,
        on: (event, listener) => { if (event === "msg:custom") receive = listener; },
        off: () => {},
        send: (fields) => window.asked.push(fields),
    };
    widget.render({ model, el: document.body });
    const bytes = (text) => new DataView(new TextEncoder().encode(text).buffer);
    window.tell = (fields, text = "") => receive(fields, [bytes(text)]);
    window.requests = () => window.asked.filter(({ kind }) => kind === "request");
    window.tell({ view: window.asked[0].view, kind: "page", html: "<head></head>", modules });
}"""

ANSWER = """([number, text]) => {
    const { view, number: of } = window.requests()[number];
    window.tell({ view, kind: "answer", number: of, status: 200, type: "text/plain" }, text);
}"""


@pytest.fixture
def page(browser):  # noqa: F811
    context = browser.new_context()
    context.set_default_timeout(1000 * PATIENCE)
    yield context.new_page()
    context.close()


def test_a_late_answer_to_a_page_that_was_moved_is_not_the_new_ones(page):
    modules = {
        "palimpsest/main.js": MAIN,
        "palimpsest/transport.js": (HERE / "transport.js").read_text(),
    }
    page.evaluate(BEGIN, {"loader": (HERE / "loader.js").read_text(), "modules": modules})
    page.wait_for_function("() => window.requests().length === 1")
    page.evaluate(MOVE_FRAME)  # the new page counts its requests from one again
    page.wait_for_function("() => window.requests().length === 2")
    page.evaluate(ANSWER, [0, "of the page before"])
    page.evaluate(ANSWER, [1, "its own"])
    page.wait_for_function("() => window.answers.length")
    assert page.evaluate("() => window.answers") == ["its own"]
