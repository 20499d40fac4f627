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
5. count the cells that the best edit changes although they should stay again in the second moment
   (`hard_cells`), solve it anew, also at μ closer to its own than the grid's, and keep what scores
   best;
6. if labels judge, let the best edit descend in images (`refining`), at its own exemplars and, if
   it has several directions, also at all that are tried; judge what it comes to at several
   strengths (of a session that adds, at most `MOST_ADDED`), and keep what scores best.

The same inputs give the same edit. Its metadata holds the candidates and their scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.generators.base import Generator
from palimpsest.generators.samples import images_at_once, sample_z
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit, KeyStatistics, context_directions
from palimpsest.methods.choosing.changing import Cells, prepare
from palimpsest.methods.choosing.hard_cells import finer, hard_cells, most_finer
from palimpsest.methods.choosing.judges import BATCH, Judge, Score, cells_showing
from palimpsest.methods.choosing.refining import descents, measured_again, refined
from palimpsest.methods.choosing.rounds import Candidate, Rounds
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions.opening import OpenSession, open_with_statistics
from palimpsest.sessions.rewriting import solve
from palimpsest.sessions.schema import Session
from palimpsest.settings import validated

MOST_ADDED = 1.2
"""Largest strength of a refined edit that adds: beyond it, smears grow more than a score tells."""

HARD_SAMPLES = 64
"""Samples whose mean change tells which cells are hard."""

STEPS_A_CANDIDATE = 8
"""Steps of refining that count as one judged candidate in the progress of a search."""


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
            an edit that is solved anew and `STEPS_A_CANDIDATE` steps of the descent.
        segmenter: labels the tuning images; without one, candidates are judged by goal loss and by
            the change of other values.

    Raises:
        SessionError: a session that does not fit the generator, or a source that never shows.
        ParameterError: statistics of the samples that candidates are judged on, whose hard cells
            would be counted and which the descent would be fitted to.
    """
    if asked.rank is not None:
        session = session.model_copy(update={"rank": asked.rank})
    seed = int(stats.metadata.get("seed", 1))
    if (asked.refining_steps or asked.hard_cells_weight) and seed == asked.tuning_seed:
        raise ParameterError(
            f"tuning_seed {seed} is also the seed of the statistics; candidates must be judged on "
            "other samples than they were made with, so choose another one"
        )
    given = range(min(asked.candidate_exemplars, len(session.exemplars)))
    opened = open_with_statistics(g, session, stats, exemplars=given)
    changing, judge, about = prepare(g, opened, stats, segmenter, asked)
    search = _Search(g, session, stats, opened, changing, judge, asked, seed)
    spared = search.collected(changing, about["excluding"])
    if asked.target_weight and segmenter is not None and about["judge"] == "labels":
        numbers, layer = segmenter.numbers(*about["targets"]), opened.layer
        others = search.collected(
            lambda state: ~cells_showing(layer, state, segmenter, numbers),
            f"cells without {', '.join(about['targets'])}",
        )
        spared = spared.with_more(others, asked.target_weight)
        about["target_weight"] = asked.target_weight

    refines = asked.refining_steps > 0 and about["judge"] == "labels"
    again = most_finer(asked.mu_grid) if asked.hard_cells_weight else 0
    most = len(descents(session.rank, (0,), tuple(range(len(opened.goals)))))  # of any winner
    steps = -(-most * asked.refining_steps // STEPS_A_CANDIDATE) if refines else 0
    done = 0

    def report(more: int, of: int) -> None:
        if progress is not None:
            progress(done + more, of + again + steps)

    directions = search.directions(spared)
    rounds = Rounds(opened, directions, spared, judge, asked, report)
    best = rounds.best()
    edit = search.solved(best.exemplars, best.mu, directions, spared)
    choice = {**about, "tuning_samples": judge.n, "tuning_seed": asked.tuning_seed}
    done = rounds.total
    if again:
        best, edit, spared, choice["hard_cells"] = search.sparing_hard_cells(
            best, edit, spared, lambda more: report(more, rounds.total)
        )
        report(again, rounds.total)  # also if fewer were tried
        done += again
    if refines:
        best, edit, choice["refined"] = search.descended(
            best, edit, spared, lambda step: report(step // STEPS_A_CANDIDATE, rounds.total)
        )
        report(steps, rounds.total)  # also if it descended once only
    tried = [candidate.record() for candidate in rounds.tried]
    choice |= {"chosen": best.record(), "tried": tried}
    told = {"exemplars": ",".join(map(str, best.exemplars)), "choice": json.dumps(choice)}
    if best.score.critic_drop is not None:
        told["critic_drop"] = f"{best.score.critic_drop:.5f}"
    return replace(edit, metadata={**edit.metadata, **told})


@dataclass(frozen=True)
class _Search:
    """What the steps of a search share; ``seed``: of the statistics."""

    g: Generator
    session: Session
    stats: KeyStatistics
    opened: OpenSession
    changing: Cells
    judge: Judge
    asked: PalimpsestSettings
    seed: int

    def collected(self, left_out: Cells, named: str) -> KeyStatistics:
        """Statistics of the session's layer without some cells."""
        return KeyStatistics.collect(
            self.g,
            layer=self.opened.layer.number,
            n=self.asked.statistics_samples,
            seed=self.seed,
            batch=images_at_once(self.g.resolution, BATCH),
            exclude=lambda state, z: left_out(state),
            excluding=named,
        )

    def directions(self, spared: KeyStatistics) -> Tensor:
        opened = self.opened
        return context_directions(
            opened.context_keys, opened.context_weights, spared, self.session.rank
        )

    def solved(
        self, exemplars: Sequence[int], mu: float, directions: Tensor, spared: KeyStatistics
    ) -> Edit:
        return solve(
            self.opened,
            [self.opened.goals[i] for i in exemplars],
            directions,
            spared,
            "newton",
            mu=mu,
            iterations=self.asked.iterations,
        )

    def weight_of(self, edit: Edit) -> Tensor:
        before = self.opened.layer.weight.detach()
        return before + edit.delta().to(before)

    def sparing_hard_cells(
        self,
        best: Candidate,
        edit: Edit,
        spared: KeyStatistics,
        progress: Callable[[int], None],
    ) -> tuple[Candidate, Edit, KeyStatistics, dict[str, Any]]:
        """The best candidate solved anew with its hard cells counted again, if that is better; the
        statistics that it was solved with, and facts for the metadata."""
        z = sample_z(self.g, min(HARD_SAMPLES, self.asked.statistics_samples), self.seed)
        hard = hard_cells(self.opened.layer, self.weight_of(edit), self.changing, z)
        try:
            cells = self.collected(lambda state: ~hard(state), "cells that change little")
        except StatisticsError as problem:  # such as too few cells for a moment of them
            return best, edit, spared, {"taken": False, "tried": [], "why": str(problem)}
        more = spared.with_more(cells, self.asked.hard_cells_weight)
        directions, found, tried = self.directions(more), (best, edit, spared), []
        for mu in finer(best.mu, self.asked.mu_grid):
            anew = self.solved(best.exemplars, mu, directions, more)
            score = self.judge.score(self.weight_of(anew))
            candidate = Candidate(best.exemplars, mu, score, self.judge.n)
            tried.append(candidate.record())
            found = min(found, (candidate, anew, more), key=lambda one: one[0].order)
            progress(len(tried))
        about = {"weight": self.asked.hard_cells_weight, "cells": cells.count, "tried": tried}
        return *found, {"taken": found[0] is not best, **about}

    def descended(
        self,
        best: Candidate,
        edit: Edit,
        spared: KeyStatistics,
        progress: Callable[[int], None],
    ) -> tuple[Candidate, Edit, dict[str, Any]]:
        """The edit after its descent in images, at its best strength, if that is better; and facts
        for the metadata."""
        everything = tuple(range(len(self.opened.goals)))
        ends, tried = [], []
        for number, shown in enumerate(descents(edit.rank, best.exemplars, everything)):
            steps = number * self.asked.refining_steps
            anew = self._descended_on(shown, edit, lambda step, made=steps: progress(made + step))
            score, strength, made = self._at_its_best_strength(anew)
            ends.append((score, made))
            tried.append({"exemplars": list(shown), "strength": strength, **score.record()})
        score, made = max(ends, key=lambda end: end[0].value)
        better = score.value > best.score.value
        if better:
            best = replace(best, score=score)
            edit = measured_again(made, self.opened, best.exemplars, spared)
        return best, edit, {"taken": better, "tried": tried}

    def _descended_on(
        self, exemplars: Sequence[int], edit: Edit, progress: Callable[[int], None]
    ) -> Edit:
        whole = open_with_statistics(
            self.g, self.session, self.stats, exemplars=exemplars, tight=False
        )
        return refined(whole, edit, self.changing, self.seed, self.asked, progress)

    def _at_its_best_strength(self, edit: Edit) -> tuple[Score, float, Edit]:
        strengths = self.asked.refining_strengths
        if self.session.adds:
            # if all that is asked for is stronger, the edit is scored as it is
            strengths = tuple(s for s in strengths if s <= MOST_ADDED) or (1.0,)
        made = {s: replace(edit, coefficients=s * edit.coefficients) for s in strengths}
        scores = {s: self.judge.score(self.weight_of(one)) for s, one in made.items()}
        strength = max(scores, key=lambda s: scores[s].value)
        return scores[strength], strength, made[strength]
