"""The grade of a critic: what is compared, where, and how it is counted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from palimpsest.generators.pictures import as_input
from palimpsest.instruments.critics.critic import Critic
from palimpsest.instruments.critics.grading import KINDS, grade_critic, spoilt_versions
from palimpsest.training.renders import GRADING_STREAM
from palimpsest.worlds import get_world

N = 5


class Known(Critic):
    """Finds natural what is equal to the image that it was shown as natural."""

    def __init__(self, prefers: str) -> None:
        self.prefers = prefers

    def naturalness(self, images: Tensor) -> Tensor:
        edges = images.diff(dim=2)[:, :, :, 1:].abs() + images.diff(dim=3)[:, :, 1:].abs()
        sharp = torch.nn.functional.pad(edges.mean(1), (0, 1, 0, 1))
        return sharp if self.prefers == "sharp" else -sharp


def test_only_the_place_of_the_change_is_spoilt() -> None:
    stream = torch.Generator().manual_seed(1)
    before, after = torch.rand(2, 4, 3, 32, 32, generator=stream) * 2 - 1
    place = torch.zeros(4, 32, 32, dtype=torch.bool)
    place[:, 5:20, 8:16] = True
    spoilt = spoilt_versions(before, after, place)
    assert tuple(spoilt) == KINDS
    for made in spoilt.values():
        assert torch.equal(
            made.masked_fill(place[:, None], 0), after.masked_fill(place[:, None], 0)
        )
        assert not torch.equal(made, after)
    inside = (slice(None), slice(None), slice(5, 20), slice(8, 16))
    torch.testing.assert_close(spoilt["ghost"][inside], ((before + after) / 2)[inside])
    torch.testing.assert_close(spoilt["collage"][inside], before.roll(1, 0)[inside])


def test_a_critic_that_likes_edges_finds_blur_and_one_that_does_not_likes_it() -> None:
    world = get_world("horse")
    found = {}
    for prefers in ("sharp", "soft"):
        rows = grade_critic(Known(prefers), world, n=N, resolution=64)
        assert [row["rule"] for row in rows] == [
            rule for rule in world.counterfactuals for _ in KINDS
        ]
        found[prefers] = [row for row in rows if row["kind"] == "blur"]
        for row in rows:
            assert row["n"] == N and row["share"] == row["right"] / N
            assert 0 <= row["share_low"] <= row["share"] <= row["share_high"] <= 1
    for sharp, soft in zip(found["sharp"], found["soft"], strict=True):
        assert sharp["right"] == N and soft["right"] == 0
        assert sharp["spoilt_drop"] == pytest.approx(-soft["spoilt_drop"])


def test_the_mean_drops_are_those_of_the_counterfactual_renders() -> None:
    import numpy as np

    from palimpsest.instruments.critics.grading import LEAST_CHANGE

    world, critic = get_world("horse"), Known("sharp")
    rule = next(iter(world.counterfactuals))
    row = grade_critic(critic, world, n=3, resolution=64)[0]
    stream = np.random.RandomState(GRADING_STREAM)
    scene = world.scene(stream.standard_normal((128, world.z_dim)))
    after, changed = world.under_rule(rule, scene)
    chosen = np.flatnonzero(changed)[:3]
    before = as_input(world.render(scene[chosen], 64).images)
    natural = as_input(world.render(after[chosen], 64).images)
    place = (natural - before).abs().mean(1) >= LEAST_CHANGE
    drops = critic.drop_of(critic.naturalness(before), critic.naturalness(natural), place)
    assert row["counterfactual_drop"] == pytest.approx(drops.mean().item())
