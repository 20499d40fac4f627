"""Atomic writes: a result file is either complete or not there.

A writer gets a temporary path in the folder of its target. When it is done the file is flushed to
the disk and renamed over the target, which is one atomic step of the file system: after an
exception, a full disk or ``kill -9`` the target is the old file or the new one, never a part of
either. Two runs at once write separate files; the last one to finish wins::

    with atomic_path("results/tables/edits.csv") as path:
        table.to_csv(path)

`palimpsest.files.arrays` and every other writer of results use it.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from palimpsest.files.live_runs import process_alive

_MARK = "unfinished"


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `target` (same suffix) that becomes `target` on success.

    The folder of the target is created if it is missing. An error leaves nothing behind, and the
    leftovers of a killed process for this target are removed by the next writer.

    Raises:
        FileNotFoundError: the writer did not write the temporary file.
        OSError: the disk is full, or the folder is not writable; it names `target`.
    """
    target = Path(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(target)
        temporary = _reserve(target)
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"{target}: the writer ended without writing anything")
        _flush(temporary)
        os.replace(temporary, target)
        _flush(target.parent)
    except OSError as problem:
        _name_target(problem, target)
        raise
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                temporary.unlink()


def atomic_write_bytes(target: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `target` atomically."""
    with atomic_path(target) as path:
        path.write_bytes(content)


def atomic_write_text(target: str | os.PathLike[str], text: str) -> None:
    """Write `text` (UTF-8, newlines unchanged) to `target` atomically."""
    atomic_write_bytes(target, text.encode("utf-8"))


def _reserve(target: Path) -> Path:
    """A new temporary path beside `target`, whose name holds machine and process id."""
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=_own_prefix(target), suffix=target.suffix
    )
    os.close(handle)
    temporary = Path(name)
    temporary.unlink()  # some writers refuse an existing file; our process id keeps the name unique
    return temporary


def _name_target(problem: OSError, target: Path) -> None:
    """Make an error name `target` if it names no file or the temporary one."""
    if problem.filename is None:
        if problem.strerror is None:
            text = str(problem)
            problem.args = (text if text.startswith(str(target)) else f"{target}: {text}",)
        else:
            problem.filename = str(target)
    elif Path(str(problem.filename)).name.startswith(_own_prefix(target)):
        problem.filename = str(target)


def _own_prefix(target: Path) -> str:
    return f".{target.stem}.{_MARK}-{socket.gethostname()}-{os.getpid()}-"


def is_unfinished(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that is being written, or was when its process ended."""
    name = Path(path).name
    return name.startswith(".") and f".{_MARK}-" in name


def _clear_leftovers(target: Path) -> None:
    """Remove temporary files for `target` whose process, on this machine, has ended."""
    start = f".{target.stem}.{_MARK}-{socket.gethostname()}-"
    for entry in os.scandir(target.parent):
        if not (entry.name.startswith(start) and entry.name.endswith(target.suffix)):
            continue
        pid = entry.name[len(start) :].split("-", 1)[0]
        if pid.isdigit() and not process_alive(int(pid)):
            with suppress(OSError):
                os.unlink(entry.path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
