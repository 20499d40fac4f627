"""Handing a job of the pipeline to a process that has already imported its packages.

``python -m stages.NAME`` asks here before it imports anything large::

    hand_over(sys.orig_argv)    # does not return if the job server has run the job

The server (`palimpsest.pipeline.job_server`) is a process of the same Snakemake, which the first
job starts. It forks for every job. This process sends what the job needs, its standard streams
included, waits, passes signals on and ends as the job did. Without a server that answers, it
returns, and the job runs here; a job that has begun there is never run again. This module
imports only what is small.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import struct
import sys
import time
from typing import NoReturn

from palimpsest.files.live_runs import PIPELINE, pipeline_of_this_machine

OFFER = "PALIMPSEST_JOB_SERVER"
"""Environment variable: jobs may be handed over if it is ``on``; the Snakefile sets it."""

BEGUN = b"b"
"""The server's answer to a request. From then on the job must not run anywhere else."""

LENGTH = struct.Struct("!Q")
"""Of the bytes of a request, which are sent after it."""

STREAMS = (0, 1, 2)
PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def offer_job_server(device: str, local: bool) -> None:
    """Let the jobs that this process starts use a job server, if that can be: called once a run.

    Not for jobs on another machine, nor on a GPU, whose driver does not survive a fork. A value
    that the user gave the variable stays: ``PALIMPSEST_JOB_SERVER=off``.
    """
    if local and device == "cpu" and sys.platform == "linux":
        os.environ.setdefault(OFFER, "on")
    else:
        os.environ.pop(OFFER, None)


def hand_over(called: list[str]) -> None:
    """Run ``[python, "-m", "stages.NAME", *options]`` in the job server, and end as it ends.

    Returns, with nothing done, if the command has another form (options of Python), no server is
    offered, or the server does not take the job.
    """
    if os.environ.get(OFFER) != "on" or pipeline_of_this_machine() is None:
        return
    if len(called) < 3 or called[1] != "-m" or not called[2].startswith("stages."):
        return
    try:
        connection = _connect()
        _send(connection, called)
        begun = connection.recv(1) == BEGUN
    except OSError:
        return
    if begun:
        _wait(connection)


def address() -> str:
    """The server's name, which no file stands for: that of one run, Python, folder and view of the
    file system."""
    view = os.readlink("/proc/self/ns/mnt")
    told = "\0".join((os.environ[PIPELINE], sys.executable, os.getcwd(), view))
    return f"\0palimpsest-{hashlib.sha256(os.fsencode(told)).hexdigest()}"


def same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end is of this user: any user can use such a name."""
    size = struct.calcsize("3i")  # process, user, group
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return struct.unpack("3i", told)[1] == os.geteuid()


def _connect() -> socket.socket:
    """A connection to the server, which is started if there is none."""
    for _ in range(50):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(address())
        except ConnectionRefusedError:
            connection.close()
            if not _start_server():
                time.sleep(0.01)  # another job starts it
            continue
        if same_user(connection):
            return connection
        break
    raise ConnectionRefusedError("no job server")


def _start_server() -> bool:
    """Start a server; False if another job has just done so.

    Only one process can have the name. It listens at once, and leaves that to the server: jobs
    wait while the server imports, and if it fails their connections end.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(address())
        except OSError:
            return False
        listener.listen(128)
        between = os.fork()  # so that the server is not a child of this job
        if between == 0:
            try:
                _spawn_server(listener)
            finally:
                os._exit(0)
        os.waitpid(between, 0)
    return True


def _spawn_server(listener: socket.socket) -> None:
    listener.set_inheritable(True)
    words = [sys.executable, "-m", "palimpsest.pipeline.job_server", str(listener.fileno())]
    nothing = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in STREAMS]
    os.posix_spawn(sys.executable, words, os.environ, file_actions=nothing)


def _send(connection: socket.socket, called: list[str]) -> None:
    request = {"called": called, "folder": os.getcwd(), "environment": dict(os.environ)}
    told = json.dumps(request).encode()
    socket.send_fds(connection, [LENGTH.pack(len(told))], list(STREAMS))
    connection.sendall(told)


def _wait(connection: socket.socket) -> NoReturn:
    """Wait for the job, pass on the signals that reach this process, and end as the job does."""

    def pass_on(number: int, frame: object) -> None:
        try:
            connection.send(bytes([number]))
        except OSError:  # the job has just ended
            pass

    for number in PASSED_ON:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    told = b""
    try:
        while not told.endswith(b"\n") and (more := connection.recv(16)):
            told += more
    except OSError:
        told = b""
    if not told:
        print("error: the job server was killed, and this job with it", file=sys.stderr, flush=True)
        os._exit(1)
    status = int(told)
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))
