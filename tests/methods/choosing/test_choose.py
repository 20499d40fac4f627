"""The choice among exemplars: what a judge sees, and that the best candidate is kept."""

from __future__ import annotations

import json
import math
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
from palimpsest.methods.choosing import changing
from palimpsest.methods.choosing import choose as choosing
from palimpsest.methods.choosing import judges as tuning
from palimpsest.methods.choosing import rounds as racing
from palimpsest.methods.choosing.choose import choose
from palimpsest.methods.choosing.classes import painted_classes, session_classes
from palimpsest.methods.choosing.judges import (
    Judge,
    Judgement,
    LabelJudge,
    Score,
    cells_showing,
)
from palimpsest.methods.choosing.rounds import Candidate, Rounds, hardest
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions import Exemplar, Selection, Session, open_session
from palimpsest.sessions.masks import encode_mask
from palimpsest.settings import validated
from tests.doubles.brightness import Brightness
from tests.doubles.golden_session import SMALL_SEARCH, golden_session


@pytest.fixture(scope="module")
def session() -> Session:
    return golden_session()


def test_without_labels_the_best_of_what_was_tried_is_kept(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    edit = choose(g, session, stats, **SMALL_SEARCH)
    choice = json.loads(edit.metadata["choice"])
    alone, later = choice["tried"][:3], choice["tried"][3:]
    assert all(len(tried["exemplars"]) == 1 for tried in alone)
    # groups that look alike, at the middle mu; then three alone, and two together, at every mu
    groups = list(takewhile(lambda tried: len(tried["exemplars"]) > 1, later))
    full = later[len(groups) :]
    assert len(full) in ((3 + 1) * 2, (3 + 2) * 2)
    in_full = [tried["value"] for tried in full if tried["samples"] == 6]
    assert choice["chosen"]["value"] == max(in_full)
    assert edit.metadata["exemplars"] == ",".join(map(str, choice["chosen"]["exemplars"]))
    assert float(edit.metadata["mu"]) == choice["chosen"]["mu"]
    assert (choice["judge"], choice["tuning_samples"], choice["tuning_seed"]) == ("values", 6, 2)
    assert edit.coefficients.shape[1] == 1 and edit.directions.shape == (1, 48)

    again = choose(g, session, stats, **SMALL_SEARCH)
    assert again.coefficients.equal(edit.coefficients)
    assert json.loads(again.metadata["choice"]) == choice


def judged_by(labels: bool) -> tuple[Brightness | None, dict[str, Any]]:
    """The segmenter of a search, if it is judged by labels, and the classes that it names."""
    by = {"source": "dark", "targets": ["middle", "bright"]}
    return (Brightness(), by) if labels else (None, {})


@pytest.mark.parametrize("labels", [True, False])
def test_candidates_that_cannot_win_are_left_early_and_the_edit_is_the_same(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    labels: bool,
) -> None:
    judge = "LabelJudge" if labels else "ValueJudge"
    segmenter, by = judged_by(labels)
    asked = {**SMALL_SEARCH, "tuning_samples": 48, "mu_grid": [0.03, 300.0], **by}
    monkeypatch.setattr(tuning, "BATCH", 8)

    early = choose(g, session, stats, segmenter, **asked)
    monkeypatch.setattr(getattr(tuning, judge), "bound", lambda self, judgement: math.inf)
    in_full = choose(g, session, stats, segmenter, **asked)
    assert early.coefficients.equal(in_full.coefficients)
    chosen, judged = [], []
    for edit in (early, in_full):
        choice = json.loads(edit.metadata["choice"])
        chosen.append(choice["chosen"])
        judged.append([tried["samples"] for tried in choice["tried"]])
    assert chosen[0] == chosen[1] and chosen[0]["samples"] == 48
    assert sum(judged[0]) < sum(judged[1])


@pytest.mark.parametrize("labels", [True, False])
def test_the_order_of_the_samples_changes_neither_the_edit_nor_its_score(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    labels: bool,
) -> None:
    segmenter, by = judged_by(labels)
    asked = {**SMALL_SEARCH, "tuning_samples": 24, **by}
    monkeypatch.setattr(tuning, "BATCH", 4)

    def searched(order: Any) -> tuple[Tensor, Any]:
        monkeypatch.setattr(racing, "hardest", order)
        edit = choose(g, session, stats, segmenter, **asked)
        return edit.coefficients, json.loads(edit.metadata["choice"])["chosen"]

    edit, chosen = searched(hardest)
    exemplars = chosen.pop("exemplars")
    for other in (
        lambda lost, times, judged: (~judged).nonzero().flatten(),
        lambda lost, times, judged: hardest(lost, times, judged).flip(0),
    ):
        same, same_chosen = searched(other)
        assert same.equal(edit)
        assert same_chosen.pop("exemplars") == exemplars
        assert same_chosen == pytest.approx(chosen, abs=2e-5)


def test_the_hardest_samples_that_are_left_come_first() -> None:
    lost = torch.tensor([2.0, 6.0, 0.0, 3.0, 1.0])
    times = torch.tensor([2.0, 2.0, 0.0, 1.0, 1.0])
    judged = torch.tensor([False, False, False, True, False])
    # mean losses 1, 3, unknown (the mean of all: 2), judged, 1; of equals the first comes first
    assert hardest(lost, times, judged).tolist() == [1, 2, 0, 4]
    nobody = torch.zeros(5)
    assert hardest(nobody, nobody, ~judged).tolist() == [3]
    assert hardest(nobody, nobody, torch.zeros(5, dtype=torch.bool)).tolist() == [0, 1, 2, 3, 4]


class Losing(Judge):
    """Weights that differ by a number, which says how much they lose on the hard samples."""

    n, quick, at_once, columns = 12, 6, 2, 1

    def __init__(self) -> None:
        self.weights, self.seen = torch.zeros(12), 0
        self.weights[[3, 5, 9, 11]] = 1.0 / 4

    def score_of(self, judgement: Judgement) -> Score:
        part = self.weights[judgement.judged].sum().clamp_min(1e-9)
        return Score(1 - float(judgement.counts[judgement.judged].sum() / part))

    def highest(self, judgement: Judgement) -> float:
        return 1.0

    def losses(self, judgement: Judgement) -> Tensor:
        return judgement.counts[:, 0]

    def _counts(self, weight: Tensor, numbers: Tensor) -> Tensor:
        self.seen += len(numbers)
        return (weight * self.weights[numbers])[:, None].double()


def test_hard_samples_first_need_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    def raced(order: Any) -> tuple[float, int]:
        monkeypatch.setattr(racing, "hardest", order)
        judge = Losing()
        rounds = Rounds.__new__(Rounds)
        rounds.judge, rounds.tried, rounds.total = judge, [], 8
        rounds.progress = lambda done, total: told.append((done, total))
        rounds.lost, rounds.times = torch.zeros(2, judge.n, dtype=torch.float64)
        rounds.weight_of = lambda coefficients: coefficients  # type: ignore[method-assign]
        runners = [
            racing._Runner((i,), 1.0, torch.tensor(0.2 + 0.1 * i), judge.begin(Tensor()))
            for i in range(8)
        ]
        return rounds._race(runners).score.value, judge.seen

    told: list[tuple[int, int]] = []
    hard, first = raced(hardest)
    assert told[-1] == (8, 8) and [done for done, _ in told] == sorted(done for done, _ in told)
    plain, later = raced(lambda lost, times, judged: (~judged).nonzero().flatten())
    assert hard == plain == pytest.approx(0.8)
    assert first < later


def test_the_edit_is_along_a_direction_that_leaves_out_what_changes(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    opened = open_session(g, session, 6)
    with_all = context_directions(opened.context_keys, opened.context_weights, stats, 1)
    edit = choose(g, session, stats, **SMALL_SEARCH)
    assert (edit.directions @ with_all.T).abs().item() < 0.9999


def test_with_labels_source_and_targets_are_those_asked_for(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    edit = choose(
        g, session, stats, Brightness(), source="dark", targets=["middle", "bright"], **SMALL_SEARCH
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

    asked = {"source": "dark", "targets": "bright", **SMALL_SEARCH}
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
    asked = {"source": "dark", "targets": "bright", **SMALL_SEARCH}
    edits = [
        choose(g, session, stats, Bright(), target_weight=weight, **asked) for weight in (0.0, 4.0)
    ]
    told = [json.loads(edit.metadata["choice"]) for edit in edits]
    assert [one.get("target_weight") for one in told] == [None, 4.0]

    layer, seed = g.layer(6), int(stats.metadata["seed"])
    shown = KeyStatistics.collect(
        g,
        layer=6,
        n=SMALL_SEARCH["statistics_samples"],
        seed=seed,
        exclude=lambda state, z: ~cells_showing(layer, state, Bright(), [2]),
    )
    of_cells = [one for one in used if one.metadata.get("excluding", "").startswith("cells")]
    plain, sparing = {id(one): one for one in of_cells}.values()
    torch.testing.assert_close(
        sparing.second_moment, plain.second_moment + 4 * shown.second_moment, rtol=1e-4, atol=1e-7
    )


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

    monkeypatch.setattr(changing, "LabelJudge", Noted)
    classes = {"name": "hat", "source": ("dark",), "targets": ("bright",)}
    replacing = session.model_copy(update=classes)
    adding = session.model_copy(update=classes | {"adds": True, "least": 3000.0})
    choices = [
        json.loads(choose(g, drawn, stats, Brightness(), **SMALL_SEARCH).metadata["choice"])
        for drawn in (replacing, adding)
    ]
    assert [(judge.adds, judge.least_added) for judge in judges] == [(False, 1), (True, 750)]
    assert [(choice["source"], choice["targets"]) for choice in choices] == [
        (["dark"], ["bright"])
    ] * 2
    assert choices[0]["excluding"] == "cells with or next to dark"
    assert choices[1]["excluding"] == "cells like hat", "the source stays"
    asked = choose(g, replacing, stats, Brightness(), targets="middle", **SMALL_SEARCH)
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
        choose(g, session, stats, Brightness(), source="dome", targets=["dark"], **SMALL_SEARCH)

    class Blind(Brightness):
        def labels(self, images: Tensor) -> Tensor:
            return torch.full((len(images), *images.shape[2:]), 2)

    with pytest.raises(SessionError, match="show in 0 of"):
        choose(g, session, stats, Blind(), source="dark", targets=["bright"], **SMALL_SEARCH)
