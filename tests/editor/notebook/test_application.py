"""The server's application without a port: the same answers, the same channel."""

from __future__ import annotations

import asyncio
import json
import queue

import pytest

from palimpsest.editor.desk import Desk
from palimpsest.editor.notebook.application import ENDED, GOING_AWAY, Request, RunningApplication
from palimpsest.errors import SessionError


@pytest.fixture
def running(place):
    found = RunningApplication.start(lambda publish: Desk.open(place, publish))
    yield found
    found.close()


class Page:
    """A page that is connected, and what it heard."""

    def __init__(self, running: RunningApplication) -> None:
        self.texts: queue.Queue[str] = queue.Queue()
        self.ends: queue.Queue[tuple[int, str]] = queue.Queue()
        self.channel = running.open_channel(self.texts.put, lambda *end: self.ends.put(end))

    def say(self, kind: str, **fields: object) -> None:
        self.channel.send(json.dumps({"type": kind, "version": 1, **fields}))

    def hear(self, kind: str) -> dict:
        """The next message of a kind."""
        while True:
            message = json.loads(self.texts.get(timeout=60))
            if message["type"] == kind:
                return message


def ask(running: RunningApplication, address: str, **more):
    return running.request(Request(address=address, **{"method": "GET", **more})).result(60)


def test_a_page_gets_the_state_and_the_pictures_that_it_asks_for(running):
    page = Page(running)
    state = page.hear("state")
    page.say("show", samples=[3])
    assert page.hear("picture")["sample"] == 3
    answer = ask(running, f"/pictures/{state['hash']}/3.png")
    assert answer.status == 200 and answer.headers["content-type"] == "image/png"
    assert answer.body.startswith(b"\x89PNG")


def test_queries_bodies_and_refusals_are_those_of_the_server(running, example):
    assert ask(running, "/downloads/session.json").status == 409
    content = example.to_json().encode()
    sent = ask(running, "/sessions/upload?name=mine.json", method="POST", body=content)
    assert sent.status == 200, sent.body
    downloaded = ask(running, "/downloads/session.json")
    assert json.loads(downloaded.body)["layer"] == example.layer
    assert ask(running, "/pictures/unknown/0.png").status == 404
    too_large = ask(running, "/sessions/upload", method="POST", body=b" " * (17 * 2**20))
    assert too_large.status == 413 and b"too large" in too_large.body


def test_what_one_page_changes_all_hear_and_a_bad_message_changes_nothing(running):
    pages = [Page(running), Page(running)]
    first = [page.hear("state") for page in pages]
    pages[0].say("settings", layer="six")
    assert "layer" in pages[0].hear("error")["message"]
    pages[0].say("settings", name="mine")
    for page, before in zip(pages, first, strict=True):
        after = page.hear("state")
        assert after["draft"]["name"] == "mine" and after["revision"] > before["revision"]


def test_a_page_that_leaves_hears_no_more_and_closing_tells_those_that_stay(place):
    running = RunningApplication.start(lambda publish: Desk.open(place, publish))
    gone, stays = Page(running), Page(running)
    gone.hear("state"), stays.hear("state")
    gone.channel.close()
    gone.ends.get(timeout=60)
    heard = gone.texts.qsize()
    stays.say("settings", name="mine")
    stays.hear("state")
    assert gone.texts.qsize() == heard
    running.close()
    stays.ends.get(timeout=60)


def test_two_editors_on_the_same_drafts_are_refused(running, place):
    with pytest.raises(SessionError, match="another editor is open"):
        RunningApplication.start(lambda publish: Desk.open(place, publish))


async def never_closes(scope, receive, send) -> None:
    await asyncio.Event().wait()


async def closes_twice(scope, receive, send) -> None:
    for _ in range(2):
        await send({"type": "websocket.close", "code": 1011, "reason": "first"})


@pytest.mark.parametrize(
    ("application", "end"),
    [(never_closes, (GOING_AWAY, "")), (closes_twice, (1011, "first"))],
)
def test_a_page_is_told_of_the_end_once_however_the_application_ends(place, application, end):
    running = RunningApplication.start(lambda publish: Desk.open(place, publish))
    running.app = application
    page = Page(running)
    running.close()
    assert page.ends.get(timeout=60) == end
    assert page.ends.empty()


def test_a_request_under_way_at_the_end_is_answered(place):
    running = RunningApplication.start(lambda publish: Desk.open(place, publish))
    running.app = never_closes
    asked = running.request(Request("GET", "/health"))
    running.close()
    assert asked.result(60).status == 503


def test_a_fault_of_the_application_is_answered_and_logged(running, caplog):
    async def broken(scope, receive, send) -> None:
        raise ZeroDivisionError("half an answer")

    running.app = broken
    assert ask(running, "/health").status == 500
    assert "half an answer" in caplog.text


def test_what_comes_after_the_end_is_told_that_it_is_the_end(place):
    running = RunningApplication.start(lambda publish: Desk.open(place, publish))
    running.close()
    late = Page(running)
    assert late.ends.get(timeout=60)[0] == GOING_AWAY
    late.say("settings", name="mine")
    answer = ask(running, "/health")
    assert answer.status == 503 and json.loads(answer.body) == {"message": ENDED}
    running.close()


def test_an_error_that_nobody_expected_is_told_too():
    def opens(publish) -> Desk:
        raise ZeroDivisionError("half a model")

    with pytest.raises(SessionError, match="ZeroDivisionError: half a model"):
        RunningApplication.start(opens)
