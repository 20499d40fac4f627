"""A process that imports the packages of all stages once, and forks for every job of a run.

    python -m palimpsest.pipeline.job_server LISTENER     # by palimpsest.pipeline.job_client

A job then starts within hundredths of a second instead of seconds (docs/benchmarks.md). What it
computes and writes is that of a process of its own: it has the streams, environment, folder and
arguments of the command that asked for it, and runs that command's module as ``__main__``. A job
whose environment differs from the server's is refused, because libraries read it when they are
imported; so is every job once a file of this project has changed. A refused job runs by itself.

The server ends with its Snakemake. It holds no file of the run open.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from palimpsest.files.live_runs import pipeline_of_this_machine
from palimpsest.pipeline.job_client import BEGUN, LENGTH, STREAMS, same_user

BESIDES_STAGES = (
    "palimpsest.instruments.loading",
    "palimpsest.methods.baselines.session_transfer",
    "palimpsest.methods.choosing.choose",
    "scipy.special",
)
"""Modules that stages import while they run."""

OF_THE_SHELL = {"_", "OLDPWD", "PWD", "SHLVL"}
"""Environment variables that no library reads."""

GRACE = 10.0
"""Seconds that a job has to end in order once its pipeline, or what asked for it, is gone."""

Stamps = dict[str, tuple[int, int]]


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    os.setsid()  # signals of a terminal reach a job through the process that asked for it, once
    _close_others(listener.fileno())
    pipeline = os.pidfd_open(pipeline_of_this_machine() or os.getppid())
    environment = dict(os.environ)  # before imports, some of which change it
    sources = source_stamps()
    import_stages()
    module = serve(listener, pipeline, environment, sources)
    if module is None:
        os._exit(0)  # at once: nothing is left to be done in order
    run_as_main(module)


def run_as_main(module: str) -> NoReturn:
    """Run a module as ``python -m`` does, and end this process with the same status.

    The interpreter is not taken apart, which would write to nearly every page of memory that is
    shared with the server: 0.4 s of CPU time.
    """
    status: object = 0
    interrupted = False
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException as fault:
        sys.excepthook(type(fault), fault, fault.__traceback__)
        status, interrupted = 1, isinstance(fault, KeyboardInterrupt)
    threading._shutdown()  # waits for threads, as `multiprocessing` does in its processes
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # no space left, closed
            status = 120
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def source_stamps() -> Stamps:
    """Time of change and size of every file of the packages whose modules are imported here."""
    stamps = {}
    for package in ("palimpsest", "stages"):
        for folder in importlib.import_module(package).__path__:
            for place, folders, files in os.walk(folder):
                folders[:] = [name for name in folders if name != "__pycache__"]
                for name in files:
                    told = os.stat(os.path.join(place, name))
                    stamps[os.path.join(place, name)] = (told.st_mtime_ns, told.st_size)
    return stamps


def import_stages() -> None:
    """Import every stage and what they import; the stages themselves are forgotten again."""
    for stage in pkgutil.iter_modules(importlib.import_module("stages").__path__):
        importlib.import_module(f"stages.{stage.name}")
    for name in BESIDES_STAGES:
        importlib.import_module(name)
    from palimpsest.instruments.segmenters.deferred_compiler import compiler_deferred

    with compiler_deferred():
        import segmentation_models_pytorch  # noqa: F401
    for name in [name for name in sys.modules if name.startswith("stages.")]:
        del sys.modules[name]


def serve(
    listener: socket.socket, pipeline: int, environment: dict[str, str], sources: Stamps
) -> str | None:
    """Fork for each job until the pipeline has ended, and tell how each job ended.

    ``pipeline``: a file descriptor of the Snakemake's process. Returns twice: in a job, the module
    that it is to run, and None in the server.
    """
    server = os.pidfd_open(os.getpid())
    jobs: dict[int, tuple[int, socket.socket]] = {}
    open_for_jobs = [listener, pipeline]
    while open_for_jobs or jobs:
        ready, _, _ = select.select(
            [*open_for_jobs, *jobs], [], [], None if open_for_jobs else GRACE
        )
        if not ready:
            for job, _ in jobs.values():
                os.kill(job, signal.SIGKILL)
        for process in jobs.keys() & set(ready):
            _report(*jobs.pop(process))
            os.close(process)
        if pipeline in ready:
            listener.close()
            open_for_jobs = []
        elif listener in ready:
            connection, _ = listener.accept()
            job = os.fork()
            if job == 0:
                listener.close()
                for held in (pipeline, *jobs):
                    os.close(held)
                for _, other in jobs.values():
                    other.close()
                return _take_over(connection, server, environment, sources)
            jobs[os.pidfd_open(job)] = (job, connection)
    return None


def _report(job: int, connection: socket.socket) -> None:
    _, status = os.waitpid(job, 0)
    try:
        connection.sendall(b"%d\n" % status)
    except OSError:  # who asked is gone
        pass
    connection.close()


def _take_over(
    connection: socket.socket, server: int, environment: dict[str, str], sources: Stamps
) -> str:
    """In a new process: become the job that the other end asks for; returns its module.

    Ends this process if the job is refused or what asks for it is gone: that counts as not begun.
    """
    try:
        request, streams = _receive(connection)
        if _without_shell(request["environment"]) != _without_shell(environment):
            raise ConnectionRefusedError
        if not same_user(connection) or source_stamps() != sources:
            raise ConnectionRefusedError
        os.chdir(request["folder"])
        connection.sendall(BEGUN)
    except BaseException:
        os._exit(0)
    import numpy
    import torch

    os.environ.clear()
    os.environ.update(request["environment"])
    for stream, given in zip(STREAMS, streams, strict=True):
        os.dup2(given, stream)
        os.close(given)
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    sys.orig_argv = request["called"]
    module = sys.orig_argv[2]
    sys.argv = sys.orig_argv[2:]
    Path("/proc/self/comm").write_text(module.removeprefix("stages."))
    # the states that are drawn at random in every new process
    numpy.random.seed()
    torch.default_generator.seed()
    threading.Thread(target=_obey, args=(connection, server), daemon=True).start()
    return module


def _receive(connection: socket.socket) -> tuple[dict, list[int]]:
    head, streams, _, _ = socket.recv_fds(connection, LENGTH.size, len(STREAMS))
    with connection.makefile("rb", buffering=0) as told:
        length = LENGTH.unpack(head)[0]
        content = b""
        while len(content) < length:
            if not (more := told.read(length - len(content))):
                raise EOFError
            content += more
    return json.loads(content), list(streams)


def _without_shell(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in OF_THE_SHELL}


def _obey(connection: socket.socket, server: int) -> None:
    """Send this process the signals that are passed on; end it when what asked for it is gone, or
    the server, which alone could tell how it ended."""
    try:
        while server not in select.select([connection, server], [], [])[0]:
            if not (number := connection.recv(1)):
                break
            os.kill(os.getpid(), number[0])
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def _close_others(kept: int) -> None:
    """Close what this process was started with, but its streams."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > max(STREAMS) and int(name) != kept:
            try:
                os.close(int(name))
            except OSError:  # that of the listing itself
                pass


if __name__ == "__main__":
    import gc

    gc.disable()  # as in a stage of its own; `palimpsest.pipeline.commands` turns it on again
    main()
