"""kill -9 within a stroke: what was painted is there, and the stroke under way arrives."""

import socket
import subprocess
import sys

import pytest

from tests.editor.static.conftest import ROOT


@pytest.fixture
def editor(tmp_path):
    """Starts the command on one port and one folder of drafts, as often as it is called."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "palimpsest", "editor", "--model", "church"]
    started = []

    def start() -> tuple[subprocess.Popen, str]:
        running = subprocess.Popen(
            [*command, "--port", str(port), "--drafts", tmp_path / "drafts"],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        started.append(running)
        return running, f"http://127.0.0.1:{port}/"

    yield start
    for running in started:
        running.kill()
        running.wait()


def test_nothing_painted_is_lost_when_the_server_is_killed_within_a_stroke(browser, editor):
    from tests.editor.static.pages import PATIENCE, Author

    first, address = editor()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)
    author = Author(context.new_page(), address)
    page = author.page
    author.until(lambda: reached(page, address))
    page.wait_for_function("() => document.body.dataset.revision")
    author.open(1)
    author.paint((0.36, 0.24), (0.36, 0.42))
    author.filled("object")
    copied = author.painted()

    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    first.kill()
    first.wait()
    author.says("connection is lost")
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    page.mouse.up()
    both = author.painted()
    assert set(copied) < set(both)

    editor()
    author.says("Copied")
    author.until(lambda: author.painted() == both)
    page.reload()  # nothing is left of the page: all of it comes from the disk
    author.filled("object")
    author.open(1)
    author.role("object")
    author.until(lambda: author.painted() == both)
    author.undo()
    author.until(lambda: author.painted() == copied)
    context.close()


def reached(page, address: str) -> bool:
    """Whether the server answers yet; if so, the page is open."""
    from playwright.sync_api import Error

    try:
        page.goto(address)
    except Error:
        return False
    return True
