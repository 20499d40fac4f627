"""The page of a run that is going on, kept up to date by a process beside it.

    page = PageSoFar(PLAN)
    page.begin()                    # when the run starts
    page.end()                      # when it has ended, well or not

The process is `stages/report_so_far.py`. It also ends when this process does in any other way
(`palimpsest.files.live_runs`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from palimpsest.pipeline.plan import Plan

LOG = Path("logs/report_so_far.log")

WAIT = 20.0
"""Seconds within which the process has to end; then it is killed."""


class PageSoFar:
    """The process that writes the page of ``plan`` whenever a part of it is made."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the process, if the plan has a page.

        A run does not need it: where it cannot be started, a line on stderr says why.
        """
        if not self.plan.report:
            return
        command = ["python", "-m", "stages.report_so_far", "--page", *self.plan.report]
        for file in self.plan.tables:
            command += ["--table", file]
        for file in (*self.plan.figures, *self.plan.walks):
            command += ["--figure", file]
        try:
            LOG.parent.mkdir(exist_ok=True)
            with LOG.open("wb") as log:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
        except OSError as problem:
            print(f"Without a page while the run goes on: {problem}", file=sys.stderr)

    def end(self) -> None:
        """End the process, which writes that the run ended if parts are missing."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
