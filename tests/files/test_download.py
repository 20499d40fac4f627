"""Downloads from a local server that resumes, lies, stalls and cuts files short."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from palimpsest.errors import DownloadError
from palimpsest.files.download import Patience, fetch
from palimpsest.published.paper_generators import PUBLISHED, sha256_prefix

CONTENT = np.random.RandomState(0).bytes(3_000_000)
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]
HASTE = Patience(attempts=3, pause=0.01, timeout=0.5)


class Origin:
    """A server whose next answers are set by a test: one behaviour per request, then `ok`."""

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.asked: list[str | None] = []
        self.forever: str | None = None
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                origin.asked.append(self.headers.get("Range"))
                behaviour = origin.forever or (origin.plan.pop(0) if origin.plan else "ok")
                try:
                    origin.answer(self, behaviour)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/weights-{PREFIX}.pt"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, behaviour: str) -> None:
        if behaviour.isdigit():
            request.send_error(int(behaviour))
            return
        content = CONTENT if behaviour != "lie" else CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        if asked and behaviour != "ignore range":
            start = int(asked.group(1))
            if start >= len(content):
                request.send_error(416)
                return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        rest = content[start:]
        if behaviour == "truncate":
            rest = rest[: len(rest) // 2]
        if behaviour == "nothing":
            rest = b""
        if behaviour == "stall":
            request.wfile.write(rest[:500_000])
            request.wfile.flush()
            time.sleep(1.5)
            return
        request.wfile.write(rest)


@pytest.fixture
def origin() -> Iterator[Origin]:
    server = Origin()
    yield server
    server.server.shutdown()
    server.server.server_close()


def get(origin: Origin, folder: Path, prefix: str = PREFIX) -> Path:
    return fetch(origin.url, folder / f"weights-{PREFIX}.pt", prefix, HASTE, progress=False)


def only_the_file(folder: Path) -> bool:
    return [file.name for file in folder.iterdir()] == [f"weights-{PREFIX}.pt"]


def test_a_file_arrives_whole_and_alone(origin: Origin, tmp_path: Path) -> None:
    assert get(origin, tmp_path).read_bytes() == CONTENT
    assert only_the_file(tmp_path)


def test_a_right_file_is_not_fetched_again(origin: Origin, tmp_path: Path) -> None:
    get(origin, tmp_path)
    get(origin, tmp_path)
    assert len(origin.asked) == 1


@pytest.mark.parametrize("behaviour", ["truncate", "stall"])
def test_a_broken_transfer_goes_on_from_where_it_was(
    origin: Origin, tmp_path: Path, behaviour: str
) -> None:
    origin.plan = [behaviour]
    assert get(origin, tmp_path).read_bytes() == CONTENT
    assert origin.asked[0] is None
    assert int(re.findall(r"\d+", origin.asked[1] or "")[0]) > 0
    assert only_the_file(tmp_path)


def test_a_later_run_goes_on_from_the_part_file(origin: Origin, tmp_path: Path) -> None:
    part = tmp_path / f"weights-{PREFIX}.pt.part"
    part.write_bytes(CONTENT[:1_234_567])
    assert get(origin, tmp_path).read_bytes() == CONTENT
    assert origin.asked == ["bytes=1234567-"]
    assert only_the_file(tmp_path)


def test_a_part_file_that_is_whole_already_needs_no_bytes(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / f"weights-{PREFIX}.pt.part").write_bytes(CONTENT)
    assert get(origin, tmp_path).read_bytes() == CONTENT


def test_a_part_file_of_something_else_is_dropped(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / f"weights-{PREFIX}.pt.part").write_bytes(b"<html>please log in</html>")
    assert get(origin, tmp_path).read_bytes() == CONTENT
    assert origin.asked == ["bytes=26-", None]


def test_a_server_without_ranges_sends_it_all_again(origin: Origin, tmp_path: Path) -> None:
    origin.plan = ["truncate", "ignore range"]
    assert get(origin, tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_removed(origin: Origin, tmp_path: Path) -> None:
    origin.forever = "lie"
    with pytest.raises(DownloadError, match=f"not {PREFIX}.*put it at"):
        get(origin, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_busy_server_is_asked_again(origin: Origin, tmp_path: Path) -> None:
    origin.plan = ["503", "429"]
    assert get(origin, tmp_path).read_bytes() == CONTENT


def test_a_missing_file_is_asked_for_once(origin: Origin, tmp_path: Path) -> None:
    origin.forever = "404"
    with pytest.raises(DownloadError, match="answered 404.*put it at"):
        get(origin, tmp_path)
    assert len(origin.asked) == 1


def test_patience_ends_when_nothing_comes(origin: Origin, tmp_path: Path) -> None:
    origin.forever = "nothing"
    with pytest.raises(DownloadError):
        get(origin, tmp_path)
    assert len(origin.asked) == HASTE.attempts


def test_no_network_says_where_to_put_the_file(tmp_path: Path) -> None:
    target = tmp_path / f"weights-{PREFIX}.pt"
    with pytest.raises(DownloadError, match=f"no connection.*{re.escape(str(target))}"):
        fetch(f"http://127.0.0.1:9/{target.name}", target, PREFIX, HASTE, progress=False)


def test_a_damaged_target_is_named_and_left(origin: Origin, tmp_path: Path) -> None:
    target = tmp_path / f"weights-{PREFIX}.pt"
    target.write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="remove it and run again"):
        get(origin, tmp_path)
    assert target.read_bytes() == b"damaged"


def test_two_runs_at_once_do_not_mix(origin: Origin, tmp_path: Path) -> None:
    origin.plan = ["stall"]
    first = threading.Thread(target=get, args=(origin, tmp_path))
    first.start()
    while not origin.asked:
        time.sleep(0.01)
    time.sleep(0.1)
    with pytest.raises(DownloadError, match="another run"):
        get(origin, tmp_path)
    first.join()
    assert (tmp_path / f"weights-{PREFIX}.pt").read_bytes() == CONTENT


def test_published_names_carry_their_hash() -> None:
    assert PUBLISHED["stylegan2_church-e8ca9fd0.pt"].sha256_prefix == "e8ca9fd0"
    assert len(PUBLISHED) == 16
    with pytest.raises(DownloadError, match="no sha256"):
        sha256_prefix("weights.pt")


def test_the_stage_reports_in_one_line(origin: Origin, tmp_path: Path) -> None:
    name = "stylegan2_church-e8ca9fd0.pt"
    origin.forever = "lie"
    folder = origin.url.rsplit("/", 1)[0]
    command = [sys.executable, "-m", "stages.fetch_weights", "--name", name]
    command += ["--out", str(tmp_path / name), "--origin", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "B/s" not in line and line.strip()]
    assert len(lines) == 1 and lines[0].startswith("error:") and "e8ca9fd0" in lines[0]
    assert list(tmp_path.iterdir()) == []
