"""The server: addresses, the socket of changes, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from palimpsest.editor.desk import Desk
from palimpsest.editor.server import listen, make_app
from palimpsest.errors import CheckpointError, ParameterError
from tests.editor.conftest import ROOT, spot

HOSTS = ["localhost", "127.0.0.1"]
HERE = "http://localhost:8000"


def app_of(place, **options):
    return make_app(lambda publish: Desk.open(place, publish), HOSTS, **options)


@pytest.fixture
def client(place) -> Iterator[TestClient]:
    with TestClient(app_of(place), base_url=HERE) as client:
        yield client


class Page:
    """A page's end of the socket."""

    def __init__(self, socket) -> None:
        self.socket, self.number = socket, 0

    def send(self, kind: str, **values) -> int:
        self.number += 1
        message = {"type": kind, "version": 1, "id": self.number, **values}
        self.socket.send_text(json.dumps(message))
        return self.number

    def until(self, kind: str, **wanted) -> dict:
        while True:
            message = json.loads(self.socket.receive_text())
            if message["type"] == kind and all(message[k] == v for k, v in wanted.items()):
                return message


@pytest.fixture
def page(client) -> Iterator[Page]:
    with client.websocket_connect("/changes", headers={"host": "localhost:8000"}) as socket:
        yield Page(socket)


def paint(page: Page, example) -> dict:
    one = example.exemplars[0]
    page.send("select", role="object", sample=one.object.sample, mask=one.object.mask)
    page.send("select", role="paste", sample=one.paste.sample, mask=one.paste.mask)
    for place in example.context:
        last = page.send("select", role="context", sample=place.sample, mask=place.mask)
    return page.until("state", answers=last)


def test_a_whole_exchange(client, page, example) -> None:
    first = page.until("state")
    assert first["hash"] == first["original"] and first["version"] == 1
    page.send("show", samples=[8, 2])
    page.until("drawn", hash=first["hash"])
    before = client.get(f"/pictures/{first['hash']}/8.png")
    state = paint(page, example)
    report = page.until("report", hash=state["hash"])
    assert report["goal_after"] < report["goal_before"] / 2 and report["ms"] > 0
    page.until("picture", hash=state["hash"], sample=8)
    after = client.get(f"/pictures/{state['hash']}/8.png")
    assert before.content != after.content and after.content.startswith(b"\x89PNG")
    assert "immutable" in after.headers["cache-control"]
    mask = client.get(state["draft"]["context"][0]["mask"])
    assert mask.status_code == 200 and "immutable" in mask.headers["cache-control"]
    for _ in range(6):
        page.send("undo")
    undone = page.until("state", answers=page.number)
    assert undone["hash"] == first["hash"] and undone["redo_label"] == "paint copy"
    assert client.get(f"/pictures/{undone['hash']}/8.png").content == before.content


def test_a_picture_can_be_fetched_without_being_shown(client, page) -> None:
    state = page.until("state")
    assert client.get(f"/pictures/{state['hash']}/300.png").status_code == 200


def test_goals_matches_outlines_sheets(client, page, example) -> None:
    name = paint(page, example)["hash"]
    for address in (f"/goals/{name}/0.png", f"/matches/{name}/8.png", "/downloads/sheet.png"):
        assert client.get(address).headers["content-type"] == "image/png", address
    order = client.get(f"/matches/{name}.json?among=0-3,7").json()["order"]
    assert sorted(order) == [0, 1, 2, 3, 7]
    assert client.get("/outlines/8.json?x=0.01&y=0.01").json()["label"] == "sky"


def test_save_and_open(client, page, example) -> None:
    paint(page, example)
    listed = client.get("/sessions").json()["sessions"]
    assert [(one["name"], one["where"]) for one in listed] == [("domes_become_spires", "example")]
    assert client.put("/sessions/mine", json={"title": "Mine"}).status_code == 200
    again = client.put("/sessions/mine", json={"title": "Again"})
    assert again.status_code == 409 and again.json() == {"message": "mine exists; overwrite it?"}
    assert client.put("/sessions/mine", json={"overwrite": True}).status_code == 200
    page.send("new")
    last = page.send("open", name="mine")
    assert page.until("state", answers=last)["draft"]["complete"]
    content = client.get("/downloads/session.json")
    assert 'filename="mine.json"' in content.headers["content-disposition"]
    page.send("new")
    done = client.post("/sessions/upload?name=a/b/../mine.json", content=content.content)
    assert done.status_code == 200 and done.json() == {"name": "mine"}


def test_sessions_of_the_original_open(client, page) -> None:
    mask = spot(20, 20, 80, 80)
    original = {"object": [3, mask], "paste": [5, mask], "key": [[7, mask]]}
    done = client.post("/sessions/upload?name=hat on horse.json", content=json.dumps(original))
    assert done.json() == {"name": "hat_on_horse"}
    draft = page.until("state", undo_label="open hat_on_horse")["draft"]
    assert draft["complete"] and [place["sample"] for place in draft["context"]] == [7]


def test_a_file_of_the_original_without_an_object_opens_half_made(client, page) -> None:
    mask = spot(20, 20, 80, 80)
    original = {"object": None, "paste": [5, mask], "key": [[7, mask], [9, mask]]}
    done = client.post("/sessions/upload?name=mark.json", content=json.dumps(original))
    assert done.json() == {"name": "mark"}
    draft = page.until("state", undo_label="open mark")["draft"]
    assert not draft["complete"] and [place["sample"] for place in draft["context"]] == [7, 9]
    assert draft["exemplars"][0]["object"] is None
    for wrong in ({"key": [[7]]}, {"key": [[7, "x"]]}, {"paste": [-1, mask]}, {"key": 3}):
        done = client.post("/sessions/upload?name=mark.json", content=json.dumps(wrong))
        assert done.status_code == 422 and "mark.json: field" in done.json()["message"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\x80\x04cos\nsystem\n.", "not a session file"), (b"[1]", "a list"), (b"{}", "exemplars")],
)
def test_uploads_that_are_no_sessions(client, content, says) -> None:
    done = client.post("/sessions/upload", content=content)
    assert done.status_code == 422 and says in done.json()["message"]


def test_an_edit_goes_out_and_comes_back_as_a_rule(client, page, example) -> None:
    assert client.get("/downloads/edit.safetensors").status_code == 409
    paint(page, example)
    content = client.get("/downloads/edit.safetensors").content
    assert client.post("/edits/upload?name=spires.safetensors", content=content).status_code == 200
    state = page.until("state", undo_label="open spires")
    assert [rule["kind"] for rule in state["rules"]] == ["file"]
    bad = client.post("/edits/upload", content=b"\x80\x04cos\nsystem\n.")
    assert bad.status_code == 422 and "this file" in bad.json()["message"]


def test_a_wrong_message_is_answered_and_changes_nothing(page) -> None:
    page.until("state")
    page.socket.send_text("{")
    assert "message refused" in page.until("error")["message"]
    number = page.send("remove_rule", rule="r1")
    assert page.until("error")["answers"] == number
    page.send("select", role="object", sample=1, mask="data:image/png;base64," + "A" * 6_000_000)
    assert "MB" in page.until("error")["message"]


@pytest.mark.parametrize(
    "address",
    [
        "/pictures/0123456789abcdef/1.png",
        "/masks/nothing.png",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/nothing",
    ],
)
def test_what_is_not_there(client, address) -> None:
    done = client.get(address)
    assert done.status_code == 404 and done.json()["message"]


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fx", ".hidden", "a b", "x" * 101])
def test_names_are_no_paths(client, name) -> None:
    assert client.put(f"/sessions/{name}", json={}).status_code in (404, 405, 422)


def test_foreign_hosts_and_origins_are_refused(client) -> None:
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/health", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get("/health", headers={"origin": "null"}).status_code == 403
    assert client.get("/health", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/health", headers={"origin": HERE}).status_code == 200
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect):
            with client.websocket_connect("/changes", headers=headers) as socket:
                socket.receive_text()


def test_bodies_are_bounded(client) -> None:
    large = b"x" * (17 * 2**20)
    assert client.post("/sessions/upload", content=large).status_code == 413
    unannounced = (large[i : i + 2**20] for i in range(0, len(large), 2**20))
    assert client.post("/sessions/upload", content=unannounced).status_code == 413
    assert client.put("/sessions/a", content=b"x" * 10**6).status_code == 413


def test_a_token_opens_the_editor(place) -> None:
    with TestClient(app_of(place, token="secret"), base_url=HERE) as client:
        assert client.get("/health").status_code == 401
        assert client.get("/health?token=wrong").status_code == 401
        first = client.get("/health?token=secret")
        assert first.status_code == 200 and "HttpOnly" in first.headers["set-cookie"]
        assert client.get("/health").status_code == 200, "the cookie is enough from then on"


def test_nothing_is_loaded_from_elsewhere(client) -> None:
    policy = client.get("/health").headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    assert client.get("/openapi.json").json()["info"]["title"] == "Palimpsest editor"


def test_the_addresses_and_messages_are_listed_on_a_page(client) -> None:
    page = client.get("/docs").text
    for word in ("GET /pictures/{name}/{sample}.png", "select", "report", "openapi.json"):
        assert word in page
    assert "<script" not in page and "https:" not in page


def test_a_model_that_cannot_be_loaded_is_said(place) -> None:
    def opens(publish):
        raise CheckpointError("church.safetensors: damaged")

    with TestClient(make_app(opens, HOSTS), base_url=HERE) as client:
        assert client.get("/sessions").json() == {"message": "church.safetensors: damaged"}
        with client.websocket_connect("/changes", headers={"host": "localhost"}) as socket:
            assert json.loads(socket.receive_text())["message"] == "church.safetensors: damaged"


def test_a_busy_port_is_said_in_one_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ParameterError, match=f"--port: {port} is in use"):
            listen("127.0.0.1", port)
    with pytest.raises(ParameterError, match="--host"):
        listen("203.0.113.7", 0)


def test_the_command_serves_and_ends_cleanly(tmp_path) -> None:
    command = [sys.executable, "-m", "palimpsest", "editor", "--model", "church", "--port", "0"]
    running = subprocess.Popen(
        [*command, "--drafts", tmp_path / "drafts"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        address = next(word for word in running.stderr.readline().split() if "http" in word)
        with urllib.request.urlopen(f"{address}sessions", timeout=60) as answer:
            assert json.load(answer)["sessions"]
        changes = f"ws{address.removeprefix('http')}changes"
        with pytest.raises(InvalidStatus, match="403"):
            connect(changes, origin="http://evil.example")
        with connect(changes, max_size=None) as page:
            assert json.loads(page.recv())["type"] == "state"
            with pytest.raises(ConnectionClosed):
                page.send("x" * 50_000_000)
                while True:
                    page.recv()
        with connect(changes, max_size=None) as page:
            # the background may tell of its progress first
            told = (json.loads(page.recv(timeout=20))["type"] for _ in range(50))
            assert "state" in told, "the editor lives on"
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) in (0, 130, -signal.SIGINT)
        assert time.monotonic() - began < 10
        assert "Traceback" not in running.stderr.read()
    finally:
        running.kill()
        running.stderr.close()
    assert not os.path.exists(tmp_path / "drafts" / "work.json"), "nothing was painted"
