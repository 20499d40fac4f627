"""A job that is forked from the job server is the job that a process of its own would be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from palimpsest.files.live_runs import PIPELINE
from palimpsest.pipeline.job_client import OFFER, offer_job_server

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "data" / "weights" / "mini" / "church.safetensors"

PIPELINE_STAND_IN = """
    import os, time
    from pathlib import Path
    from palimpsest.files.live_runs import PIPELINE, enter_folder
    kept = enter_folder(Path(".snakemake"))
    print(os.environ[PIPELINE], flush=True)
    time.sleep(600)
"""

STAGE = """
    import os, random, signal, sys, time
    import numpy as np
    import torch
    from pathlib import Path
    from tempfile import mkstemp
    from palimpsest.errors import EditError
    from palimpsest.files.atomic import atomic_path
    from palimpsest.pipeline.commands import run

    def main(does: str, out: Path = Path("out")) -> None:
        print("does", does)
        if does == "mistake":
            raise EditError("hat.safetensors: made for other weights")
        if does == "fault":
            raise RuntimeError("a fault")
        if does == "text":
            raise SystemExit("a last word")
        if does == "seven":
            raise SystemExit(7)
        if does == "abort":
            os.kill(os.getpid(), signal.SIGABRT)
        if does == "show":
            print(os.getcwd(), os.environ["OMP_NUM_THREADS"], torch.get_num_threads())
            print(os.environ.get("_"), sys.argv, sys.orig_argv[1:], __name__)
            print(sys.stdin.read(), sys.stdout.line_buffering)
        if does == "draw":
            print(torch.rand(1).item(), np.random.rand(), random.random(), Path(mkstemp()[1]).name)
        if does == "wait":
            with atomic_path(out) as path:
                path.write_text("half")
                print("process", os.getpid(), os.getppid(), flush=True)
                time.sleep(600)

    if __name__ == "__main__":
        run(main)
"""


@dataclass
class Offered:
    """A folder whose jobs may use the server of a pipeline that stands in for Snakemake."""

    folder: Path
    pipeline: subprocess.Popen[str]
    environment: dict[str, str]

    def command(self, stage: str, *options: str) -> list[str]:
        return [sys.executable, "-m", f"stages.{stage}", *options]

    def call(
        self, *words: str, server: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        offer = {OFFER: "on" if server else "off", "_": "as a shell sets it"}
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment | offer | environment,
            input="given",
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *words: str) -> tuple[subprocess.Popen[str], int, int]:
        """A job that waits, and the process ids of the job and of its parent."""
        process = subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environment | {OFFER: "on"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("process "):
                _, job, parent = line.split()
                return process, int(job), int(parent)
        raise AssertionError("the job did not say its process id")

    def left(self) -> list[str]:
        return sorted(file.name for file in self.folder.iterdir() if "out" in file.name)


@pytest.fixture(scope="module", autouse=True)
def interruptible() -> Iterator[None]:
    """Commands that a script runs in its background ignore SIGINT, and so do their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offered]:
    yield from offered(tmp_path_factory.mktemp("run"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Offered]:
    yield from offered(tmp_path / "run")


def offered(folder: Path) -> Iterator[Offered]:
    """A small copy of the checkout, so that it can be changed, and a long path."""
    folder = folder / ("a-long-name-" * 12)
    ignored = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(ROOT / "palimpsest", folder / "palimpsest", ignore=ignored)
    (folder / "stages").mkdir()
    for name in ("__init__.py", "key_statistics.py"):
        shutil.copy2(ROOT / "stages" / name, folder / "stages" / name)
    (folder / "stages" / "tried.py").write_text(textwrap.dedent(STAGE))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    pipeline = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PIPELINE_STAND_IN)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert pipeline.stdout is not None
    environment[PIPELINE] = pipeline.stdout.readline().strip()
    try:
        yield Offered(folder, pipeline, environment)
    finally:
        pipeline.kill()
        pipeline.communicate()


def ended(process: int, seconds: float = 30) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":  # its parent here is whoever takes in orphans
            return True
        time.sleep(0.05)
    return False


def in_server(parent: int) -> bool:
    return b"job_server" in Path(f"/proc/{parent}/cmdline").read_bytes()


@pytest.mark.parametrize("does", ["nothing", "mistake", "fault", "text", "seven", "abort", "show"])
def test_output_and_status_are_those_of_a_process_of_its_own(shared: Offered, does: str) -> None:
    forked = shared.call("tried", "--does", does)
    alone = shared.call("tried", "--does", does, server=False)
    assert forked.returncode == alone.returncode
    assert forked.stdout == alone.stdout
    if does == "fault":  # the frames above the stage's own are others
        assert forked.stderr.splitlines()[-3:] == alone.stderr.splitlines()[-3:]
    else:
        assert forked.stderr == alone.stderr


def test_the_same_bytes(shared: Offered) -> None:
    made = []
    for server in (True, False):
        out = shared.folder / f"statistics-{server}.safetensors"
        words = ("--weights", str(WEIGHTS), "--layer", "6", "--samples", "10", "--seed", "1")
        done = shared.call("key_statistics", *words, "--out", str(out), server=server)
        assert done.returncode == 0, done.stderr
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_two_jobs_share_no_random_state(shared: Offered) -> None:
    """Nor do two processes."""
    first, second = (shared.call("tried", "--does", "draw").stdout.split() for _ in range(2))
    assert not set(first[2:]) & set(second[2:]), (first, second)


def test_a_job_joins_the_log_of_its_command(shared: Offered) -> None:
    command = " ".join(shared.command("tried", "--does", "mistake", "> log 2>&1"))
    done = subprocess.run(
        command, shell=True, cwd=shared.folder, env=shared.environment | {OFFER: "on"}
    )
    assert done.returncode == 2
    said = (shared.folder / "log").read_text().splitlines()
    assert sorted(said) == ["does mistake", "error: hat.safetensors: made for other weights"]


def test_a_job_with_another_environment_runs_by_itself(shared: Offered) -> None:
    shared.call("tried", "--does", "nothing")
    threads = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = shared.call("tried", "--does", "show", **threads)
    assert f"{shared.folder} 2 2" in done.stdout


def test_a_job_ends_with_what_asked_for_it(shared: Offered) -> None:
    process, job, parent = shared.start("tried", "--does", "wait", "--out", "out-kill")
    assert job != process.pid and in_server(parent)
    process.kill()
    process.communicate()
    assert ended(job) and shared.left() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_job(shared: Offered, number: signal.Signals) -> None:
    process, job, _ = shared.start("tried", "--does", "wait", "--out", "out-signal")
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert ended(job) and shared.left() == []
    assert process.returncode == 128 + number, said


def test_the_server_ends_with_its_pipeline(own: Offered) -> None:
    process, job, server = own.start("tried", "--does", "wait", "--out", "out")
    held = [os.readlink(file) for file in Path(f"/proc/{server}/fd").iterdir()]
    assert not [name for name in held if name.startswith(("/", "pipe:")) and name != os.devnull]
    own.pipeline.kill()
    own.pipeline.wait()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143 and "the pipeline that started this stage is gone" in said
    assert ended(job) and ended(server) and own.left() == []


def test_a_killed_server_fails_its_job_and_the_next_has_another(own: Offered) -> None:
    process, job, server = own.start("tried", "--does", "wait", "--out", "out")
    os.kill(server, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "the job server was killed" in said
    assert ended(job) and own.left() == []
    assert own.call("tried", "--does", "seven").returncode == 7


def test_a_change_of_the_code_counts(own: Offered) -> None:
    assert own.call("tried", "--does", "mistake").returncode == 2
    errors = own.folder / "palimpsest" / "pipeline" / "commands.py"
    errors.write_text(errors.read_text().replace("USER_ERROR = 2", "USER_ERROR = 5"))
    assert own.call("tried", "--does", "mistake").returncode == 5


def test_without_a_server_that_starts_a_job_runs_by_itself(own: Offered) -> None:
    server = own.folder / "palimpsest" / "pipeline" / "job_server.py"
    server.write_text("raise SystemExit(1)\n")
    assert own.call("tried", "--does", "seven").returncode == 7


def test_the_pipeline_offers_it() -> None:
    """Of two handlers `onstart`, Snakemake calls the last."""
    text = (ROOT / "Snakefile").read_text()
    assert text.count("\nonstart:\n") == 1 and text.count("    offer_job_server(") == 1


@pytest.mark.parametrize(
    ("device", "local", "user", "offered"),
    [
        ("cpu", True, None, "on"),
        ("cpu", True, "off", "off"),
        ("cuda", True, None, None),
        ("cpu", False, None, None),
        ("cuda", True, "on", None),
    ],
)
def test_who_is_offered_a_server(
    monkeypatch: pytest.MonkeyPatch, device: str, local: bool, user: str | None, offered: str | None
) -> None:
    monkeypatch.setenv(OFFER, user or "")
    if user is None:
        monkeypatch.delenv(OFFER)
    offer_job_server(device, local)
    expected = offered if sys.platform == "linux" else None
    assert os.environ.get(OFFER) == expected
    monkeypatch.setenv(OFFER, "")  # and as it was, after the test
