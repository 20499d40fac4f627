"""Messages in, messages out, with views that are only names."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import pytest

from palimpsest.editor.desk import Desk
from palimpsest.editor.notebook.application import RunningApplication
from palimpsest.editor.notebook.relay import Relay
from palimpsest.errors import ParameterError


class Views:
    """The messages that were sent to the views, in their order."""

    def __init__(self) -> None:
        self.all: list[tuple[dict, list[bytes]]] = []
        self._news = threading.Condition()

    def send(self, fields, buffers) -> None:
        with self._news:
            self.all.append((fields, list(buffers)))
            self._news.notify_all()

    def wait(self, wanted: Callable[[dict], bool]) -> tuple[dict, list[bytes]]:
        """The first message that is wanted, when it has come."""
        end = time.monotonic() + 60
        with self._news:
            while True:
                for fields, buffers in self.all:
                    if wanted(fields):
                        return fields, buffers
                assert self._news.wait(end - time.monotonic()), [one["kind"] for one, _ in self.all]

    def answer(self, view: str, number: int) -> tuple[dict, list[bytes]]:
        return self.wait(
            lambda fields: (
                (fields["view"], fields["kind"], fields.get("number")) == (view, "answer", number)
            )
        )

    def text(self, view: str, kind: str) -> dict:
        """The first message of the editor of this kind to a view."""
        fields, _ = self.wait(
            lambda fields: (
                (fields["view"], fields["kind"]) == (view, "text")
                and json.loads(fields["text"])["type"] == kind
            )
        )
        return json.loads(fields["text"])


@pytest.fixture
def views() -> Views:
    return Views()


@pytest.fixture
def relay(place, views):
    running = RunningApplication.start(lambda publish: Desk.open(place, publish))
    yield Relay(running, views.send)
    running.close()


def piece(number: int, address: str, **more):
    fields = {"view": "a", "kind": "request", "number": number, "address": address}
    return fields | {"method": "GET", "content_type": "", "more": False} | more


def test_a_view_gets_the_page_its_state_and_a_picture_as_bytes(relay, views):
    relay.receive({"view": "a", "kind": "page"}, [])
    page, _ = views.wait(lambda fields: fields["kind"] == "page")
    assert "palimpsest/main.js" in page["modules"] and "<main" in page["html"]
    relay.receive({"view": "a", "kind": "open"}, [])
    views.wait(lambda fields: fields["kind"] == "opened")
    state = views.text("a", "state")
    relay.receive(piece(7, f"/pictures/{state['hash']}/0.png"), [])
    fields, [content] = views.answer("a", 7)
    assert (fields["status"], fields["type"]) == (200, "image/png")
    assert content.startswith(b"\x89PNG")


def test_a_request_in_pieces_is_one_request(relay, views, example):
    content = example.to_json().encode()
    half = len(content) // 2
    address, kind = "/sessions/upload?name=mine.json", {"content_type": "application/json"}
    post = {"method": "POST", **kind}
    relay.receive(piece(1, address, more=True, **post), [memoryview(content[:half])])
    relay.receive(piece(1, address, **post), [memoryview(content[half:])])
    fields, [body] = views.answer("a", 1)
    assert fields["status"] == 200, body


def test_each_view_hears_what_another_changes_and_none_that_has_gone(relay, views):
    for view in ("a", "b", "gone"):
        relay.receive({"view": view, "kind": "open"}, [])
        views.text(view, "state")
    relay.receive({"view": "gone", "kind": "close"}, [])
    views.wait(lambda fields: (fields["view"], fields["kind"]) == ("gone", "closed"))
    settings = {"type": "settings", "version": 1, "name": "mine"}
    relay.receive({"view": "a", "kind": "text", "text": json.dumps(settings)}, [])

    def is_news(fields) -> bool:
        return fields["kind"] == "text" and '"name":"mine"' in fields["text"]

    views.wait(lambda fields: fields["view"] == "b" and is_news(fields))
    assert {fields["view"] for fields, _ in views.all if is_news(fields)} == {"a", "b"}


@pytest.mark.parametrize(
    "fields",
    [
        {"view": "a", "kind": "shutdown"},
        {"view": "a/../b", "kind": "open"},
        {"kind": "open"},
        piece(1, "/sessions", method="TRACE"),
        piece(1, "/sessions", extra=1),
        "open",
    ],
)
def test_another_message_is_refused_with_a_sentence(relay, views, fields):
    with pytest.raises(ParameterError, match="^message refused: "):
        relay.receive(fields, [])
    assert views.all == []
