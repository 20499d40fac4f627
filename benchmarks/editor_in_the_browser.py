"""How long a stroke takes in the editor: brush up to the first changed picture, and to all 24.

    python -m benchmarks.editor_in_the_browser

The editor of the church runs as its command runs it; a browser (Debian's chromium) opens it, pastes
a spire over a dome, and then paints twenty strokes of context. Times are the browser's own: from
the lifting of the brush to the loading of a picture of the new state. Needs playwright.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import Annotated

import typer

TILES = 24
LISTEN = """() => {
    window.seen = [];
    let lifted = 0;
    addEventListener('pointerup', () => { lifted = performance.now(); window.seen = []; }, true);
    document.addEventListener('load', event => {
        const tile = event.target.closest?.('.tile');
        if (!tile || !event.target.matches('.after')) return;
        const hash = event.target.src.split('/').at(-2);
        window.seen.push([performance.now() - lifted, hash, tile.dataset.sample]);
    }, true);
}"""
RESTS = """() => !document.querySelector('.busy.on') && !document.querySelector('[data-late]')
    && [...document.querySelectorAll('.tile .after[data-wanted]')].every(image =>
        image.src === new URL(image.dataset.wanted, document.baseURI).href)"""
REVISION = "() => document.body.dataset.revision"
COPY, PASTE, CONTEXT = 1, 2, (4, 8, 13, 15, 16, 17, 19, 21, 22, 23)


def times_of(seen: list[list]) -> tuple[float, float]:
    """Milliseconds to the first and to the last of the 24 pictures of the newest state."""
    newest = seen[-1][1]
    arrived: dict[str, float] = {}
    for ms, state, sample in seen:
        if state == newest:
            arrived.setdefault(sample, ms)
    if len(arrived) < TILES:
        raise RuntimeError(f"only {len(arrived)} of {TILES} pictures were drawn again")
    ordered = sorted(arrived.values())
    return ordered[0], ordered[TILES - 1]


def paint(page, sample: int, points: list[tuple[float, float]], role: str) -> None:
    page.locator(f'.tile[data-sample="{sample}"]').click()
    page.locator(f'#roles label[data-role="{role}"]').click()
    page.wait_for_function("() => document.querySelector('#before').src")
    page.wait_for_function(RESTS)
    box = page.locator("#canvas").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=6)
    before = page.evaluate(REVISION)
    page.mouse.up()
    page.wait_for_function(f"before => ({REVISION})() !== before", arg=before)
    page.wait_for_function(RESTS)


def wait_for(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}health", timeout=5).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise RuntimeError("the editor does not start")


def main(
    strokes: Annotated[int, typer.Option(min=1, help="Strokes that are measured.")] = 20,
    port: Annotated[int, typer.Option(help="Port of the editor that is measured.")] = 8931,
) -> None:
    """Measure the editor in the browser."""
    from playwright.sync_api import sync_playwright

    address = f"http://127.0.0.1:{port}/"
    folder = tempfile.mkdtemp()
    command = [sys.executable, "-m", "palimpsest", "editor", "--model", "church"]
    began = time.perf_counter()
    editor = subprocess.Popen([*command, "--port", str(port), "--drafts", folder])
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            wait_for(address)
            page.goto(address)
            page.wait_for_function("() => document.querySelector('.tile .after')?.src")
            print(f"command to first picture: {time.perf_counter() - began:.1f} s")
            page.evaluate(LISTEN)
            paint(page, COPY, [(0.36, 0.24), (0.36, 0.4)], "object")
            paint(page, PASTE, [(0.6, 0.28), (0.6, 0.42)], "paste")
            page.wait_for_timeout(15_000)  # all statistics are collected
            page.wait_for_function(RESTS)
            firsts, lasts = [], []
            for stroke in range(strokes):
                y = 0.25 + 0.02 * (stroke // len(CONTEXT))
                sample = CONTEXT[stroke % len(CONTEXT)]
                paint(page, sample, [(0.5, y), (0.52, y + 0.1)], "context")
                page.wait_for_timeout(300)
                first, last = times_of(page.evaluate("() => window.seen"))
                firsts.append(first)
                lasts.append(last)
            browser.close()
        for name, found in (
            ("first changed picture", firsts),
            (f"{TILES} changed pictures", lasts),
        ):
            print(
                f"brush up to {name}: median {statistics.median(found):.0f} ms "
                f"({min(found):.0f} to {max(found):.0f}; {strokes} strokes)"
            )
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    finally:
        editor.terminate()
        editor.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
