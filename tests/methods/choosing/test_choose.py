"""The choice among exemplars: what a judge sees, and that the best candidate is kept."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any

import pytest
import torch
from torch import Tensor

from palimpsest.drawing.draw import DRAWINGS
from palimpsest.errors import ParameterError, SessionError
from palimpsest.generators import sample_z
from palimpsest.generators.base import Generator
from palimpsest.memory import KeyStatistics, context_directions
from palimpsest.methods.choosing import choose as choosing
from palimpsest.methods.choosing import judges as tuning
from palimpsest.methods.choosing.choose import (
    Candidate,
    choose,
    painted_classes,
    session_classes,
)
from palimpsest.methods.choosing.judges import (
    LabelJudge,
    Score,
    ValueJudge,
    cells_showing,
    widened,
)
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions import Exemplar, Selection, Session, open_session, rewrite
from palimpsest.sessions.masks import encode_mask
from palimpsest.settings import validated
from tests.doubles.golden_session import golden_session
from tests.doubles.plain_critic import BrightIsNatural
from tests.doubles.plain_segmenter import PlainSegmenter

SMALL = {
    "tuning_samples": 6,
    "statistics_samples": 24,
    "mu_grid": [0.03, 0.3],
    "iterations": 8,
    "exemplars": 2,
}


@pytest.fixture(scope="module")
def session() -> Session:
    return golden_session()


class Brightness(PlainSegmenter):
    """Labels by brightness: enough to tell whether what is counted is what the images show."""

    name = "brightness"
    classes = ("dark", "middle", "bright")

    def labels(self, images: Tensor) -> Tensor:
        light = images.mean(dim=1)
        return (light > 1.0).long() + (light > 1.8).long()


def test_without_labels_the_best_of_what_was_tried_is_kept(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    edit = choose(g, session, stats, **SMALL)
    choice = json.loads(edit.metadata["choice"])
    alone, later = choice["tried"][:3], choice["tried"][3:]
    assert all(len(tried["exemplars"]) == 1 for tried in alone)
    # groups that look alike, at the middle mu; then three alone, and two together, at every mu
    groups = list(takewhile(lambda tried: len(tried["exemplars"]) > 1, later))
    full = later[len(groups) :]
    assert len(full) in ((3 + 1) * 2, (3 + 2) * 2)
    assert all(tried["samples"] == 6 for tried in full)
    assert choice["chosen"]["value"] == max(tried["value"] for tried in full)
    assert edit.metadata["exemplars"] == ",".join(map(str, choice["chosen"]["exemplars"]))
    assert float(edit.metadata["mu"]) == choice["chosen"]["mu"]
    assert (choice["judge"], choice["tuning_samples"], choice["tuning_seed"]) == ("values", 6, 2)
    assert edit.coefficients.shape[1] == 1 and edit.directions.shape == (1, 48)

    again = choose(g, session, stats, **SMALL)
    assert again.coefficients.equal(edit.coefficients)
    assert json.loads(again.metadata["choice"]) == choice


def test_the_edit_is_along_a_direction_that_leaves_out_what_changes(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    opened = open_session(g, session, 6)
    with_all = context_directions(opened.context_keys, opened.context_weights, stats, 1)
    edit = choose(g, session, stats, **SMALL)
    assert (edit.directions @ with_all.T).abs().item() < 0.9999


def test_with_labels_source_and_targets_are_those_asked_for(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    edit = choose(
        g, session, stats, Brightness(), source="dark", targets=["middle", "bright"], **SMALL
    )
    choice = json.loads(edit.metadata["choice"])
    assert (choice["source"], choice["targets"]) == (["dark"], ["middle", "bright"])
    assert choice["judge"] == "labels" and "dark" in choice["excluding"]
    for tried in choice["tried"]:
        assert 0 <= tried["converted"] <= tried["removed"] <= 1
        assert 0 < tried["kept"] <= 1 and tried["perceptual"] >= 0


def test_cells_that_show_a_target_stay_unless_they_need_not(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    class Extremes(Brightness):
        def labels(self, images: torch.Tensor) -> torch.Tensor:
            light = images.mean(dim=1)
            low, high = light.flatten(1).quantile(torch.tensor([0.02, 0.98]), dim=1)[
                ..., None, None
            ]
            return (light > low).long() + (light > high).long()

    asked = {"source": "dark", "targets": "bright", **SMALL}
    kept = choose(g, session, stats, Extremes(), **asked)
    free = choose(g, session, stats, Extremes(), keeps_targets=False, **asked)
    told = [json.loads(edit.metadata["choice"])["excluding"] for edit in (kept, free)]
    assert told == ["cells with or next to dark", "cells with or next to dark, bright"]
    assert (kept.directions @ free.directions.T).abs().item() < 0.9999


def test_cells_that_show_a_target_can_count_more(
    g: Generator, session: Session, stats: KeyStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bright(Brightness):
        def labels(self, images: torch.Tensor) -> torch.Tensor:
            light = images.mean(dim=1)
            ends = light.flatten(1).quantile(torch.tensor([0.02, 0.7]), dim=1)[..., None, None]
            return (light > ends[0]).long() + (light > ends[1]).long()

    used: list[KeyStatistics] = []

    def recorded(keys: Any, weights: Any, found: KeyStatistics, rank: int) -> Tensor:
        used.append(found)
        return context_directions(keys, weights, found, rank)

    monkeypatch.setattr(choosing, "context_directions", recorded)
    asked = {"source": "dark", "targets": "bright", **SMALL}
    edits = [
        choose(g, session, stats, Bright(), target_weight=weight, **asked) for weight in (0.0, 4.0)
    ]
    told = [json.loads(edit.metadata["choice"]) for edit in edits]
    assert [one.get("target_weight") for one in told] == [None, 4.0]

    layer, seed = g.layer(6), int(stats.metadata["seed"])
    shown = KeyStatistics.collect(
        g,
        layer=6,
        n=SMALL["statistics_samples"],
        seed=seed,
        exclude=lambda state, z: ~cells_showing(layer, state, Bright(), [2]),
    )
    plain, sparing = (one for one in used if one.metadata.get("excluding", "").startswith("cells"))
    torch.testing.assert_close(
        sparing.second_moment, plain.second_moment + 4 * shown.second_moment, rtol=1e-4, atol=1e-7
    )


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
    assert judge.score(helped).goal < 1 and judge.score(helped).elsewhere > 0

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


def test_classes_are_read_off_the_masks(g: Generator, session: Session) -> None:
    with torch.no_grad():
        labels = Brightness().labels(g(sample_z(g, 16, 1)))

    def painted(sample: int, number: int) -> Selection:
        return Selection(
            sample=sample, mask=encode_mask((labels[sample] == number).float().numpy())
        )

    copied = Exemplar(object=painted(3, 2), paste=painted(5, 0))
    drawn = session.model_copy(
        update={"exemplars": (copied,), "context": (painted(2, 0), painted(0, 0))}
    )
    assert painted_classes(g, drawn, Brightness()) == (("dark",), ("bright",))
    same = Exemplar(object=painted(1, 0), paste=painted(0, 0))
    undecided = drawn.model_copy(update={"exemplars": (same,)})
    assert painted_classes(g, undecided, Brightness()) is None


def test_of_equals_the_simpler_and_more_careful_is_kept() -> None:
    score = Score(0.5)
    candidates = [
        Candidate((0, 1), 1.0, score, 9),
        Candidate((2,), 0.1, score, 9),
        Candidate((2,), 1.0, score, 9),
        Candidate((3,), 1.0, Score(0.4), 9),
    ]
    assert min(candidates, key=lambda one: one.order) is candidates[2]


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"tuning_sample": 5}, "tuning_sample: there is no such parameter"),
        ({"tuning_samples": 0}, "tuning_samples: .* not 0"),
        ({"candidate_exemplars": 2, "exemplars": 3}, "exemplars is 3"),
        ({"mu_grid": []}, "mu_grid"),
        ({"mu_grid": [-1]}, "mu_grid"),
    ],
)
def test_settings_are_checked(settings: dict, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        validated("palimpsest", settings, PalimpsestSettings)
    assert PalimpsestSettings(candidate_exemplars=2).exemplars == 6, "at most: two are tried"
    assert PalimpsestSettings(source="dark").source == ("dark",)


def test_a_session_is_judged_by_its_own_fields_whatever_it_is_called(
    g: Generator, session: Session, stats: KeyStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hat` is a drawing of the horse, which adds; a church session of that name need not."""
    assert DRAWINGS["hat"].adds and DRAWINGS["hat"].group == "horse"
    judges: list[LabelJudge] = []

    class Noted(LabelJudge):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            judges.append(self)

    monkeypatch.setattr(choosing, "LabelJudge", Noted)
    classes = {"name": "hat", "source": ("dark",), "targets": ("bright",)}
    replacing = session.model_copy(update=classes)
    adding = session.model_copy(update=classes | {"adds": True, "least": 3000.0})
    choices = [
        json.loads(choose(g, drawn, stats, Brightness(), **SMALL).metadata["choice"])
        for drawn in (replacing, adding)
    ]
    assert [(judge.adds, judge.least_added) for judge in judges] == [(False, 1), (True, 750)]
    assert [(choice["source"], choice["targets"]) for choice in choices] == [
        (["dark"], ["bright"])
    ] * 2
    assert choices[0]["excluding"] == "cells with or next to dark"
    assert choices[1]["excluding"] == "cells like hat", "the source stays"
    asked = choose(g, replacing, stats, Brightness(), targets="middle", **SMALL)
    assert json.loads(asked.metadata["choice"])["targets"] == ["middle"], "what is asked for counts"


def test_a_session_that_names_classes_of_another_segmenter_is_judged_by_its_masks(
    g: Generator, session: Session
) -> None:
    named = session.model_copy(update={"source": ("dark",), "targets": ("bright",)})
    assert session_classes(named, Brightness()) == (("dark",), ("bright",))
    assert session_classes(session, Brightness()) is None
    unknown = session.model_copy(update={"source": ("dark",), "targets": ("spire",)})
    assert session_classes(unknown, Brightness()) is None


def test_a_class_that_is_unknown_or_never_shows_is_told(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    with pytest.raises(ParameterError, match="no class 'dome'.*dark, middle, bright"):
        choose(g, session, stats, Brightness(), source="dome", targets=["dark"], **SMALL)

    class Blind(Brightness):
        def labels(self, images: Tensor) -> Tensor:
            return torch.full((len(images), *images.shape[2:]), 2)

    with pytest.raises(SessionError, match="show in 0 of"):
        choose(g, session, stats, Blind(), source="dark", targets=["bright"], **SMALL)


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
