"""Records the README's moving picture of the editor: one spire pasted, and every dome follows.

    python docs/pictures/record_editor.py docs/pictures/editor.webp

The church's editor runs as its command runs it; chromium (Debian's) opens it and a hand with a
visible pointer paints. The frames are those that the browser painted, at the times at which it
painted them; pauses longer than `LONGEST` are shortened to it. Needs playwright.
"""

from __future__ import annotations

import asyncio
import base64
import io
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

WINDOW = (1440, 900)
SHOWN = (960, 600)
"""Pixels of the moving picture."""
LEAST, LONGEST = 0.08, 1.6
"""Seconds that a frame stands."""
QUALITY = 55

Stroke = list[tuple[float, float]]
"""Places on the open picture, as shares of its width, from the left top."""

STROKES: list[tuple[int, Stroke]] = [
    (1, [(0.36, 0.2), (0.36, 0.42)]),  # copy
    (2, [(0.6, 0.26), (0.6, 0.44)]),  # paste
    (4, [(0.57, 0.28), (0.57, 0.46)]),  # context
    (8, [(0.52, 0.26), (0.52, 0.44)]),
]
LARGER = 3
"""Steps by which the brush is made larger first."""

POINTER = """() => {
    const hand = document.createElement('div');
    Object.assign(hand.style, {
        position: 'fixed', zIndex: 99, width: '22px', height: '22px', margin: '-11px 0 0 -11px',
        borderRadius: '50%', background: 'rgb(20 18 15 / 0.75)', border: '2px solid #fff',
        pointerEvents: 'none',
    });
    document.body.append(hand);
    addEventListener('pointermove', event => {
        hand.style.left = `${event.clientX}px`;
        hand.style.top = `${event.clientY}px`;
    }, true);
}"""
DRAWN = """() => !document.querySelector('.busy.on') && !document.querySelector('[data-late]')
    && [...document.querySelectorAll('.tile .after[data-wanted]')].every(image =>
        image.src === new URL(image.dataset.wanted, document.baseURI).href)"""


@contextmanager
def editor(port: int) -> Iterator[str]:
    """The editor of the church with nothing painted; gives its address."""
    with tempfile.TemporaryDirectory() as drafts:
        command = [sys.executable, "-m", "palimpsest", "editor", "--model", "church"]
        running = subprocess.Popen([*command, "--port", str(port), "--drafts", drafts])
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            running.terminate()
            running.wait()


async def answers(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}health", timeout=5).close()
            return
        except urllib.error.URLError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the editor does not start")


class Hand:
    """A hand that moves as one does: not at once, and not faster than one can follow."""

    def __init__(self, page) -> None:
        self.page, self.place = page, (WINDOW[0] / 2, WINDOW[1] / 2)
        self.larger = LARGER

    async def go(self, x: float, y: float, steps: int = 14) -> None:
        (left, top), self.place = self.place, (x, y)
        for step in range(1, steps + 1):
            share = step / steps
            await self.page.mouse.move(left + share * (x - left), top + share * (y - top))
            await asyncio.sleep(0.03)

    async def click(self, selector: str) -> None:
        box = await self.page.locator(selector).bounding_box()
        await self.go(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await self.page.mouse.click(*self.place)

    async def paint(self, sample: int, stroke: Stroke) -> None:
        await self.click(f'.tile[data-sample="{sample}"]')
        await asyncio.sleep(0.5)
        box = await self.page.locator("#canvas").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        await self.go(*places[0])
        while self.larger:
            await self.page.keyboard.press("]")
            self.larger -= 1
        await self.page.mouse.down()
        for place in places[1:]:
            await self.go(*place, steps=8)
        revision = await self.page.evaluate("() => document.body.dataset.revision")
        await self.page.mouse.up()
        await self.page.wait_for_function(
            "before => document.body.dataset.revision !== before", arg=revision
        )
        await self.page.wait_for_function(DRAWN)
        await asyncio.sleep(0.6)

    async def compare(self) -> None:
        """Before and after in the open picture: the edge goes to the right and back."""
        await self.click('#roles label[data-role="result"]')
        box = await self.page.locator("#canvas").bounding_box()
        middle = box["y"] + 0.7 * box["height"]
        await self.go(box["x"] + 0.5 * box["width"], middle)
        await self.page.mouse.down()
        for x in (0.95, 0.05):
            await self.go(box["x"] + x * box["width"], middle, steps=24)
            await asyncio.sleep(0.5)
        await self.page.mouse.up()


async def record(address: str) -> list[tuple[float, Image.Image]]:
    """Frames with the seconds at which the browser painted them."""
    from playwright.async_api import async_playwright

    frames: list[tuple[float, Image.Image]] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = await browser.new_page(viewport={"width": WINDOW[0], "height": WINDOW[1]})
        await answers(address)
        await page.goto(address)
        await page.wait_for_function("() => document.querySelector('.tile .after')?.src")
        await page.evaluate(POINTER)
        hand = Hand(page)
        await page.mouse.move(*hand.place)
        await asyncio.sleep(8)  # the statistics of the layer are collected
        await page.wait_for_function(DRAWN)
        wire = await page.context.new_cdp_session(page)

        async def keep(event: dict) -> None:
            picture = Image.open(io.BytesIO(base64.b64decode(event["data"]))).convert("RGB")
            frames.append((event["metadata"]["timestamp"], picture))
            await wire.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

        wire.on("Page.screencastFrame", lambda event: asyncio.ensure_future(keep(event)))
        await wire.send("Page.startScreencast", {"format": "png"})
        await asyncio.sleep(0.5)
        for sample, stroke in STROKES:
            await hand.paint(sample, stroke)
        await hand.compare()
        await wire.send("Page.stopScreencast")
        await asyncio.sleep(0.3)
        await browser.close()
    return frames


def thinned(frames: list[tuple[float, Image.Image]]) -> tuple[list[Image.Image], list[int]]:
    """Frames that stand for `LEAST` to `LONGEST` seconds, and for how many milliseconds each."""
    kept = [frames[0]]
    for at, picture in frames[1:]:
        if at - kept[-1][0] >= LEAST:
            kept.append((at, picture))
    kept.append((frames[-1][0] + LONGEST, frames[-1][1]))  # the last one is the result
    times = [min(LONGEST, after - at) for (at, _), (after, _) in zip(kept, kept[1:], strict=False)]
    pictures = [picture.resize(SHOWN, Image.Resampling.LANCZOS) for _, picture in kept]
    return pictures, [round(1000 * seconds) for seconds in [*times, LONGEST]]


def main(
    out: Annotated[Path, typer.Argument(help="File to write, WebP.")],
    port: Annotated[int, typer.Option(help="Port of the editor that is recorded.")] = 8951,
) -> None:
    """Record the moving picture of the editor."""
    with editor(port) as address:
        frames = asyncio.run(record(address))
    pictures, times = thinned(frames)
    pictures[0].save(
        out,
        save_all=True,
        append_images=pictures[1:],
        duration=times,
        loop=0,
        quality=QUALITY,
        method=6,
    )
    print(f"{out}: {len(pictures)} frames, {sum(times) / 1000:.1f} s, {out.stat().st_size} bytes")


if __name__ == "__main__":
    typer.run(main)
