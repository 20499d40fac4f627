"""Faults: an undisturbed run of the small pipeline, and copies of it to damage."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .small_pipeline import MADE_FOR_SHORT, SHORT, SmallPipeline, make_small_pipeline, said


@dataclass(frozen=True)
class Undisturbed:
    """A pipeline that ran to its end, what it made, and how long that took on this machine."""

    pipeline: SmallPipeline
    results: dict[str, object]
    seconds: float

    def expected(self, pipeline: SmallPipeline) -> dict[str, object]:
        """What a pipeline that ran for its targets must have made."""
        short = pipeline.targets == SHORT
        return {name: self.results[name] for name in MADE_FOR_SHORT} if short else self.results


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    pipeline = make_small_pipeline(tmp_path_factory.mktemp("faults") / "undisturbed")
    began = time.monotonic()
    done = pipeline.run()
    taken = time.monotonic() - began
    assert done.returncode == 0, said(done)[-6000:]
    return Undisturbed(pipeline, pipeline.results(), taken)


@pytest.fixture
def finished(undisturbed: Undisturbed, tmp_path: Path) -> SmallPipeline:
    """A copy of the finished pipeline, to damage."""
    return undisturbed.pipeline.copy(tmp_path / "finished")


@pytest.fixture
def fresh(undisturbed: Undisturbed, tmp_path: Path) -> SmallPipeline:
    """A copy in which nothing has run yet."""
    pipeline = undisturbed.pipeline.copy(tmp_path / "fresh")
    pipeline.clear()
    return pipeline


@pytest.fixture
def short(fresh: SmallPipeline) -> SmallPipeline:
    """The same, asked for one table only."""
    return fresh.short()


Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """`mount(*arguments, at=folder)`; taken off after the test, skipped where it is not allowed."""
    mounted: list[Path] = []

    def call(*arguments: str, at: Path) -> None:
        at.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(["mount", *arguments, str(at)], capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("there is no mount command here")
        if done.returncode:
            pytest.skip(f"mounting a file system is not permitted here: {done.stderr.strip()}")
        if not any("remount" in argument for argument in arguments):
            mounted.append(at)

    yield call
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
