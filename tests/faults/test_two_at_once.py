"""Two and three runs at once, of the pipeline and of one stage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from .conftest import Undisturbed
from .small_pipeline import STATISTICS, WEIGHTS, SmallPipeline, said

pytestmark = pytest.mark.pipeline


def test_later_runs_say_so_and_the_first_ends_well(
    short: SmallPipeline, undisturbed: Undisturbed
) -> None:
    first = short.start()
    # or the first run would be over before the others have planned
    stage = first.wait_for_stage("key_statistics")
    os.kill(stage, signal.SIGSTOP)
    for late in [short.start(), short.start()]:
        assert late.ended_within(300) and late.process.returncode != 0
        assert "cannot be locked" in late.said and "Traceback" not in late.said
    os.kill(stage, signal.SIGCONT)
    assert first.ended_within(600) and first.process.returncode == 0, first.said
    assert short.results() == undisturbed.expected(short)
    assert short.planned() == {}


def test_three_runs_started_together_harm_nothing(
    short: SmallPipeline, undisturbed: Undisturbed
) -> None:
    """Snakemake looks for a lock before it sets its own: two may both find none."""
    runs = [short.start() for _ in range(3)]
    for run in runs:
        assert run.ended_within(900)
    for name, content in short.results().items():
        assert content == undisturbed.results[name], name
    done = short.run()
    assert done.returncode == 0, said(done)
    assert short.results() == undisturbed.expected(short)
    assert short.unfinished() == []


def test_one_stage_twice_and_thrice_at_once_gives_a_whole_file(
    short: SmallPipeline, undisturbed: Undisturbed
) -> None:
    words = ["--weights", WEIGHTS, "--layer", "6", "--samples", "60", "--seed", "1"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "stages.key_statistics", *words, "--out", STATISTICS],
            cwd=short.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert short.results() == {STATISTICS: undisturbed.results[STATISTICS]}
    assert short.unfinished() == []
