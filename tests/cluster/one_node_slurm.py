"""A Slurm of one node in a folder of its own, for as long as a test needs it.

Real munged, slurmctld and slurmd, run by whoever runs the tests: no root, no systemd, free ports,
nothing under /etc. Each of Slurm's commands is wrapped by a script that names the configuration,
because Snakemake's executor drops the variable SLURM_CONF inside a job. Slurm is told of one GPU
that is /dev/null: enough to see which jobs ask for one.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
SEARCHED = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"  # daemons lie in sbin

START_SECONDS = 120
STOP_SECONDS = 20

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=3600
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000 Gres=gpu:1
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def missing_programs() -> list[str]:
    """What of Slurm and munge is not installed here."""
    return [name for name in (*DAEMONS, *COMMANDS) if not shutil.which(name, path=SEARCHED)]


@dataclass(frozen=True)
class Job:
    """What Slurm remembers of a job: its state, the rule in its comment, the GPUs it asked for."""

    state: str
    rule: str
    gpus: int


@dataclass(frozen=True)
class Slurm:
    """A running Slurm; its commands are the first on ``path``."""

    path: str

    def call(self, *command: str) -> str:
        return subprocess.run(
            command,
            env=os.environ | {"PATH": self.path},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout

    def jobs(self) -> list[Job]:
        """Every job since the start, in the order of submission."""
        # job ids are numbers, and squeue sorts by state first unless told
        fields = "--Format=State:|,Comment:|,tres-per-job:|"
        lines = self.call("squeue", "--states=all", "--sort=i", "--noheader", fields).splitlines()
        return [_job(*line.rstrip("|").split("|")) for line in lines]


def _job(state: str, comment: str, asked: str) -> Job:
    """From ``COMPLETED``, ``rule_rewrite_wildcards_church_hat`` and ``gres:gpu:1`` or ``N/A``."""
    rule = comment.removeprefix("rule_").partition("_wildcards_")[0]
    _, _, gpus = asked.partition("gpu:")
    return Job(state, rule, int(gpus or 0))


@contextmanager
def one_node_slurm(folder: Path) -> Iterator[Slurm]:
    """A Slurm with its state, logs and sockets in ``folder``; stopped, jobs and all, at the end.

    Raises `RuntimeError` with the end of a daemon's log if it does not come up within two minutes.
    """
    configuration = _configure(folder)
    slurm = Slurm(f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with ExitStack() as running:
        munged = running.enter_context(_daemon(folder, "munged", *_munge_options(folder)))
        _wait_for(lambda: (folder / "munge.socket").exists(), folder, [munged])
        controller = running.enter_context(
            _daemon(folder, "slurmctld", "-D", "-f", str(configuration))
        )
        node = running.enter_context(_daemon(folder, "slurmd", "-D", "-f", str(configuration)))
        _wait_for(lambda: _is_idle(slurm), folder, [munged, controller, node])
        try:
            yield slurm
        finally:
            slurm.call("scancel", f"--user={getpass.getuser()}")
            _wait_for(lambda: _is_idle(slurm), folder, [])


def _munge_options(folder: Path) -> list[str]:
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
    # forced, because it wants a socket that everybody can reach, and only we need to
    named = [f"--{option}={folder}/munge.{ending}" for option, ending in files.items()]
    return ["--foreground", "--force", *named]


def _configure(folder: Path) -> Path:
    """Write the configuration, munge's key and the wrapped commands; return the configuration."""
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(64))
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    configuration = folder / "slurm.conf"
    controller_port, node_port = _free_ports(2)
    configuration.write_text(
        CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0],
            user=getpass.getuser(),
            folder=folder,
            controller_port=controller_port,
            node_port=node_port,
        )
    )
    for name in COMMANDS:
        wrapper = folder / "bin" / name
        program = shutil.which(name, path=SEARCHED)
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={configuration} exec {program} "$@"\n')
        wrapper.chmod(0o755)
    return configuration


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _daemon(folder: Path, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in the foreground, writing to ``NAME.log``; asked to end, then made to."""
    program = shutil.which(name, path=SEARCHED)
    assert program, f"{name} is not installed"
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *options], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_idle(slurm: Slurm) -> bool:
    try:
        return slurm.call("sinfo", "--noheader", "--format=%T").split() == ["idle"]
    except subprocess.CalledProcessError:  # nobody listens yet
        return False


def _wait_for(condition, folder: Path, daemons: list[subprocess.Popen[bytes]]) -> None:
    """Return once ``condition()`` holds; raise if it never does, or a daemon has ended."""
    end = time.monotonic() + START_SECONDS
    while not condition():
        ended = [daemon.args[0] for daemon in daemons if daemon.poll() is not None]
        if ended or time.monotonic() > end:
            logs = "\n".join(
                f"{log.name}: {log.read_text(errors='replace')[-1500:]}"
                for log in sorted(folder.glob("*.log"))
            )
            raise RuntimeError(f"Slurm is not up ({ended or 'too slow'})\n{logs}")
        time.sleep(0.2)
