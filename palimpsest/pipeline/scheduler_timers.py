"""The end of a run without the timers that Snakemake's scheduler leaves behind.

Each time the scheduler starts jobs, it sets a timer to look again after the timespan of its option
``--max-jobs-per-timespan``. Python waits for such timers before a process ends, so a run would end
seconds after its last job.
"""

from __future__ import annotations

import threading

SCHEDULER = "snakemake.scheduling.job_scheduler"
"""Module whose timers are meant; another version of Snakemake may have none."""


def cancel_timers() -> None:
    """Cancel them; for `onsuccess` and `onerror`, when no job is left to start."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and thread.function.__module__ == SCHEDULER:
            thread.cancel()
