"""The editor in JupyterLab: shown by a cell, painted in, and what was made comes back to Python."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest

from palimpsest.sessions import Session
from tests.editor.notebook.lab import MOVE_FRAME, ROOT, Lab, Reader
from tests.editor.static.conftest import browser  # noqa: F401  its fixture is used here too
from tests.editor.static.pages import PATIENCE, Author

EXAMPLE = ROOT / "palimpsest" / "editor" / "examples" / "church" / "domes_become_spires.json"
WEIGHTS = ROOT / "data" / "weights" / "mini" / "church.safetensors"

SHOW = f"""
from palimpsest.editor import show
from palimpsest.generators import load_generator, sample_z
g = load_generator({str(WEIGHTS)!r})
editor = show(g, layer=6, name="church", statistics_samples=200)
editor
"""
ASK = """
session, edit, rewritten = editor.session(), editor.edit(), editor.generator()
z = sample_z(g, 3)[2:]
print("layer", session.layer, "context", len(session.context), "rank", edit.rank)
print("changed", float((rewritten(z) - g(z)).abs().max()) > 0.1)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    for needed in ("jupyterlab", "anywidget"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    running = Lab(tmp_path_factory.mktemp("lab"))
    yield running
    running.close()


@pytest.fixture
def open_notebook(browser, lab):  # noqa: F811
    """Opens a notebook with the given cells; nobody but JupyterLab is asked for anything."""
    size = {"width": 1440, "height": 1000}
    context = browser.new_context(viewport=size, color_scheme="null")  # as the page itself says
    context.set_default_timeout(1000 * PATIENCE)
    asked = []

    def open_it(name: str, *cells: str) -> Reader:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        return Reader(page, lab.write(name, *cells))

    yield open_it
    context.close()
    lab.end_kernels()
    own = urlsplit(lab.address).netloc
    assert [url for url in asked if urlsplit(url).netloc not in ("", own)] == []


def test_a_rule_painted_below_a_cell_comes_back_to_python(open_notebook):
    reader = open_notebook("rule", SHOW, ASK)
    style = "() => JSON.stringify({...getComputedStyle(document.body)})"
    plain = reader.page.evaluate(style)
    reader.run(0)
    author = Author(reader.editor(0), "")
    author.settle()
    before = author.pixels('.tile[data-sample="2"] .after')
    author.make_rule()
    author.settle()
    assert author.pixels('.tile[data-sample="2"] .after') != before
    reader.run(1)
    assert reader.output(1).split("\n")[:2] == ["layer 6 context 1 rank 1", "changed True"]
    assert reader.page.evaluate(style) == plain

    reader.run(0)  # again: the work is still there
    author = Author(reader.editor(0), "")
    author.filled("context")


def test_files_go_in_and_out_and_the_page_follows_the_notebooks_colours(open_notebook, lab):
    reader = open_notebook("files", SHOW)
    reader.run(0)
    author = Author(reader.editor(0), "")
    # longer than what one message carries
    content = EXAMPLE.read_text() + " " * (3 * 2**20)
    author.page.locator("#open").click()
    with reader.page.expect_file_chooser() as choosing:
        author.page.get_by_role("button", name="From a file…").click()
    choosing.value.set_files(
        {"name": "mine.json", "mimeType": "application/json", "buffer": content.encode()}
    )
    author.filled("context")
    author.settle()

    author.page.locator("#save").click()
    with reader.page.expect_download() as downloading:
        author.page.get_by_role("button", name="Session", exact=True).click()
    downloaded = Session.load(downloading.value.path())
    assert downloaded.context == Session.load(EXAMPLE).context
    author.page.get_by_role("button", name="Save the session").click()
    author.until(lambda: any((lab.home / "sessions" / "church").glob("*.json")))

    dark = "() => matchMedia('(prefers-color-scheme: dark)').matches"
    for is_light in ("false", "true"):
        reader.page.evaluate("is => { document.body.dataset.jpThemeLight = is; }", is_light)
        author.until(lambda: author.page.evaluate(dark) == (is_light == "false"))  # noqa: B023


def test_keys_in_the_editor_are_its_own_and_the_end_of_the_kernel_is_said(open_notebook):
    reader = open_notebook("keys", SHOW, "import os; os._exit(1)")
    reader.run(0)
    author = Author(reader.editor(0), "")
    author.open(1)
    author.page.locator("#canvas").focus()
    for key in ("e", "a", "b", "d", "d"):  # in JupyterLab they add cells and delete them
        reader.page.keyboard.press(key)
    assert author.page.locator("#brush").get_attribute("aria-pressed") == "true"
    assert reader.page.locator(".jp-Notebook .jp-CodeCell").count() == 2

    reader.page.evaluate(MOVE_FRAME)
    author = Author(reader.editor(0), "")
    author.settle()
    reader.begin(1)
    author.says("kernel has ended")
