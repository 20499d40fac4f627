"""Work beside the desk's own: however it ends, its end is told once."""

from __future__ import annotations

import threading

import pytest

from palimpsest.editor.background import Background
from palimpsest.errors import SessionError


def ended_by(make) -> list[tuple[object, str]]:
    told: list[tuple[object, str]] = []
    work = Background("test", make, lambda *end: told.append(end), fault="it failed")
    work.start()
    work.join()
    return told


def raising(problem: BaseException):
    def make() -> None:
        raise problem

    return make


def test_what_was_made_is_told() -> None:
    assert ended_by(lambda: 7) == [(7, "")]


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (SessionError("the rule\nis not complete"), "the rule is not complete"),
        (OSError("disk full"), "disk full"),
        (KeyError("x"), "it failed: 'x'"),  # a fault of ours leaves nobody waiting either
        (RuntimeError(), "it failed: RuntimeError"),
    ],
)
def test_a_fault_is_told_in_one_line(problem: Exception, says: str) -> None:
    assert ended_by(raising(problem)) == [(None, says)]


def test_what_is_stopped_ends_without_a_sentence() -> None:
    told: list[tuple[object, str]] = []
    begun = threading.Event()

    def make() -> None:
        begun.set()
        while True:
            work.check()

    work: Background[None] = Background(
        "test", make, lambda *end: told.append(end), fault="it failed"
    )
    work.start()
    begun.wait()
    work.stop()
    work.join()
    assert told == [(None, "")]
