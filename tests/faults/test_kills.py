"""`kill -9` at any moment, then the same command: it goes on, and ends with the same files.

    python -m pytest tests/faults/test_kills.py -s                          5 kills
    FAULT_KILLS=50 FAULT_SEED=1 python -m pytest tests/faults/test_kills.py -s    the full run

Half of the kills take the whole process group, half only Snakemake, whose stages then go on without
it. The moments are drawn from a seed, over the time that an undisturbed run takes; a run that ends
before its moment is no kill, and the next round begins with nothing made.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from .conftest import Undisturbed
from .small_pipeline import Run, SmallPipeline, said

pytestmark = pytest.mark.pipeline

KILLS = int(os.environ.get("FAULT_KILLS", "5"))
SEED = int(os.environ.get("FAULT_SEED", "0"))

WAYS: dict[str, Callable[[Run], None]] = {
    "everything": Run.kill_all,
    "Snakemake alone": Run.kill_snakemake,
}


@dataclass
class Told:
    """What was hit, for people."""

    ways: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    finished_rounds: int = 0
    half_written: int = 0


def test_killed_at_random_moments_the_same_command_ends_with_the_same_files(
    fresh: SmallPipeline, undisturbed: Undisturbed
) -> None:
    chance = random.Random(SEED)
    told = Told()
    while told.ways.total() < KILLS:
        fresh.clear()
        while told.ways.total() < KILLS:
            moment = chance.uniform(0, undisturbed.seconds)
            way = list(WAYS)[told.ways.total() % len(WAYS)]  # by turns: few kills, and yet of both
            run = fresh.start()
            if run.ended_within(moment):
                assert run.process.returncode == 0, run.said
                break
            at_work = run.stages()
            WAYS[way](run)
            told.ways[way] += 1
            told.stages.update(at_work.values() or ["between stages"])
            told.half_written += bool(fresh.unfinished())
            print(f"kill {told.ways.total()} at {moment:.1f} s, {way}: {list(at_work.values())}")
            nothing_is_corrupt(fresh, undisturbed)
        went_on_to_the_same_files(fresh, undisturbed)
        told.finished_rounds += 1
    print(f"seed {SEED}, {undisturbed.seconds:.1f} s undisturbed: {told}")


def nothing_is_corrupt(pipeline: SmallPipeline, undisturbed: Undisturbed) -> None:
    """Whatever is there under a result's name is that result, whole."""
    for name, content in pipeline.results().items():
        assert content == undisturbed.results[name], name


def went_on_to_the_same_files(pipeline: SmallPipeline, undisturbed: Undisturbed) -> None:
    done = pipeline.run()
    assert done.returncode == 0, said(done)[-6000:]
    assert pipeline.results() == undisturbed.results
    assert pipeline.unfinished() == []
    assert pipeline.planned() == {}


def test_a_stage_ends_with_its_killed_pipeline(short: SmallPipeline) -> None:
    """Or it would later put what it was asked for over what the next run was asked for."""
    run = short.start()
    run.wait_for_stage("key_statistics")
    run.kill_snakemake()
    run.wait_for_orphans()
    assert short.results() == {} and short.unfinished() == []
    log = short.folder / "logs" / "key_statistics" / "church-layer6.log"
    assert "the pipeline that started this stage is gone" in log.read_text()


def test_the_lock_of_a_killed_run_is_freed_and_that_of_a_live_one_is_not(
    short: SmallPipeline,
) -> None:
    locks = short.folder / ".snakemake" / "locks"
    run = short.start()
    # or the run would be over, and its lock freed, before the other one has planned
    os.kill(run.wait_for_stage(), signal.SIGSTOP)
    assert short.planned()
    assert list(locks.iterdir()), "another process freed the lock of a live run"
    run.kill_all()
    assert list(locks.iterdir()), "nothing is left that could be freed"
    assert short.planned()
    assert not list(locks.glob("*"))


def test_a_run_killed_while_it_notes_what_it_made_makes_that_again(
    finished: SmallPipeline, undisturbed: Undisturbed
) -> None:
    """Snakemake does not write its own records in one step: one cut short counts as none."""
    records = [
        file for file in (finished.folder / ".snakemake" / "metadata").rglob("*") if file.is_file()
    ]
    assert records
    for record in records:
        content = record.read_text()
        record.write_text(content[: len(content) // 2])
    done = finished.short().run()
    assert done.returncode == 0, said(done)[-6000:]
    assert finished.results() == undisturbed.results
