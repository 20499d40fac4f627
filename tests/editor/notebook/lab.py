"""JupyterLab in a process of its own, with a notebook, and a person who works in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TOKEN = "of-the-tests"
PATIENCE = 90.0
"""Seconds until the server or a kernel must have begun."""

MOVE_FRAME = "() => { const it = document.querySelector('iframe'); it.parentNode.append(it); }"
"""What a notebook that moves its cells does: it takes the frame out, and the browser loads its page
anew."""


def notebook(*cells: str) -> str:
    """A notebook with these cells of code, as its file has it."""
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return json.dumps(
        {
            "cells": [code | {"id": f"cell-{i}", "source": text} for i, text in enumerate(cells)],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


class Lab:
    """JupyterLab on a free port of the loopback; everything that it writes is in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/"
        private = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        environment = dict(
            os.environ,
            PYTHONPATH=str(ROOT),
            XDG_DATA_HOME=str(folder / "data"),
            **{name: str(folder / name.lower()) for name in private},
        )
        options = {
            "ServerApp.port": port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.home,
            "IdentityProvider.token": TOKEN,
            "LabApp.news_url": "None",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        with (folder / "lab.log").open("w") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                    *(f"--{name}={value}" for name, value in options.items()),
                ],
                env=environment,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, (folder / "lab.log").read_text()
            assert time.monotonic() < end, "JupyterLab did not begin"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            self._ask("GET", "api")
        except OSError:
            return False
        return True

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self.address}{path}?token={TOKEN}", method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def end_kernels(self) -> None:
        """End all kernels: each holds a generator."""
        for kernel in json.loads(self._ask("GET", "api/kernels")):
            self._ask("DELETE", f"api/kernels/{kernel['id']}")

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook; the address at which it opens, with no other beside it."""
        (self.home / f"{name}.ipynb").write_text(notebook(*cells))
        return f"{self.address}lab/workspaces/{name}/tree/{name}.ipynb?token={TOKEN}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class InFrame:
    """A frame with the mouse and keyboard of the page that it is in, for `Author`."""

    def __init__(self, page: Any, frame: Any) -> None:
        self._frame = frame
        self.mouse, self.keyboard, self.context = page.mouse, page.keyboard, page.context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._frame, name)


class Reader:
    """A person with an open notebook."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        page.goto(address)
        self.idle()

    def idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

    def cell(self, number: int) -> Any:
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)

    def run(self, number: int) -> None:
        """Run a cell, and wait until it has ended."""
        from playwright.sync_api import expect

        prompt = self.cell(number).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        self.begin(number)
        expect(prompt).not_to_have_text(before)
        expect(prompt).not_to_have_text("[*]:")

    def begin(self, number: int) -> None:
        """Begin to run a cell."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def output(self, number: int) -> str:
        return self.cell(number).locator(".jp-OutputArea").inner_text()

    def editor(self, number: int) -> InFrame:
        """The editor below a cell, when it shows the work."""
        place = self.cell(number).locator("iframe[title^=Palimpsest]")
        place.scroll_into_view_if_needed()
        frame = place.element_handle().content_frame()
        frame.wait_for_function("() => document.body.dataset.revision")
        return InFrame(self.page, frame)
