"""Fetch a published file once, whole and verified, over a connection that may fail.

::

    name = "stylegan2_church-e8ca9fd0.pt"
    fetch(f"http://.../{name}", f"data/weights/paper/{name}", sha256_prefix="e8ca9fd0")

What has arrived is kept beside the target as ``<name>.part`` until it is whole, so that a run that
was interrupted, by whatever, goes on from there. The file gets its name only once its sha256 is
what it should be. (Eight hex digits are 32 bits: proof against a damaged or wrong file. The
published weights are read without running code from them, whatever they hold.)
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pooch
import requests
from tqdm import tqdm

from palimpsest.errors import DownloadError

_CHUNK = 1 << 18  # bytes
_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Patience:
    """How long to bear with a server.

    Attributes:
        attempts: tries in a row that bring nothing new before giving up.
        pause: seconds before the second try; doubled for each one after it.
        timeout: seconds without a byte that count as a stall.
    """

    attempts: int = 5
    pause: float = 1.0
    timeout: float = 30.0


def fetch(
    url: str,
    target: str | os.PathLike[str],
    sha256_prefix: str,
    patience: Patience | None = None,
    progress: bool = True,
    advice: str | None = None,
) -> Path:
    """Bring `url` to `target` and check it; a target that is right already is left as it is.

    ``advice``: what to do where it cannot be had; without any, where to put the file by hand.

    Raises:
        DownloadError: there is no network or no such file, the server gave up on us or sent
            something else, or another run is fetching the same file. The message says what to do.
    """
    target = Path(target)
    if target.exists():
        _check(target, target, sha256_prefix, url, advice)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("WARNING")  # it would advise on hashes
    pooch.retrieve(
        url,
        known_hash=None,  # only the start of it is known: checked by the downloader
        fname=target.name,
        path=target.parent,
        downloader=_Resuming(target, sha256_prefix, patience or Patience(), progress, advice),
    )
    return target


class _Resuming:
    """A downloader in pooch's sense that continues ``<target>.part`` and verifies what it has."""

    def __init__(
        self, target: Path, prefix: str, patience: Patience, progress: bool, advice: str | None
    ) -> None:
        self.target = target
        self.prefix = prefix
        self.patience = patience
        self.progress = progress
        self.advice = advice or _by_hand(target, prefix)
        self.part = target.with_name(target.name + ".part")

    def __call__(self, url: str, output_file: str, _: object) -> None:
        with open(self.part, "ab+") as file:
            self._lock(file)
            continued = file.tell() > 0
            self._complete(url, file)
            if continued and not self._right():
                # the beginning may be of another file or time: once more from nothing
                file.truncate(0)
                self._complete(url, file)
            file.flush()
            os.fsync(file.fileno())
            try:
                _check(self.part, self.target, self.prefix, url, self.advice)
            except DownloadError:
                self.part.unlink()
                raise
            os.replace(self.part, output_file)

    def _right(self) -> bool:
        return pooch.file_hash(str(self.part), "sha256").startswith(self.prefix)

    def _lock(self, file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadError(
                f"{self.part}: another run is fetching this file; wait for it to end"
            ) from None

    def _complete(self, url: str, file: BinaryIO) -> None:
        """Ask for what is missing until nothing is, or until nothing new comes any more."""
        farthest, idle = file.seek(0, os.SEEK_END), 0
        while True:
            try:
                self._read(url, file)
                return
            except (requests.RequestException, _CutShort) as problem:
                file.flush()
                size = file.seek(0, os.SEEK_END)
                if size > farthest:
                    farthest, idle = size, 0
                idle += 1
                if idle >= self.patience.attempts or _hopeless(problem):
                    raise DownloadError(f"{url}: {_in_words(problem)}; {self.advice}") from problem
                time.sleep(self.patience.pause * 2 ** (idle - 1))

    def _read(self, url: str, file: BinaryIO) -> None:
        have = file.seek(0, os.SEEK_END)
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(
            url, headers=headers, stream=True, timeout=self.patience.timeout
        ) as answer:
            if answer.status_code == 416:  # nothing lies beyond what we have: the hash will tell
                return
            answer.raise_for_status()
            if not _continues(answer, have):
                file.truncate(0)
                have = 0
            missing = int(answer.headers.get("Content-Length", 0))
            expected = have + missing if missing else None
            with tqdm(
                desc=self.target.name,
                total=expected,
                initial=have,
                unit="B",
                unit_scale=True,
                mininterval=1.0,
                disable=not self.progress,
            ) as bar:
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    bar.update(len(chunk))
            if expected is not None and have < expected:
                raise _CutShort(f"ended after {have} of {expected} bytes")


class _CutShort(Exception):
    pass


def _continues(answer: requests.Response, have: int) -> bool:
    """Whether the answer starts at byte `have`; a server may send the whole file instead."""
    if answer.status_code != 206:
        return have == 0
    return answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _hopeless(problem: Exception) -> bool:
    if not isinstance(problem, requests.HTTPError):
        return isinstance(
            problem, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL
        )
    return problem.response.status_code not in _WORTH_ANOTHER_TRY


def _in_words(problem: Exception) -> str:
    say: list[tuple[type[Exception], Callable[[], str]]] = [
        (requests.HTTPError, lambda: f"the server answered {problem.response.status_code}"),  # type: ignore[attr-defined]
        (requests.Timeout, lambda: "the server stalled"),
        (requests.exceptions.ChunkedEncodingError, lambda: "the connection broke off"),
        (requests.ConnectionError, lambda: "no connection"),
    ]
    for kind, words in say:
        if isinstance(problem, kind):
            return words()
    return " ".join(str(problem).split())


def _by_hand(target: Path, prefix: str) -> str:
    return (
        "run again to go on from what has arrived, or get the file by other means and put it at "
        f"{target} (its sha256 starts with {prefix})"
    )


def _check(path: Path, target: Path, prefix: str, url: str, advice: str | None) -> None:
    found = pooch.file_hash(str(path), "sha256")
    if found.startswith(prefix):
        return
    what = "the file there" if path == target else f"what {url} sent"
    todo = "remove it and run again" if path == target else advice or _by_hand(target, prefix)
    raise DownloadError(f"{target}: {what} has a sha256 of {found[:8]}..., not {prefix}...; {todo}")
