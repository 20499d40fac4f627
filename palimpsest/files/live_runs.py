"""Locks of running pipelines, so that stale locks and orphaned stages of killed runs are removed.

Two things outlive a run that is killed (`kill -9`, out of memory, a power cut). Its lock on the
folder stays, so that the same command would be refused until the lock is removed. And its
stages keep running: one that ends late would overwrite the results of a later run that has other
parameters. So::

    presence = enter_folder(Path(".snakemake"))     # in the Snakefile; held as long as it runs
    end_with_pipeline()                             # in a stage: it ends when its pipeline does

The system releases the lock of `enter_folder` when its process ends in any way.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path

PIPELINE = "PALIMPSEST_PIPELINE"
"""Environment variable with the Snakemake that started a stage: PID@PLACE.

The place is where the process id is valid: the machine and its namespace of process ids.
"""


def process_alive(pid: int) -> bool:
    """Whether a process with this id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def enter_folder(state: Path) -> int | None:
    """Register this run in a folder, and remove the stale locks of runs that have ended.

    Every running Snakemake holds a shared lock on the file ``alive`` in its `state` folder. If the
    exclusive lock succeeds, no other run is alive and all files in ``locks`` are stale. Locks of a
    run on another machine are kept, because not every shared file system shows one machine the
    locks of another.

    Stages started after this call end with this process. Returns the open file, to be kept open
    as long as the run lasts; None, with nothing removed, if the folder is not writable or its file
    system has no locks.
    """
    os.environ[PIPELINE] = f"{os.getpid()}@{_place()}"
    try:
        state.mkdir(parents=True, exist_ok=True)
        handle = os.open(state / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            _clear_locks(state / "locks", handle)
        # a short wait at most: no run keeps the exclusive lock
        fcntl.flock(handle, fcntl.LOCK_SH)
    except OSError:
        os.close(handle)
        return None
    return handle


def _clear_locks(locks: Path, handle: int) -> None:
    """Remove the locks of the last run if it ran on this machine, and record this machine."""
    here = socket.gethostname().encode()
    held = locks.is_dir() and any(locks.iterdir())
    if held and os.pread(handle, 1024, 0) != here:
        return
    shutil.rmtree(locks, ignore_errors=True)
    os.ftruncate(handle, 0)
    os.pwrite(handle, here, 0)


def end_with_pipeline(every: float = 1.0) -> None:
    """End this process by SIGTERM when the pipeline that started it has ended.

    Checks at once and then `every` so many seconds. Does nothing in a process that no pipeline
    started, or that cannot see its pipeline (a container with its own process ids).
    """
    pid = pipeline_of_this_machine()
    if pid is not None:
        threading.Thread(target=_end_after, args=(pid, every), daemon=True).start()


def pipeline_of_this_machine() -> int | None:
    """The process id of the pipeline that started this process, if it can be seen from here."""
    pid, _, place = os.environ.get(PIPELINE, "").partition("@")
    return int(pid) if pid.isdigit() and place == _place() else None


def _place() -> str:
    """Machine and namespace in which a process id is valid."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        space = ""
    return f"{socket.gethostname()}/{space}"


def _end_after(pid: int, every: float) -> None:
    while process_alive(pid):
        time.sleep(every)
    print("error: the pipeline that started this stage is gone; the stage ends", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)
