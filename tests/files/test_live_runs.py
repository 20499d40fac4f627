"""What dead runs left is cleared, what live ones hold is not, and a stage ends with its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from palimpsest.files.live_runs import PIPELINE, end_with_pipeline, enter_folder

HOLDER = """
    import os, sys, time
    from pathlib import Path
    from palimpsest.files.live_runs import PIPELINE, enter_folder
    state = Path(sys.argv[1])
    kept = enter_folder(state)
    (state / "locks").mkdir(exist_ok=True)
    (state / "locks" / "0.output.lock").write_text("results/tables/edits.csv")
    print(os.environ[PIPELINE], flush=True)
    time.sleep(600)
"""

STAGE = """
    import sys, time
    from palimpsest.files.atomic import atomic_path
    from palimpsest.pipeline.commands import run
    def main(out: str) -> None:
        with atomic_path(out) as path:
            path.write_text("half")
            print("writing", flush=True)
            time.sleep(600)
    run(main)
"""


@contextmanager
def process(
    code: str, *arguments: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A Python process, and the first line that it said; killed in the end."""
    started = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    line = started.stdout.readline().strip()
    assert line
    try:
        yield started, line
    finally:
        started.kill()
        started.communicate()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIPELINE, "")  # and as it was, after the test


def entered(state: Path) -> None:
    """As a run that comes and goes."""
    handle = enter_folder(state)
    assert handle is not None
    os.close(handle)


def locks(state: Path) -> list[str]:
    return sorted(file.name for file in state.glob("locks/*"))


def test_the_lock_of_a_killed_run_is_cleared_and_that_of_a_live_one_stays(tmp_path: Path) -> None:
    with process(HOLDER, str(tmp_path)) as (run, _):
        entered(tmp_path)
        assert locks(tmp_path) == ["0.output.lock"]
        run.kill()
        run.wait()
        entered(tmp_path)
        assert locks(tmp_path) == []


def test_one_live_run_of_two_is_enough(tmp_path: Path) -> None:
    with process(HOLDER, str(tmp_path)), process(HOLDER, str(tmp_path)) as (second, _):
        second.kill()
        second.wait()
        entered(tmp_path)
        assert locks(tmp_path) == ["0.output.lock"]


def test_the_lock_of_another_machine_stays(tmp_path: Path) -> None:
    """Not every shared file system tells machines of each other's locks."""
    with process(HOLDER, str(tmp_path)) as (run, _):
        run.kill()
        run.wait()
    (tmp_path / "alive").write_text("another-machine")
    entered(tmp_path)
    assert locks(tmp_path) == ["0.output.lock"]
    (tmp_path / "locks" / "0.output.lock").unlink()  # as `snakemake --unlock` does
    entered(tmp_path)
    with process(HOLDER, str(tmp_path)) as (run, _):
        run.kill()
        run.wait()
    entered(tmp_path)
    assert locks(tmp_path) == []


def test_a_folder_that_cannot_be_entered_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert enter_folder(tmp_path / "file" / "state") is None


def test_a_stage_ends_with_its_pipeline_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "results" / "table.csv"
    with process(HOLDER, str(tmp_path / "state")) as (pipeline, name):
        with process(STAGE, "--out", str(target), **{PIPELINE: name}) as (stage, _):
            assert len(list(target.parent.iterdir())) == 1
            pipeline.kill()
            pipeline.wait()
            _, said = stage.communicate(timeout=120)
            assert stage.returncode == 128 + signal.SIGTERM
            assert "pipeline that started this stage is gone" in said
    assert list(target.parent.iterdir()) == []


def test_a_stage_whose_pipeline_is_gone_before_it_begins_ends_too(tmp_path: Path) -> None:
    """A stage imports for seconds before it can look."""
    target = tmp_path / "results" / "table.csv"
    with process(HOLDER, str(tmp_path / "state")) as (pipeline, name):
        pipeline.kill()
        pipeline.wait()
    stage = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STAGE), "--out", str(target)],
        env=os.environ | {PIPELINE: name},
        capture_output=True,
        timeout=120,
    )
    assert stage.returncode == 128 + signal.SIGTERM
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


@pytest.mark.parametrize("said", ["", "no number", "4194999@another-machine/pid:[1]"])
def test_without_a_pipeline_in_sight_nothing_is_watched(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv(PIPELINE, said)
    before = threading.active_count()
    end_with_pipeline()
    assert threading.active_count() == before
