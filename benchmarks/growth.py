"""How memory and time of the pipeline's stages grow with the number of samples.

    python -m benchmarks.growth                        # all stages
    python -m benchmarks.growth measure sweep_tradeoff # some of them

Each stage runs at n and at 10 n, in a process of its own and on one thread, by the command that the
pipeline gives it (`benchmarks.growth_stages`); what the stages need first is made in a temporary
folder from the weights that ship. Two tables: the peak of resident memory, and CPU seconds, whose
slope is the time of a further sample and whose intercept is what a stage spends whatever n is.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child_processes import Usage, machine, run_child
from benchmarks.growth_stages import FACTOR, PREPARATION, STAGES, StageRun

FLAT = 1.1
"""Peaks whose ratio is at most this count as the same: allocators round, and ratios of equal runs
differ by a few per cent."""


@dataclass(frozen=True)
class Growth:
    """One stage at ``n`` samples and at ``FACTOR`` times as many."""

    stage: StageRun
    small: Usage
    large: Usage

    @property
    def further(self) -> int:
        """How many samples the second run had more."""
        return (FACTOR - 1) * self.stage.n

    @property
    def memory_ratio(self) -> float:
        return self.large.peak_bytes / self.small.peak_bytes

    @property
    def bytes_each(self) -> float:
        """Peak bytes that a further sample adds."""
        return (self.large.peak_bytes - self.small.peak_bytes) / self.further

    @property
    def cpu_each(self) -> float:
        """CPU seconds that a further sample adds."""
        return (self.large.cpu_seconds - self.small.cpu_seconds) / self.further

    @property
    def cpu_fixed(self) -> float:
        """CPU seconds at n = 0, on the line through both runs."""
        return self.small.cpu_seconds - self.cpu_each * self.stage.n


def memory_table(found: Iterable[Growth]) -> Iterator[str]:
    """Lines of Markdown: peaks, their ratio, and what each further sample adds."""
    yield f"| stage | n | {FACTOR} n | MB at n | MB at {FACTOR} n | ratio | kB a further one | |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in found:
        small, large = (usage.peak_bytes / 1e6 for usage in (one.small, one.large))
        yield (
            f"| {one.stage.name} | {one.stage.n} {one.stage.counted} | {FACTOR * one.stage.n} "
            f"| {small:.0f} | {large:.0f} | {one.memory_ratio:.2f} | {one.bytes_each / 1e3:.1f} "
            f"| {'flat' if one.memory_ratio <= FLAT else 'grows'} |"
        )


def time_table(found: Iterable[Growth]) -> Iterator[str]:
    """Lines of Markdown: CPU seconds and wall-clock of both runs, of a further sample, of none."""
    yield (
        f"| stage | n | CPU s at n | CPU s at {FACTOR} n | CPU s a further one | fixed CPU s "
        f"| wall-clock s at n | at {FACTOR} n |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for one in found:
        yield (
            f"| {one.stage.name} | {one.stage.n} {one.stage.counted} "
            f"| {one.small.cpu_seconds:.1f} | {one.large.cpu_seconds:.1f} | {one.cpu_each:.4f} "
            f"| {one.cpu_fixed:.1f} | {one.small.wall_seconds:.1f} | {one.large.wall_seconds:.1f} |"
        )


def measure_growth(stages: Sequence[StageRun], folder: Path) -> Iterator[Growth]:
    """Run each of the stages twice; ``folder`` takes what they write, and holds what they need."""
    for stage in stages:
        used = []
        for n in (stage.n, FACTOR * stage.n):
            out = folder / stage.name / str(n)
            out.mkdir(parents=True)
            command = [sys.executable, "-m", *stage.command(n, folder, out)]
            used.append(run_child(command, out / "log.txt"))
            print(f"{stage.name}, n = {n}: {used[-1]}", file=sys.stderr, flush=True)
        yield Growth(stage, *used)


def main(names: Sequence[str]) -> None:
    known = dict.fromkeys(run.stage for run in STAGES)
    if unknown := sorted(set(names) - known.keys()):
        sys.exit(f"error: {unknown[0]!r} is none of {', '.join(known)}")
    wanted = {*names, *(run.after for run in STAGES if run.stage in names)}
    chosen = [run for run in STAGES if not names or run.stage in wanted]
    with tempfile.TemporaryDirectory() as created:
        folder = Path(created)
        print(f"{machine()}; one thread a process\n", flush=True)
        for step in PREPARATION:
            run_child([sys.executable, "-m", *step.command(folder)], folder / "log.txt")
        found = list(measure_growth(chosen, folder))
    print("\n".join(memory_table(found)), end="\n\n")
    print("\n".join(time_table(found)), end="\n\n")
    spent = sum(used.cpu_seconds for one in found for used in (one.small, one.large))
    print(f"{spent:.0f} CPU seconds in all, what was made first apart; load now: {machine()}")


if __name__ == "__main__":
    main(sys.argv[1:])
