"""The rounds of a search (`choose`): candidates are solved, and judged until the best is clear."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

import torch
from torch import Tensor

from palimpsest.memory import KeyStatistics, pose
from palimpsest.memory.goals import goal_arguments
from palimpsest.memory.problem import rank_change
from palimpsest.memory.solvers.newton import Descent
from palimpsest.methods.choosing.alike import alike_groups
from palimpsest.methods.choosing.judges import Judge, Judgement, Score
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions.opening import OpenSession

SET_SIZES = (1, 2, 4, 6, 8, 12, 16, 24, 32)
"""Sizes of the sets of best exemplars that are solved together."""

SINGLES = 3
"""How many of the best exemplars are tried alone at every μ."""

CLOSE = 1e-5
"""Values that differ by less may be equal once rounded (`Candidate.order`)."""


@dataclass(frozen=True)
class Candidate:
    """Exemplars (by number) solved together at one μ, and the score of the edit on ``samples``."""

    exemplars: tuple[int, ...]
    mu: float
    score: Score
    samples: int

    @property
    def order(self) -> tuple:
        """Sorting key: the best score first; of equals, fewer exemplars, then less change."""
        return (-round(self.score.value, 6), len(self.exemplars), -self.mu, self.exemplars)

    def record(self) -> dict[str, Any]:
        """The candidate as the edit's metadata lists it."""
        record = {"exemplars": list(self.exemplars), "mu": self.mu, "samples": self.samples}
        return record | self.score.record()


@dataclass
class _Runner:
    """Exemplars (by number) solved together at one μ, and what was judged of the edit so far."""

    exemplars: tuple[int, ...]
    mu: float
    coefficients: Tensor
    judgement: Judgement


class Rounds:
    """The candidates that were tried; each set of exemplars is precomputed once for all μ."""

    def __init__(
        self,
        opened: OpenSession,
        directions: Tensor,
        stats: KeyStatistics,
        judge: Judge,
        asked: PalimpsestSettings,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.opened, self.directions, self.stats = opened, directions, stats
        self.judge, self.asked = judge, asked
        self.progress = progress or (lambda done, total: None)
        self.total = 0
        self.tried: list[Candidate] = []
        self.descents: dict[tuple[int, ...], Descent] = {}
        self.runners: dict[tuple[tuple[int, ...], float], _Runner] = {}
        # of each sample what all that were judged on it lost, and how many they were
        self.lost, self.times = torch.zeros(2, judge.n, dtype=torch.float64)

    def best(self) -> Candidate:
        """The best candidate of the last round, which is judged on all tuning samples."""
        grid = sorted(self.asked.mu_grid)
        middle = grid[len(grid) // 2]
        singles = [(i,) for i in range(len(self.opened.goals))]
        most = min(self.asked.exemplars, len(singles))
        sizes = sorted({size for size in SET_SIZES if 1 < size <= most} | ({most} - {1}))
        groups = alike_groups(self.opened.goals) if most > 1 else []
        screening = len(singles) + len(groups) if len(singles) > 1 else 0
        finals = len(singles[:SINGLES]) + len(sizes) + bool(groups)
        self.total = screening + finals * len(grid)
        self.progress(0, self.total)
        if len(singles) > 1:
            screened = sorted((self._screen(one, middle) for one in singles), key=_order)
            ranking = [candidate.exemplars[0] for candidate in screened]
        else:
            ranking = [0]
        sets = [(i,) for i in ranking[:SINGLES]]
        sets += [tuple(sorted(ranking[:size])) for size in sizes]
        alike = [tuple(sorted([i for i in ranking if i in one][:most])) for one in groups]
        if alike:
            best = min((self._screen(one, middle) for one in alike), key=_order)
            if best.exemplars in sets:
                self.total -= len(grid)
            else:
                sets.append(best.exemplars)
        return self._race([self._runner(chosen, mu) for chosen in sets for mu in grid])

    def _runner(self, exemplars: tuple[int, ...], mu: float) -> _Runner:
        """The edit of a set; one that was screened keeps what was judged of it."""
        if (exemplars, mu) in self.runners:
            return self.runners[exemplars, mu]
        descent = self.descents.get(exemplars)
        if descent is None:
            goals = [self.opened.goals[i] for i in exemplars]
            problem = pose(
                self.opened.layer,
                **goal_arguments(goals),
                directions=self.directions,
                stats=self.stats,
            )
            descent = Descent(problem)
            self.descents = {exemplars: descent}  # sets are tried one after another
        found = descent.solve(mu, self.asked.iterations).coefficients
        runner = _Runner(exemplars, mu, found, self.judge.begin(self.weight_of(found)))
        self.runners[exemplars, mu] = runner
        return runner

    def weight_of(self, coefficients: Tensor) -> Tensor:
        """W₀ + Λ D, computed anew for each batch: those of all candidates need much memory."""
        directions = self.directions.to(coefficients.device)
        return self.opened.layer.weight.detach() + rank_change(coefficients, directions)

    def _extend(self, runner: _Runner, numbers: Tensor) -> None:
        self.judge.extend(runner.judgement, self.weight_of(runner.coefficients), numbers)
        self.lost[numbers] += self.judge.losses(runner.judgement)[numbers]
        self.times[numbers] += 1

    def _noted(self, runner: _Runner) -> Candidate:
        score, samples = self.judge.score_of(runner.judgement), runner.judgement.samples
        candidate = Candidate(runner.exemplars, runner.mu, score, samples)
        self.tried.append(candidate)
        return candidate

    def _screen(self, exemplars: tuple[int, ...], mu: float) -> Candidate:
        """A set judged on half of the samples."""
        runner = self._runner(exemplars, mu)
        self._extend(runner, torch.arange(self.judge.quick))
        candidate = self._noted(runner)
        self.progress(len(self.tried), self.total)
        return candidate

    def _race(self, runners: list[_Runner]) -> Candidate:
        """The best of ``runners`` on all samples.

        The next to be judged is always the runner with the highest `Judge.bound`, on the samples
        that are hardest of those left. When all whose bound reaches the best value were judged on
        all samples, the others cannot win any more.
        """
        screened, judged = len(self.tried), 0
        best = -math.inf
        waiting = [(-self._bound(runner), i) for i, runner in enumerate(runners)]
        heapify(waiting)
        while waiting:
            highest, i = heappop(waiting)
            if -highest < best - CLOSE:
                break
            judgement = runners[i].judgement
            if judgement.judged.all():
                best = max(best, self.judge.score_of(judgement).value)
                continue
            numbers = hardest(self.lost, self.times, judgement.judged)[: self.judge.at_once]
            self._extend(runners[i], numbers)
            heappush(waiting, (-self._bound(runners[i]), i))
            judged += len(numbers)
            self.progress(screened + judged // self.judge.n, self.total)
        noted = [self._noted(runner) for runner in runners if runner.judgement.samples]
        self.progress(self.total, self.total)
        return min((one for one in noted if one.samples == self.judge.n), key=_order)

    def _bound(self, runner: _Runner) -> float:
        """Whoever was judged on no sample comes first, as all of them count in what is hard."""
        judgement = runner.judgement
        return self.judge.bound(judgement) if judgement.samples else math.inf


def hardest(lost: Tensor, times: Tensor, judged: Tensor) -> Tensor:
    """Numbers of the samples that are not ``judged`` (n,) bool, the hardest first.

    ``lost`` (n,): what all candidates that were judged on a sample lost there; ``times`` (n,): how
    many they were. A sample that none was judged on is taken to be as hard as the mean.
    """
    usual = lost.sum() / times.sum().clamp_min(1)
    mean = torch.where(times > 0, lost / times.clamp_min(1), usual)
    order = mean.argsort(descending=True, stable=True)
    return order[~judged[order]]


def _order(candidate: Candidate) -> tuple:
    return candidate.order
