"""A run ends with its last job, and not when its scheduler would have looked again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from .conftest import stand_in_checkout

pytestmark = pytest.mark.pipeline

LATER = 600
"""Seconds; a run that waits for its timers takes longer than these."""


@pytest.mark.parametrize("failing", ["", "stages.key_statistics"])
def test_a_run_does_not_wait_for_its_schedulers_timers(tmp_path: Path, failing: str) -> None:
    checkout = stand_in_checkout(tmp_path)
    words = ("--max-jobs-per-timespan", f"300/{LATER}s", "--", "statistics")
    began = time.monotonic()
    done = checkout.snakemake(*words, FAILING=failing)
    assert time.monotonic() - began < LATER
    assert bool(done.returncode) == bool(failing), done.stdout + done.stderr
    assert "Finished jobid" in done.stdout + done.stderr or failing
