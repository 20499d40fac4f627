"""An editor of the church that serves the page, and a browser that opens it."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[3]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

DESK = (1440, 900)
STATISTICS = 100
"""Samples of the statistics: few, so that they are ready at once."""


class Running:
    """A server of the editor in a thread, and its folders."""

    def __init__(self, folder, models=None) -> None:
        import uvicorn

        from palimpsest.editor.desk import Desk
        from palimpsest.editor.server import listen, make_app
        from palimpsest.editor.workplace import ModelPlace, Workplace

        weights = ROOT / "data" / "weights" / "mini"
        self.saved = folder / "sessions"
        church = ModelPlace(
            weights=weights / "church.safetensors",
            segmenter=weights / "church-segmenter.safetensors",
            sessions=self.saved,
            statistics_folder=folder / "statistics",
            statistics_samples=STATISTICS,
            layer=6,
        )
        examples = ROOT / "palimpsest" / "editor" / "examples"
        models = models or {"church": church}
        place = Workplace(models, next(iter(models)), folder / "drafts", examples=examples)
        listening = listen("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        app = make_app(lambda publish: Desk.open(place, publish), hosts=["127.0.0.1"])
        self.server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", ws="websockets-sansio", ws_max_size=8 * 2**20)
        )
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)
        self.hub = app.state.hub

    def wait_for_statistics(self) -> None:
        """Until they are there, the state has a new revision that nobody's change has made."""
        while not self.hub.ready.is_set():
            time.sleep(0.02)
        engine, work = self.hub.desk.engine, self.hub.desk.history.present
        engine.begin_statistics(work)
        engine.statistics(work.model, work.draft.layer, work.truncation).wait(threading.Event())

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("editor"))
    running.wait_for_statistics()
    yield running
    running.close()


@pytest.fixture
def saved(server):
    """Folder in which sessions are saved, empty."""
    shutil.rmtree(server.saved, ignore_errors=True)
    return server.saved


@pytest.fixture(
    scope="module"
)  # while a driver runs, nothing else of the process has an event loop
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from tests.editor.static.pages import PATIENCE

    playwright.expect.set_options(timeout=1000 * PATIENCE)
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser, server):
    """Opens the page, with an empty rule at first; it asks nobody else and complains of nothing."""
    from tests.editor.static.pages import PATIENCE, Author

    contexts, asked, complaints = [], [], []
    expected = ["WebSocket connection", "status of 409", "status of 422"]

    def open_it(viewport=DESK, touch=False, goto=True, complains_of=(), **options):
        expected.extend(complains_of)
        width, height = viewport
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, has_touch=touch, **options)
        context.set_default_timeout(1000 * PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda problem: complaints.append(str(problem)))
        author = Author(page, server.address)
        if len(contexts) == 1:
            author.start_anew()
        if goto:
            page.goto(server.address)
            page.wait_for_function("() => document.body.dataset.revision")
        return author

    yield open_it
    for context in contexts:
        context.close()
    own = urlsplit(server.address).netloc
    assert [url for url in asked if urlsplit(url).netloc not in ("", own)] == []
    assert [text for text in complaints if not any(part in text for part in expected)] == []


@pytest.fixture
def author(open_page):
    return open_page()
