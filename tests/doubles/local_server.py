"""A folder served on the loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO


class _Quiet(SimpleHTTPRequestHandler):
    def __init__(self, *given: object, sent: float, announced: bool, directory: str) -> None:
        self.sent, self.announced = sent, announced
        super().__init__(*given, directory=directory)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Content-Length" or self.announced:
            super().send_header(keyword, value)

    def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:
        content = source.read()
        outputfile.write(content[: int(self.sent * len(content))])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path, *, sent: float = 1.0, announced: bool = True) -> Iterator[str]:
    """Serve ``folder``; the URL without a slash at its end.

    ``sent``: share of each file after which the connection ends. ``announced``: whether the answer
    tells the file's length.
    """
    handler = partial(_Quiet, sent=sent, announced=announced, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
