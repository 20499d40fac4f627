"""The search of the method `palimpsest` for the exemplars and smoothness of the best edit.

An exemplar that looks good may make a poor edit, and several exemplars in one edit make it robust.
An edit is solved in well under a second, so candidates are tried and judged (`judges`) on held-out
tuning samples:

1. collect statistics without the cells that are to change: cells on or next to the source (and,
   with ``keeps_targets`` off, a target), found by labels or, without a segmenter, by the context
   direction; direction and penalty use them;
2. judge every exemplar alone, at the middle μ, on half of the tuning samples;
3. judge groups of exemplars that look alike (`alike`) together in the same way;
4. judge the best exemplars, alone and together (2, 4, 6 in one edit), and the best group, at every
   μ, on all of them, the samples first on which the others lost most; one that can no longer
   become the best is left there;
5. if labels judge, let the best edit descend in images (`refining`), judge what it comes to at
   several strengths (of a session that adds, at most `MOST_ADDED`), and keep what scores best.

The same inputs give the same edit. Its metadata holds the candidates and their scores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator, KeyState
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit, KeyStatistics, context_directions, pose
from palimpsest.memory.goals import goal_arguments
from palimpsest.memory.problem import rank_change
from palimpsest.memory.solvers.newton import Descent
from palimpsest.methods.choosing.alike import alike_groups
from palimpsest.methods.choosing.changing import prepare
from palimpsest.methods.choosing.judges import (
    BATCH,
    Judge,
    Judgement,
    Score,
    cells_showing,
)
from palimpsest.methods.choosing.refining import measured_again, refined
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions.opening import OpenSession, open_with_statistics
from palimpsest.sessions.rewriting import solve
from palimpsest.sessions.schema import Session
from palimpsest.settings import validated

SET_SIZES = (1, 2, 4, 6, 8, 12, 16, 24, 32)
"""Sizes of the sets of best exemplars that are solved together."""

SINGLES = 3
"""How many of the best exemplars are tried alone at every μ."""

MOST_ADDED = 1.2
"""Largest strength of a refined edit that adds: beyond it, smears grow more than a score tells."""

STEPS_A_CANDIDATE = 8
"""Steps of refining that count as one judged candidate in the progress of a search."""

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


def choose(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None = None,
    **settings: Any,
) -> Edit:
    """The edit that scores best on the tuning samples; ``settings``: see `PalimpsestSettings`.

    Raises `ParameterError` for an unknown setting, and what `choose_with` raises.
    """
    asked = validated("palimpsest", settings, PalimpsestSettings)
    return choose_with(g, session, stats, segmenter, asked)


def choose_with(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    segmenter: Segmenter | None,
    asked: PalimpsestSettings,
    progress: Callable[[int, int], None] | None = None,
) -> Edit:
    """The edit that scores best on the tuning samples.

    Args:
        stats: statistics over all keys of the session's layer.
        progress: called with candidates judged and candidates in all; it may raise to stop. In the
            last round so many judged samples as there are in all count as a candidate, and so do
            `STEPS_A_CANDIDATE` steps of the descent.
        segmenter: labels the tuning images; without one, candidates are judged by goal loss and by
            the change of other values.

    Raises:
        SessionError: a session that does not fit the generator, or a source that never shows.
        ParameterError: statistics of the samples that candidates are judged on, which the descent
            would be fitted to.
    """
    if asked.rank is not None:
        session = session.model_copy(update={"rank": asked.rank})
    seed = int(stats.metadata.get("seed", 1))
    if asked.refining_steps and seed == asked.tuning_seed:
        raise ParameterError(
            f"tuning_seed {seed} is also the seed of the statistics; candidates must be judged on "
            "other samples than they were made with, so choose another one"
        )
    given = range(min(asked.candidate_exemplars, len(session.exemplars)))
    opened = open_with_statistics(g, session, stats, exemplars=given)
    changing, judge, about = prepare(g, opened, stats, segmenter, asked)

    def collected(left_out: Callable[[KeyState], Tensor], named: str) -> KeyStatistics:
        return KeyStatistics.collect(
            g,
            layer=opened.layer.number,
            n=asked.statistics_samples,
            seed=seed,
            batch=images_at_once(g.resolution, BATCH),
            exclude=lambda state, z: left_out(state),
            excluding=named,
        )

    spared = collected(changing, about["excluding"])
    if asked.target_weight and segmenter is not None and about["judge"] == "labels":
        numbers, layer = segmenter.numbers(*about["targets"]), opened.layer
        others = collected(
            lambda state: ~cells_showing(layer, state, segmenter, numbers),
            f"cells without {', '.join(about['targets'])}",
        )
        spared = spared.with_more(others, asked.target_weight)
        about["target_weight"] = asked.target_weight
    directions = context_directions(
        opened.context_keys, opened.context_weights, spared, session.rank
    )
    refines = asked.refining_steps > 0 and about["judge"] == "labels"
    last = -(-asked.refining_steps // STEPS_A_CANDIDATE) if refines else 0
    report = progress or (lambda done, total: None)
    rounds = _Rounds(
        *(opened, directions, spared, judge, asked),
        lambda done, total: report(done, total + last),
    )
    best = rounds.best()
    edit = solve(
        opened,
        [opened.goals[i] for i in best.exemplars],
        directions,
        spared,
        "newton",
        mu=best.mu,
        iterations=asked.iterations,
    )
    choice = {**about, "tuning_samples": judge.n, "tuning_seed": asked.tuning_seed}
    if refines:
        whole = open_with_statistics(g, session, stats, exemplars=best.exemplars, tight=False)
        found = refined(
            *(whole, edit, changing, seed, asked),
            lambda step: report(rounds.total + step // STEPS_A_CANDIDATE, rounds.total + last),
        )
        strengths = asked.refining_strengths
        if session.adds:
            # if all that is asked for is stronger, the edit is scored as it is
            strengths = tuple(s for s in strengths if s <= MOST_ADDED) or (1.0,)
        before = opened.layer.weight.detach()
        made = {s: replace(found, coefficients=s * found.coefficients) for s in strengths}
        scores = {s: judge.score(before + one.delta().to(before)) for s, one in made.items()}
        strength = max(scores, key=lambda s: scores[s].value)
        score = scores[strength]
        better = score.value > best.score.value
        choice["refined"] = {"taken": better, "strength": strength, **score.record()}
        if better:
            best = replace(best, score=score)
            edit = measured_again(made[strength], opened, best.exemplars, spared)
        report(rounds.total + last, rounds.total + last)
    tried = [candidate.record() for candidate in rounds.tried]
    choice |= {"chosen": best.record(), "tried": tried}
    told = {"exemplars": ",".join(map(str, best.exemplars)), "choice": json.dumps(choice)}
    if best.score.critic_drop is not None:
        told["critic_drop"] = f"{best.score.critic_drop:.5f}"
    return replace(edit, metadata={**edit.metadata, **told})


@dataclass
class _Runner:
    """Exemplars (by number) solved together at one μ, and what was judged of the edit so far."""

    exemplars: tuple[int, ...]
    mu: float
    coefficients: Tensor
    judgement: Judgement


class _Rounds:
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
