"""What the browser tests do on the editor's page, in words of the person who does it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

Point = tuple[float, float]
"""A place on the open picture, as shares of its width, from the left top."""

PIXELS = """selector => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 64;
    const ink = canvas.getContext('2d');
    return [...document.querySelectorAll(selector)].map(image => {
        ink.drawImage(image, 0, 0, 64, 64);
        return [...ink.getImageData(0, 0, 64, 64).data].join();
    });
}"""

PAINTED = """() => {
    const canvas = document.querySelector('#canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const found = [];
    for (let i = 0; i < data.length; i += 4) if (data[i + 3]) found.push(i / 4);
    return found;
}"""


SETTLED = """() => {
    const box = document.querySelector('#gallery').getBoundingClientRect();
    const seen = tile => {
        const { top, bottom } = tile.getBoundingClientRect();
        return bottom > Math.max(0, box.top) && top < Math.min(innerHeight, box.bottom);
    };
    const loaded = image => image.dataset.wanted
        && image.dataset.shown === image.dataset.wanted;
    const tiles = [...document.querySelectorAll('.tile')].filter(seen);
    return !document.querySelector('.busy.on') && tiles.length
        && tiles.every(tile => !tile.hasAttribute('data-late')
            && loaded(tile.querySelector('.after')));
}"""
"""A picture is announced before the browser has loaded it: what it shows says that it is there."""

PATIENCE = 90.0
"""Seconds until a test gives up: a busy machine is slow, not wrong."""


class Author:
    """One person at one page."""

    def __init__(self, page, address: str) -> None:
        self.page, self.address = page, address

    def start_anew(self) -> None:
        """An empty rule, no rules kept, and nothing to undo but that."""
        self.page.goto(self.address)
        self.page.wait_for_function("() => document.body.dataset.revision")
        self.page.locator("#open").click()
        # a page that has left before the server answers may empty the next one's work
        self.changes(self.page.get_by_role("button", name="Start empty").click)
        self.page.goto("about:blank")

    def settle(self) -> None:
        """Wait until every picture that can be seen is that of the newest state."""
        self.page.wait_for_function(SETTLED)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until ``holds()`` is true; fail if it is not within `PATIENCE`."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, "what was waited for did not come"
            self.page.wait_for_timeout(50)

    def open(self, sample: int) -> None:
        self.page.locator(f'.tile[data-sample="{sample}"]').click()
        self.page.wait_for_function("() => document.querySelector('#before').src")

    def tap(self, selector: str, done: Callable[[], bool]) -> None:
        """Tap until it is done: again if a slow machine made a long press of the tap."""

        def answered() -> bool:
            self.page.locator(selector).tap()
            for _ in range(60):  # a slow machine answers late, and a second tap may undo the first
                if done():
                    return True
                self.page.wait_for_timeout(50)
            return False

        self.until(answered)

    def tap_sample(self, sample: int) -> None:
        """Open a sample with a finger."""
        title, wanted = self.page.locator("#picture-title"), f"Sample {sample}"
        self.tap(f'.tile[data-sample="{sample}"]', lambda: title.inner_text() == wanted)
        self.page.wait_for_function("() => document.querySelector('#before').src")

    def role(self, name: str) -> None:
        self.page.locator(f'#roles label[data-role="{name}"]').click()

    def paint(self, *points: Point, by: str = "#canvas") -> None:
        """One stroke with the mouse."""
        box = self.page.locator(by).bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=5)
        self.page.mouse.up()

    def touch(self, *points: Point) -> None:
        """One stroke with a finger."""
        box = self.page.locator("#canvas").bounding_box()
        wire = self.page.context.new_cdp_session(self.page)

        def send(kind: str, places: Sequence[Point]) -> None:
            touches = [
                {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
                for x, y in places
            ]
            wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

        send("touchStart", points[:1])
        for point in points[1:]:
            send("touchMove", [point])
        send("touchEnd", [])
        wire.detach()

    def pixels(self, selector: str = ".tile .after") -> list[str]:
        """The pixels of pictures on the page, each as one text."""
        return self.page.evaluate(PIXELS, selector)

    def painted(self) -> list[int]:
        """Numbers of the canvas's 512 x 512 pixels on which something is drawn, once it rests."""
        self.page.evaluate("() => new Promise(done => setTimeout(done, 120))")
        return self.page.evaluate(PAINTED)

    def status(self) -> str:
        return self.page.locator("#status").inner_text()

    def undo(self) -> None:
        self.page.locator("#undo").click()

    def undo_all(self, steps: int) -> None:
        """Undo so many steps, one after the other."""
        for _ in range(steps):
            self.changes(self.undo)

    def changes(self, act: Callable[[], object]) -> None:
        """Do something that changes the work, and wait until the server has answered."""
        revision = self.page.evaluate("() => document.body.dataset.revision")
        act()
        self.page.wait_for_function(
            "before => document.body.dataset.revision !== before", arg=revision
        )

    def make_rule(self, copied: int = 1, pasted: int = 2, context: int = 4) -> None:
        """A spire copied over a dome, and one place of context."""
        self.open(copied)
        self.paint((0.36, 0.24), (0.36, 0.42))
        self.filled("object")
        self.open(pasted)
        self.paint((0.6, 0.28), (0.6, 0.42))
        self.filled("paste")
        self.open(context)
        self.paint((0.58, 0.28), (0.58, 0.42))
        self.filled("context")
        self.settle()

    def filled(self, role: str, is_filled: bool = True) -> None:
        """Wait until a tray holds something, or nothing."""
        end = "" if is_filled else ":not([data-filled])"
        filled = "[data-filled]" if is_filled else ""
        selector = f'.tray[data-role="{role}"]{filled}{end}'
        self.page.locator(selector).wait_for(state="attached")

    def serious_faults(self) -> list[tuple[str, str]]:
        """What axe calls serious or worse: the rule, and the element; skips without axe.

        The page must have been opened with ``bypass_csp``.
        """
        package = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
        self.page.evaluate((Path(package.__file__).parent / "axe.min.js").read_text())
        found = self.page.evaluate("() => axe.run()")
        assert len(found["passes"]) > 10
        return [
            (fault["id"], fault["nodes"][0]["html"][:100])
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]

    def says(self, pattern: str) -> None:
        """Wait until the status line matches."""
        from playwright.sync_api import expect

        expect(self.page.locator("#status")).to_have_text(re.compile(pattern))
