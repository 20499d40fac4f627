"""Between the views of a widget and the application: typed messages, in and out.

    relay = Relay(running, send)            # send(fields, buffers), from any thread
    relay.receive(fields, buffers)          # a message of a view

Each message names the view that it is from or for, as a widget's messages reach all of its views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from palimpsest.editor.file_addresses import LIMITS
from palimpsest.editor.notebook.application import (
    ENDED,
    Answer,
    Channel,
    Request,
    RunningApplication,
)
from palimpsest.editor.notebook.page import notebook_page
from palimpsest.editor.server import MESSAGE_BYTES
from palimpsest.errors import ParameterError

Send = Callable[[dict[str, Any], Sequence[bytes]], None]
"""Sends a message and what it carries to all views."""

View = Annotated[str, Field(pattern=r"^[0-9a-z]{1,20}$")]
Buffers = Sequence[bytes | memoryview]

MOST_BYTES = max(LIMITS.values())
"""Bytes of a request's body that are put together."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    view: View


class PageWanted(_Message):
    """A view asks for the page."""

    kind: Literal["page"]


class Open(_Message):
    """A page opens its channel of changes."""

    kind: Literal["open"]


class Text(_Message):
    """A message of a page, in its channel; checked there."""

    kind: Literal["text"]
    text: str = Field(max_length=MESSAGE_BYTES)


class Close(_Message):
    """A page has gone."""

    kind: Literal["close"]


class RequestPiece(_Message):
    """A piece of a page's request, whose body the buffer carries; ``more``: not the last one."""

    kind: Literal["request"]
    number: int
    method: Literal["GET", "POST", "PUT", "DELETE"]
    address: str = Field(max_length=4000)
    content_type: str = Field(max_length=200)
    more: bool


FromView = Annotated[PageWanted | Open | Text | Close | RequestPiece, Field(discriminator="kind")]

_MESSAGES: TypeAdapter[FromView] = TypeAdapter(FromView)


class Relay:
    """Passes the messages of all views of one widget on, and the answers back."""

    def __init__(self, running: RunningApplication, send: Send) -> None:
        self._running, self._send = running, send
        self._channels: dict[str, Channel] = {}
        self._bodies: dict[tuple[str, int], bytearray] = {}

    def receive(self, fields: object, buffers: Buffers) -> None:
        """A message of a view. Raises `ParameterError` for one that is none."""
        try:
            message = _MESSAGES.validate_python(fields)
        except ValidationError as problem:
            first = problem.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ParameterError(f"message refused: {place}: {first['msg']}") from None
        if isinstance(message, PageWanted):
            self._send_page(message.view)
        elif isinstance(message, Open):
            self._open(message.view)
        elif isinstance(message, Close):
            self._leave(message.view)
        elif isinstance(message, Text):
            if message.view in self._channels:
                self._channels[message.view].send(message.text)
        else:
            self._request(message, b"".join(bytes(one) for one in buffers))

    def _tell(self, view: str, kind: str, buffers: Sequence[bytes] = (), **fields: Any) -> None:
        self._send({"view": view, "kind": kind, **fields}, buffers)

    def _send_page(self, view: str) -> None:
        page = notebook_page()
        self._tell(view, "page", html=page.html, modules=page.modules)

    def _open(self, view: str) -> None:
        self._leave(view)
        self._tell(view, "opened")
        self._channels[view] = self._running.open_channel(
            lambda text: self._tell(view, "text", text=text),
            lambda code, reason: self._tell(view, "closed", reason=reason or ENDED),
        )

    def _leave(self, view: str) -> None:
        if view in self._channels:
            self._channels.pop(view).close()
        for name in [name for name in self._bodies if name[0] == view]:
            del self._bodies[name]

    def _request(self, piece: RequestPiece, content: bytes) -> None:
        name = (piece.view, piece.number)
        body = self._bodies.setdefault(name, bytearray())
        if len(body) <= MOST_BYTES:  # one piece over the limit, and the application refuses it
            body += content
        if piece.more:
            return
        del self._bodies[name]
        request = Request(piece.method, piece.address, bytes(body), piece.content_type)

        def answered(future: Future[Answer]) -> None:
            answer = future.result()
            kind = answer.headers.get("content-type", "")
            fields = {"number": piece.number, "status": answer.status, "type": kind}
            self._tell(piece.view, "answer", [answer.body], **fields)

        self._running.request(request).add_done_callback(answered)
