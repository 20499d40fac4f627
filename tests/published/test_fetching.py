"""How a published file is had: by hand, from its origin, or as a stand-in; always checked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from palimpsest.errors import DownloadError
from palimpsest.files.download import Patience
from palimpsest.published.catalogue import PUBLISHED_FILES, PublishedFile
from palimpsest.published.fetching import obtain
from palimpsest.published.stand_ins.documents import stand_in_scenes
from palimpsest.published.stand_ins.manifest import StandIns

CONTENT = b"weights of a network"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = PublishedFile(
    f"net-{SHA256[:8]}.pt", f"http://127.0.0.1:9/net-{SHA256[:8]}.pt", "a network", SHA256[:8], 1
)
SESSION = PublishedFile(
    "masks/smile.json", "http://127.0.0.1:9/smile.json", "a session", None, None
)
HASTE = Patience(attempts=2, pause=0.01, timeout=0.5)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


get = partial(obtain, patience=HASTE, progress=False)


def test_what_was_put_by_hand_is_taken_and_checked(tmp_path: Path) -> None:
    hand = tmp_path / "by_hand"
    hand.mkdir()
    (hand / FILE.name).write_bytes(CONTENT)
    target = tmp_path / "paper" / FILE.name
    assert get(FILE, target, by_hand=hand).read_bytes() == CONTENT
    assert (hand / FILE.name).read_bytes() == CONTENT
    (hand / FILE.name).unlink()
    (hand / FILE.name).write_bytes(b"something else")
    with pytest.raises(DownloadError, match=f"by_hand/net-.*not {FILE.sha256_prefix}"):
        get(FILE, tmp_path / "again.pt", by_hand=hand)
    assert not (tmp_path / "again.pt").exists()


def test_what_cannot_be_reached_names_itself_its_origin_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as problem:
        get(FILE, tmp_path / FILE.name, by_hand=tmp_path / "by_hand")
    said = str(problem.value)
    for part in (
        FILE.name,
        FILE.url,
        FILE.purpose,
        f"{tmp_path / 'by_hand' / FILE.name}",
        "sha256",
    ):
        assert part in said
    assert "\n" not in said


def test_without_a_hash_it_must_at_least_be_readable(tmp_path: Path, served) -> None:
    folder, origin = served
    (folder / "masks").mkdir()
    (folder / "masks" / "smile.json").write_text("<html>log in</html>")
    target = tmp_path / "smile.json"
    with pytest.raises(DownloadError, match="cannot be read.*masks/smile.json.*not known"):
        get(SESSION, target, origin=origin)
    assert not target.exists()
    (folder / "masks" / "smile.json").write_text("{}")
    assert get(SESSION, target, origin=origin).read_text() == "{}"


def test_painted_scenes_without_a_hash_must_be_painted_scenes(tmp_path: Path, served) -> None:
    folder, origin = served
    painted = PUBLISHED_FILES["masks/kitchen_reflections.json"]
    (folder / "masks").mkdir()
    (folder / painted.name).write_text("{}")
    target = tmp_path / "kitchen_reflections.json"
    with pytest.raises(DownloadError, match="cannot be read.*no painted scenes"):
        get(painted, target, origin=origin)
    assert not target.exists()
    (folder / painted.name).write_text(json.dumps(stand_in_scenes(1, 32, count=2)))
    assert get(painted, target, origin=origin).is_file()


def test_a_stand_in_is_held_against_its_manifest(tmp_path: Path, served) -> None:
    folder, origin = served
    (folder / FILE.name).write_bytes(b"random numbers")
    digest = hashlib.sha256(b"random numbers").hexdigest()
    target = tmp_path / FILE.name
    got = get(FILE, target, origin=origin, stand_ins=StandIns(1, {FILE.name: digest}))
    assert got.read_bytes() == b"random numbers"
    (folder / FILE.name).write_bytes(b"other numbers")
    with pytest.raises(DownloadError, match="sha256"):
        get(FILE, tmp_path / "b.pt", origin=origin, stand_ins=StandIns(1, {FILE.name: digest}))
    with pytest.raises(DownloadError, match="not in the manifest of stand-ins"):
        get(FILE, tmp_path / "c.pt", origin=origin, stand_ins=StandIns(1, {}))
    with pytest.raises(DownloadError, match="needs an origin"):
        get(FILE, tmp_path / "d.pt", stand_ins=StandIns(1, {FILE.name: digest}))


def test_without_the_manifest_a_stand_in_is_refused(tmp_path: Path, served) -> None:
    folder, origin = served
    (folder / FILE.name).write_bytes(b"random numbers")
    with pytest.raises(DownloadError, match=f"not {FILE.sha256_prefix}"):
        get(FILE, tmp_path / FILE.name, origin=origin)
    assert not (tmp_path / FILE.name).exists()


def test_a_manifest_comes_back_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    StandIns(7, {FILE.name: SHA256}).save(path)
    assert StandIns.load(path) == StandIns(7, {FILE.name: SHA256})
    content = json.loads(path.read_text())
    content["palimpsest-stand-ins"]["sha256"][FILE.name] = SHA256[:8]
    path.write_text(json.dumps(content))
    with pytest.raises(DownloadError, match=f"{FILE.name} has no sha256 of 64"):
        StandIns.load(path)
    path.write_text("{}")
    with pytest.raises(DownloadError, match="not a manifest of stand-ins"):
        StandIns.load(path)
    with pytest.raises(DownloadError, match="none.json: No such file"):
        StandIns.load(tmp_path / "none.json")
