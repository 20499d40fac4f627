"""The editor's application in a thread of this process: no port, no network.

    running = RunningApplication.start(lambda publish: Desk.open(place, publish))
    future = running.request(Request("GET", "/sessions"))
    channel = running.open_channel(on_text, on_close)
    channel.send(text)
    running.close()

All addresses and messages are the server's (`palimpsest.editor.server`), checked as there: this
module speaks ASGI to the same application, as uvicorn does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI

from palimpsest.editor.hub import Opens
from palimpsest.editor.server import make_app
from palimpsest.errors import SessionError

if TYPE_CHECKING:
    from palimpsest.editor.desk import Desk

HOST = "notebook"
"""What requests give as the host, and the only one that is answered."""

GOING_AWAY = 1001
"""Code of a channel that the page's end closes."""

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What a page asks for. ``address``: path and query, as in a link of the page."""

    method: str
    address: str
    body: bytes = b""
    content_type: str = ""


@dataclass
class Answer:
    """What the application answers; names of headers are in small letters."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


ENDED = "This editor is closed. Run the cell again; what you painted is kept."


def closed() -> Answer:
    """What an application that has ended answers."""
    words = json.dumps({"message": ENDED}).encode()
    return Answer(503, {"content-type": "application/json"}, words)


class Channel:
    """One connection to the application's channel of changes; used from any thread.

    It is told of its end exactly once, whichever side ends it and whatever was under way.
    """

    def __init__(
        self,
        running: RunningApplication,
        on_text: Callable[[str], None],
        on_close: Callable[[int, str], None],
    ) -> None:
        self._running, self._on_text, self._on_close = running, on_text, on_close
        self._ended = False
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        if not running.call(running.connect, self):
            self.end()

    def send(self, text: str) -> None:
        """Pass a text of the page on."""
        self._put({"type": "websocket.receive", "text": text})

    def close(self) -> None:
        """The page has gone."""
        self._put({"type": "websocket.disconnect", "code": GOING_AWAY})

    def end(self, code: int = GOING_AWAY, reason: str = "") -> None:
        """The connection has ended; only the first end counts."""
        if not self._ended:
            self._ended = True
            self._on_close(code, reason)

    def _put(self, message: dict[str, Any]) -> None:
        self._running.call(self._incoming.put_nowait, message)

    async def run(self) -> None:
        """Carry messages until one side ends the connection."""

        async def send(message: Any) -> None:
            if message["type"] == "websocket.send":
                self._on_text(message["text"])
            elif message["type"] == "websocket.close":
                self.end(message.get("code", 1000), message.get("reason") or "")

        scope = _scope("websocket", "/changes") | {"subprotocols": []}
        await self._running.app(scope, self._incoming.get, send)


class RunningApplication:
    """The application, and the thread whose event loop it runs in."""

    def __init__(self, opens: Opens) -> None:
        self._failure: Future[str] = Future()
        self.app: FastAPI = make_app(opens, hosts=[HOST], on_ready=self._failure.set_result)
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._gate = threading.Lock()
        self._listens = True
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True, name="notebook editor")
        self._thread.start()

    @classmethod
    def start(cls, opens: Opens) -> RunningApplication:
        """An application whose desk is open. Raises `SessionError` if it could not be opened."""
        found = cls(opens)
        failure = found._failure.result()
        if failure:
            found.close()
            raise SessionError(failure)
        return found

    @property
    def desk(self) -> Desk:
        """The desk that the application serves."""
        desk = self.app.state.hub.desk
        assert desk is not None
        return desk

    def request(self, request: Request) -> Future[Answer]:
        """Ask; the answer comes from the application's thread. Once it has ended, it is 503."""
        answer: Future[Answer] = Future()
        if not self.call(self._answer, request, answer):
            answer.set_result(closed())
        return answer

    def open_channel(
        self, on_text: Callable[[str], None], on_close: Callable[[int, str], None]
    ) -> Channel:
        """Connect a page; both functions are called in the application's thread, ``on_close``
        exactly once: in this one if the application has ended."""
        return Channel(self, on_text, on_close)

    def close(self) -> None:
        """Close the desk and end the thread. What was painted is on the disk already."""
        self.call(self._ending.set)
        self._thread.join()

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        """Call a function in the application's thread; False if that has ended: then it is not."""
        with self._gate:
            if self._listens:
                self._loop.call_soon_threadsafe(function, *arguments)
            return self._listens

    def connect(self, channel: Channel) -> None:
        """Run a channel in the application's thread until it ends, or the application does."""
        self._begin(channel.run()).add_done_callback(lambda task: channel.end())

    def _answer(self, request: Request, answer: Future[Answer]) -> None:
        def answered(task: asyncio.Task[Answer]) -> None:
            if task.cancelled():
                answer.set_result(closed())
            elif (fault := task.exception()) is not None:
                logging.getLogger(__name__).error("%s failed", request.address, exc_info=fault)
                answer.set_result(Answer(500))
            else:
                answer.set_result(task.result())

        self._begin(_answered(self.app, request)).add_done_callback(answered)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _run(self) -> None:
        # which cancels what is under way at the end, and what was called but has not begun
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            async with self.app.router.lifespan_context(self.app):
                await self._ending.wait()
        finally:
            with self._gate:
                self._listens = False


async def _answered(app: FastAPI, request: Request) -> Answer:
    answer, waiting = Answer(), [request.body]

    async def receive() -> Any:
        if not waiting:  # the page does not go away before it is answered
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(), "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {
                k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]
            }
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    scope = _scope("http", request.address) | {"method": request.method}
    scope["headers"] += [
        (b"content-type", request.content_type.encode("latin-1", "replace")),
        (b"content-length", str(len(request.body)).encode()),
    ]
    await app(scope, receive, send)
    return answer


def _scope(kind: str, address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(b"host", HOST.encode())],
        "client": None,
        "server": (HOST, None),
    }
