"""Fetch a published file once, whole and verified, over a connection that may fail.

::

    name = "stylegan2_church-e8ca9fd0.pt"
    fetch(f"http://.../{name}", f"data/weights/paper/{name}", sha256_prefix="e8ca9fd0")

The bytes received so far are kept beside the target as ``<name>.part``, so that an interrupted
download resumes. The file gets its name only after its sha256 is verified. (Eight hex digits, 32
bits, detect a damaged or wrong file; they are not a defence against an attacker, but published
weights are read without running code from them.)
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pooch
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception
from tqdm import tqdm

from palimpsest.errors import DownloadError

_CHUNK = 1 << 18  # bytes
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}


class BeingFetched(DownloadError):
    """Another run is fetching the same file."""


@dataclass(frozen=True)
class Patience:
    """When to give up on a server.

    Attributes:
        attempts: tries in a row without a new byte before giving up.
        pause: seconds before the second try; doubled before each one after it.
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
    """Download `url` to `target` and verify it; an existing target is verified and kept.

    ``advice``: the remedy in the error message; by default, where to put the file by hand.

    Raises:
        DownloadError: no network, no such file, a server that fails or sends another file, or
            another run is fetching the same file. The message says what to do.
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
    """A pooch downloader that resumes ``<target>.part`` and verifies the result."""

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
            try:
                self._complete(url, file)
            except DownloadError:
                if file.seek(0, os.SEEK_END) == 0:
                    self.part.unlink()  # nothing to resume from
                raise
            if continued and not self._right():
                # the beginning may be of another version of the file: start from zero
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
            raise BeingFetched(
                f"{self.part}: another run is fetching this file; wait for it to end"
            ) from None

    def _complete(self, url: str, file: BinaryIO) -> None:
        """Request the missing bytes until the file is complete or no more of them arrive."""
        progress = _Progress(file)
        retrying = Retrying(
            retry=retry_if_exception(_worth_another_try),
            after=progress.note,
            wait=lambda _: self.patience.pause * 2 ** (progress.idle - 1),
            stop=lambda _: progress.idle >= self.patience.attempts,
            reraise=True,
        )
        try:
            retrying(self._read, url, file)
        except (requests.RequestException, _CutShort) as problem:
            raise DownloadError(f"{url}: {_in_words(problem)}; {self.advice}") from problem

    def _read(self, url: str, file: BinaryIO) -> None:
        have = file.seek(0, os.SEEK_END)
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(
            url, headers=headers, stream=True, timeout=self.patience.timeout
        ) as response:
            if response.status_code == 416:  # no bytes beyond ours: the hash decides
                return
            response.raise_for_status()
            if not _continues(response, have):
                file.truncate(0)
                have = 0
            missing = int(response.headers.get("Content-Length", 0))
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
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    bar.update(len(chunk))
            if expected is not None and have < expected:
                raise _CutShort(f"ended after {have} of {expected} bytes")


class _Progress:
    """Counts tries in a row that brought no new byte: ``idle``."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._farthest = file.seek(0, os.SEEK_END)
        self.idle = 0

    def note(self, _: RetryCallState) -> None:
        """Count a failed try."""
        self._file.flush()
        size = self._file.seek(0, os.SEEK_END)
        if size > self._farthest:
            self._farthest, self.idle = size, 0
        self.idle += 1


class _CutShort(Exception):
    """The response ended before its announced length."""


def _continues(response: requests.Response, have: int) -> bool:
    """Whether the response starts at byte `have`; a server may send the whole file instead."""
    if response.status_code != 206:
        return have == 0
    return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _worth_another_try(problem: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(problem, requests.HTTPError):
        return problem.response.status_code in _TEMPORARY
    if isinstance(problem, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        return False
    return isinstance(problem, requests.RequestException | _CutShort)


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
        "run again to resume the download, or get the file by other means and put it at "
        f"{target} (its sha256 starts with {prefix})"
    )


def _check(path: Path, target: Path, prefix: str, url: str, advice: str | None) -> None:
    found = pooch.file_hash(str(path), "sha256")
    if found.startswith(prefix):
        return
    what = "the file there" if path == target else f"what {url} sent"
    todo = "remove it and run again" if path == target else advice or _by_hand(target, prefix)
    raise DownloadError(f"{target}: {what} has a sha256 of {found[:8]}..., not {prefix}...; {todo}")
