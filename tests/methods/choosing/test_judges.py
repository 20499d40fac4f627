"""What the judges of an edit count."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from palimpsest.generators import sample_z
from palimpsest.generators.base import Generator
from palimpsest.memory import KeyStatistics
from palimpsest.methods.choosing import judges as tuning
from palimpsest.methods.choosing.judges import (
    LabelJudge,
    Score,
    ValueJudge,
    cells_showing,
    widened,
)
from palimpsest.sessions import Session, open_session, rewrite
from tests.doubles.brightness import Brightness
from tests.doubles.golden_session import golden_session
from tests.doubles.plain_critic import BrightIsNatural


@pytest.fixture(scope="module")
def session() -> Session:
    return golden_session()


def test_a_label_judge_counts_what_the_images_show(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    layer = g.layer(6)
    judge = LabelJudge(g, 6, Brightness(), ("dark",), ("bright",), n=8, seed=3)
    assert judge.n == 8
    unchanged = judge.score(layer.weight)
    assert (unchanged.removed, unchanged.converted, unchanged.converted_images) == (0, 0, 0)
    assert unchanged.kept == 1 and abs(unchanged.value) < 1e-5 and abs(unchanged.perceptual) < 1e-5

    torch.manual_seed(0)
    weight = layer.weight + 0.5 * torch.randn_like(layer.weight)
    score = judge.score(weight)
    with torch.no_grad():  # the same figures, found in another way
        z = sample_z(g, 32, 3)
        before, after = g(z), g.with_weight(6, weight)(z)
        labels = Brightness().labels(before)
        shows = ((labels == 0).float().mean(dim=(1, 2)) >= 0.002).nonzero().flatten()[:8]
        labels, now = labels[shows], Brightness().labels(after[shows])
        dark = labels == 0
        removed = (now[dark] != 0).float().mean().item()
        converted = (now[dark] == 2).float().mean().item()
        size = dark.sum(dim=(1, 2))
        turned = ((now == 2) & dark).sum(dim=(1, 2)) >= size / 2
        per_image = turned & (((now != 0) & dark).sum(dim=(1, 2)) >= 0.75 * size)
        kept = (now == labels)[~dark].float().mean().item()
        unit = [image / image.norm(dim=1, keepdim=True) for image in (before[shows], after[shows])]
        apart = (unit[0] - unit[1]).square().sum(dim=1)[~dark].mean().item()
    assert score.perceptual == pytest.approx(apart, rel=1e-3)
    assert score.removed == pytest.approx(removed, abs=1e-5)
    assert score.converted == pytest.approx(converted, abs=1e-5)
    assert score.converted_images == pytest.approx(per_image.float().mean().item())
    assert score.kept == pytest.approx(kept, abs=1e-5)
    assert score.value < (score.removed + score.converted_images) / 2
    check_bounds(judge, weight)


def check_bounds(judge: LabelJudge | ValueJudge, weight: Tensor) -> None:
    """With every sample the bound falls, from above, to the value on all of them."""
    judgement = judge.begin(weight)
    bounds = []
    for number in range(judge.n):
        judge.extend(judgement, weight, torch.tensor([number]))
        bounds.append(judge.bound(judgement))
        assert judge.losses(judgement)[number + 1 :].eq(0).all()
    assert (judge.losses(judgement) >= -1e-9).all()
    assert all(after <= before + 1e-9 for before, after in pairwise(bounds))
    assert bounds[-1] == pytest.approx(judge.score(weight).value, abs=1e-6)


@pytest.mark.parametrize("labels", [True, False])
def test_a_score_does_not_depend_on_the_order_of_the_samples_or_on_the_batch(
    g: Generator, session: Session, labels: bool
) -> None:
    def nothing(state) -> Tensor:
        return torch.zeros(len(state), *state.k.shape[2:], dtype=torch.bool)

    seen = Brightness()
    seen.critic = BrightIsNatural()
    judge: LabelJudge | ValueJudge
    if labels:
        judge = LabelJudge(g, 6, seen, ("dark",), ("bright",), n=9, seed=3)
    else:
        judge = ValueJudge(g, 6, open_session(g, session, 6).goals[:1], nothing, n=9, seed=3)
    torch.manual_seed(0)
    weight = g.layer(6).weight + 0.5 * torch.randn_like(g.layer(6).weight)
    in_order = judge.score(weight)
    for at_once, numbers in ((4, torch.arange(9).flip(0)), (1, torch.randperm(9))):
        judge.at_once = at_once
        judgement = judge.begin(weight)
        judge.extend(judgement, weight, numbers[:5])
        assert judgement.judged.nonzero().flatten().equal(numbers[:5].sort().values)
        judge.extend(judgement, weight, numbers[5:])
        again = judge.score_of(judgement)
        assert again.record() == pytest.approx(in_order.record(), abs=2e-5)


def test_a_change_outside_costs_as_many_points_as_asked_for(g: Generator) -> None:
    weight = g.layer(6).weight + 0.05
    free, dear = (
        LabelJudge(
            g, 6, Brightness(), ("dark",), ("bright",), n=8, seed=3, perceptual_weight=points
        ).score(weight)
        for points in (0.0, 3.0)
    )
    assert free.perceptual == dear.perceptual > 0
    assert free.value - dear.value == pytest.approx(3 * free.perceptual)


def test_images_that_are_not_kept_as_looked_at_score_the_same(
    g: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(most: int) -> list[Score]:
        monkeypatch.setattr(tuning, "MOST_KEPT", most)
        judge = LabelJudge(g, 6, Brightness(), ("dark",), ("bright",), n=8, seed=3)
        return [judge.score(weight, quick) for quick in (True, False)]

    torch.manual_seed(0)
    weight = g.layer(6).weight + 0.5 * torch.randn_like(g.layer(6).weight)
    assert scored(0) == scored(2**28)


def test_a_source_that_stays_is_judged_by_what_comes_in(g: Generator) -> None:
    judge = LabelJudge(
        g, 6, Brightness(), ("bright",), ("dark",), n=6, seed=3, adds=True, least_added=40
    )
    assert judge.score(g.layer(6).weight).value == pytest.approx(0, abs=1e-5)
    torch.manual_seed(0)
    weight = g.layer(6).weight
    score = judge.score(weight + 0.5 * torch.randn_like(weight))
    assert score.converted_images > 0
    judgement = judge.begin(weight)
    judge.extend(judgement, weight + 0.5, torch.arange(judge.n))
    assert judge.bound(judgement) >= judge.score_of(judgement).value - 1e-6


def test_a_value_judge_wants_the_goal_and_nothing_else(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    opened = open_session(g, session, 6)

    def nothing(state) -> Tensor:
        return torch.zeros(len(state), *state.k.shape[2:], dtype=torch.bool)

    judge = ValueJudge(g, 6, opened.goals[:1], nothing, n=4, seed=2)
    unchanged = judge.score(opened.layer.weight)
    assert (unchanged.value, unchanged.goal, unchanged.elsewhere) == (-1.0, 1.0, 0.0)
    helped = rewrite(g, session, stats, mu=0.03).apply(g).layer(6).weight
    score = judge.score(helped)
    assert score.goal < 1 and score.elsewhere > 0
    check_bounds(judge, helped)

    def everything(state) -> Tensor:
        return ~nothing(state)

    nobody = ValueJudge(g, 6, opened.goals, everything, n=4, seed=2)
    assert nobody.score(helped).elsewhere == 0


def test_cells_that_show_a_class_and_their_neighbours(g: Generator) -> None:
    layer = g.layer(6)
    with torch.no_grad():
        state = layer.keys(sample_z(g, 2, 1))
        numbers = Brightness().numbers("bright")
        cells = cells_showing(layer, state, Brightness(), numbers)
        bright = Brightness().labels(layer.render(layer.values(state))) == 2
    assert cells.shape == (2, 16, 16)
    shown = bright.float().reshape(2, 16, 4, 16, 4).mean(dim=(2, 4)) > 0.02
    assert cells.equal(widened(shown))
    one = torch.zeros(1, 5, 5, dtype=torch.bool)
    one[0, 0, 2] = True
    assert widened(one)[0].nonzero().tolist() == [[r, c] for r in (0, 1) for c in (1, 2, 3)]


def test_what_a_critic_finds_less_natural_costs_as_many_points_as_asked_for(g: Generator) -> None:
    torch.manual_seed(0)
    weight = g.layer(6).weight + 0.5 * torch.randn_like(g.layer(6).weight)
    seen = Brightness()

    def scored(points: float, weight: Tensor) -> Score:
        judge = LabelJudge(g, 6, seen, ("dark",), ("bright",), n=8, seed=3, critic_weight=points)
        return judge.score(weight)

    without = scored(1.0, weight)
    assert without.critic_drop is None and "critic_drop" not in without.record()
    seen.critic = BrightIsNatural()
    unchanged = scored(1.0, g.layer(6).weight)
    assert unchanged.critic_drop == pytest.approx(0, abs=1e-6)
    free, dear = scored(0.0, weight), scored(2.0, weight)
    assert free.value == pytest.approx(without.value)
    drops = max(dear.critic_drop, 0) + max(dear.critic_drop_outside, 0)
    assert abs(dear.critic_drop) > 1e-3 and abs(dear.critic_drop_outside) > 1e-3
    assert free.value - dear.value == pytest.approx(2 * drops)

    with torch.no_grad():  # the same drop, found in another way
        z = sample_z(g, 32, 3)
        before, after = g(z), g.with_weight(6, weight)(z)
        labels = seen.labels(before)
        shows = ((labels == 0).float().mean(dim=(1, 2)) >= 0.002).nonzero().flatten()[:8]
        before, after = before[shows], after[shows]
        labels, now = seen.labels(before), seen.labels(after)
        place = (labels == 0) | ((now == 2) & (labels != 2))
        fall = (before - after).mean(1).double()
        inside = torch.stack([one[where].mean() for one, where in zip(fall, place, strict=True)])
    assert free.critic_drop == pytest.approx(inside.mean().item(), abs=1e-5)
