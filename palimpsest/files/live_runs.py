"""Which runs of the pipeline are alive, to tell what the dead left from what the living hold.

Two things outlive a run that is killed (`kill -9`, out of memory, a power cut). Its lock on the
folder stays, so that the same command would be refused until somebody removes it. And its stages
work on: one that ends late would put what it was asked for then over what a later run made with
other parameters. So::

    presence = enter_folder(Path(".snakemake"))     # in the Snakefile; held as long as it runs
    end_with_pipeline()                             # in a stage: it ends when its pipeline does

The system frees the lock of `enter_folder` with its process, however that ended.
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
"""Environment variable that tells a stage which Snakemake started it: PID@PLACE.

The place is what the process id counts in: machine and, in a container, its own process ids.
"""


def process_alive(pid: int) -> bool:
    """Whether a process of this machine has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def enter_folder(state: Path) -> int | None:
    """Be known as alive in a folder, and clear the locks of runs that are not.

    Every live Snakemake holds a shared lock on the file ``alive`` in its `state` folder. Who can
    have it alone has no company: what lies in ``locks`` was left by the dead. Not touched are the
    locks of a run on another machine, since not every shared file system tells machines of each
    other's locks.

    Stages started from now on learn which process to end with. Returns the open file, to be kept
    as long as the run lasts; None where the folder cannot be written or its file system has no
    locks, and nothing is cleared.
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
        # a moment's wait at most: nobody keeps the exclusive lock
        fcntl.flock(handle, fcntl.LOCK_SH)
    except OSError:
        os.close(handle)
        return None
    return handle


def _clear_locks(locks: Path, handle: int) -> None:
    """Remove what the last run left, if it ran here; note that the next one to ask ran here."""
    here = socket.gethostname().encode()
    held = locks.is_dir() and any(locks.iterdir())
    if held and os.pread(handle, 1024, 0) != here:
        return
    shutil.rmtree(locks, ignore_errors=True)
    os.ftruncate(handle, 0)
    os.pwrite(handle, here, 0)


def end_with_pipeline(every: float = 1.0) -> None:
    """Have this process end, as by SIGTERM, when the pipeline that started it is no more.

    Looks at once and `every` so many seconds. Does nothing for a process that no pipeline started,
    or whose pipeline it cannot see, as in a container with process ids of its own.
    """
    pid, _, place = os.environ.get(PIPELINE, "").partition("@")
    if pid.isdigit() and place == _place():
        threading.Thread(target=_end_after, args=(int(pid), every), daemon=True).start()


def _place() -> str:
    """Where a process id means the same process."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux
        space = ""
    return f"{socket.gethostname()}/{space}"


def _end_after(pid: int, every: float) -> None:
    while process_alive(pid):
        time.sleep(every)
    print("error: the pipeline that started this stage is gone; ended", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)
