"""Run a command as a process of its own, and tell what it used.

    usage = run_child([sys.executable, "-m", "stages.measure", ...], log=Path("measure.log"))
    usage.peak_bytes, usage.cpu_seconds, usage.wall_seconds

The peak is the kernel's: the most memory that was ever resident. A process inherits the peak of the
one that starts it, so whoever calls this must be small itself and import no torch.
"""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
MAXRSS_UNIT = 1024
"""Bytes in one ``ru_maxrss`` on Linux."""


@dataclass(frozen=True)
class Usage:
    """Of a process that ended: most bytes resident, CPU seconds (user and system), and how long."""

    peak_bytes: int
    cpu_seconds: float
    wall_seconds: float


def run_child(
    command: Sequence[str], log: Path, environment: Mapping[str, str] = ONE_THREAD
) -> Usage:
    """Run to the end, stdout and stderr to ``log``, with ``environment`` on top of this one.

    Raises `RuntimeError` with the last line of the log where the command fails.
    """
    with open(log, "wb") as told:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=told, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = log.read_text(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"exit status {process.returncode}: {' '.join(command)}\n{last}")
    return Usage(used.ru_maxrss * MAXRSS_UNIT, used.ru_utime + used.ru_stime, wall)


def machine() -> str:
    """The machine as one line: processor, cores, load of the last minute, torch."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}, torch {version('torch')}"
    )
