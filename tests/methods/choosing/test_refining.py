"""The descent in images at the end of a search: what it wants, and that the better edit is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import sample_z
from palimpsest.generators.base import Generator, KeyState
from palimpsest.memory import Edit, KeyStatistics, pose
from palimpsest.memory.goals import Goal, goal_arguments
from palimpsest.memory.image_goals import ImageGoals
from palimpsest.memory.problem import rank_change
from palimpsest.methods.choosing import choose as choosing
from palimpsest.methods.choosing import refining
from palimpsest.methods.choosing.choose import choose
from palimpsest.methods.choosing.judges import LabelJudge, Score
from palimpsest.methods.choosing.refining import (
    descents,
    measured_again,
    other_images,
    pasted_images,
    refined,
)
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions import OpenSession, Session, open_session, rewrite
from tests.doubles.brightness import Brightness
from tests.doubles.golden_session import SMALL_SEARCH, golden_session

SEARCH = {**SMALL_SEARCH, "source": "dark", "targets": ["middle", "bright"]}
HOW = PalimpsestSettings(refining_steps=40, refining_samples=12)


@pytest.fixture(scope="module")
def session() -> Session:
    return golden_session()


@pytest.fixture(scope="module")
def whole(g: Generator, session: Session) -> OpenSession:
    return open_session(g, session, tight=False)


@pytest.fixture(scope="module")
def edit(g: Generator, session: Session, stats: KeyStatistics) -> Edit:
    return rewrite(g, session, stats, exemplars=None, mu=1.0)


def upper_half(state: KeyState) -> Tensor:
    cells = torch.zeros(len(state), *state.k.shape[2:], dtype=torch.bool)
    cells[:, : cells.shape[1] // 2] = True
    return cells


def test_goals_of_whole_maps_differ_from_the_layers_values_where_something_is_pasted(
    g: Generator, session: Session, whole: OpenSession
) -> None:
    tight = open_session(g, session)
    for goal, cut, exemplar in zip(whole.goals, tight.goals, session.exemplars, strict=True):
        z = sample_z(g, exemplar.paste.sample + 1, session.seed)[exemplar.paste.sample :]
        values = whole.layer.values(whole.layer.keys(z)).v
        assert goal.target.shape == values.shape and goal.weights is None
        pasted = (goal.target != values).any(dim=1)
        assert cut.weights is not None
        assert 0 < pasted.sum() <= (cut.weights > 0).sum()


def test_an_exemplar_is_to_look_as_pasted_and_its_place_counts_more(whole: OpenSession) -> None:
    wanted = pasted_images(whole, place_weight=4.0)
    assert len(wanted) == len(whole.goals) == len(wanted.images)
    assert wanted.weights.unique().tolist() == [1.0, 5.0]
    for i, goal in enumerate(whole.goals):
        values = whole.layer.values(goal.state)
        drawn = whole.layer.render(values.replace(goal.target))[0]
        torch.testing.assert_close(wanted.images[i], drawn)
        place = wanted.weights[i, 0] == 5.0
        moved = (drawn - whole.layer.render(values)[0]).abs().mean(dim=0)
        assert moved[place].mean() > 5 * moved[~place].mean()


def test_other_samples_follow_the_edit_in_cells_that_may_change_and_else_stay(
    g: Generator, whole: OpenSession, edit: Edit
) -> None:
    layer, z = whole.layer, sample_z(g, 6, 9)
    weight = layer.weight.detach() + rank_change(edit.coefficients, edit.directions)
    wanted = other_images(layer, weight, z, upper_half).images
    before, after = g(z), edit.apply(g)(z)
    half = before.shape[2] // 2
    torch.testing.assert_close(wanted[:, :, :half], after[:, :, :half], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(wanted[:, :, half:], before[:, :, half:], atol=1e-5, rtol=1e-5)


def mean_error(wanted: ImageGoals, whole: OpenSession, edit: Edit) -> float:
    weight = whole.layer.weight.detach() + edit.delta()
    return float(wanted.error(whole.layer, weight, list(range(len(wanted)))))


@pytest.fixture(scope="module", params=[1, 3])
def of_rank(
    g: Generator, session: Session, stats: KeyStatistics, request: pytest.FixtureRequest
) -> Edit:
    ranked = session.model_copy(update={"rank": request.param})
    return rewrite(g, ranked, stats, exemplars=None, mu=1.0)


def test_the_descent_comes_nearer_to_what_it_wants_and_is_the_same_again(
    g: Generator, whole: OpenSession, of_rank: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    found = refined(whole, of_rank, upper_half, 1, HOW, steps.append)
    assert steps == list(range(1, 41))
    weight = whole.layer.weight.detach() + of_rank.delta()
    pasted = pasted_images(whole, HOW.place_weight)
    others = other_images(whole.layer, weight, sample_z(g, 12, 1), upper_half)

    def objective(edit: Edit) -> float:
        place, rest = (mean_error(one, whole, edit) for one in (pasted, others))
        return place + HOW.others_weight * rest

    assert objective(found) < 0.985 * objective(of_rank)
    if of_rank.rank > 1:
        monkeypatch.setattr(refining, "DIRECTIONS_RATE", 0.0)
        assert objective(found) < objective(refined(whole, of_rank, upper_half, 1, HOW))
        monkeypatch.undo()
    again = refined(whole, of_rank, upper_half, 1, HOW)
    assert again.directions.equal(found.directions)
    assert again.coefficients.equal(found.coefficients)
    assert found.metadata == of_rank.metadata


def test_one_direction_stays_and_several_move_and_stay_orthonormal(
    whole: OpenSession, of_rank: Edit
) -> None:
    given = of_rank.directions.clone(), of_rank.coefficients.clone()
    found = refined(whole, of_rank, upper_half, 1, HOW).directions
    assert of_rank.directions.equal(given[0]) and of_rank.coefficients.equal(given[1])
    assert found.equal(given[0]) == (of_rank.rank == 1)
    torch.testing.assert_close(found @ found.T, torch.eye(of_rank.rank), atol=1e-5, rtol=0)
    assert ((found * given[0]).sum(dim=1) > 0.5).all()


def test_what_is_measured_again_is_that_of_the_new_coefficients(
    g: Generator, session: Session, stats: KeyStatistics, edit: Edit
) -> None:
    opened = open_session(g, session)
    half = replace(edit, coefficients=edit.coefficients / 2)
    halved = measured_again(half, opened, range(3), stats)
    problem = pose(opened.layer, **goal_arguments(opened.goals), directions=edit.directions)
    loss = float(problem.loss(problem.weight_of(edit.coefficients / 2)))
    assert float(halved.metadata["loss_after"]) == pytest.approx(loss, rel=1e-4)
    assert float(halved.metadata["change"]) == pytest.approx(
        float(edit.metadata["change"]) / 4, rel=1e-4
    )
    assert halved.directions.equal(edit.directions)
    kept = set(edit.metadata) - {"loss_after", "change", "relative_change"}
    assert {name: halved.metadata[name] for name in kept} == {
        name: edit.metadata[name] for name in kept
    }


@pytest.mark.parametrize("better", [True, False])
def test_the_better_of_both_edits_is_kept(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    better: bool,
) -> None:
    plain = choose(g, session, stats, Brightness(), **SEARCH)
    best = json.loads(plain.metadata["choice"])["chosen"]
    value = best["value"] + (0.1 if better else -0.1)

    def scored(self: LabelJudge, weight: Tensor, quick: bool = False) -> Score:
        return Score(value)

    monkeypatch.setattr(LabelJudge, "score", scored)
    asked = {**SEARCH, "refining_steps": 3, "refining_samples": 8}
    edit = choose(g, session, stats, Brightness(), **asked)
    choice = json.loads(edit.metadata["choice"])
    assert choice["refined"] == {
        "taken": better,
        "tried": [
            {
                "strength": 1.0,
                "exemplars": best["exemplars"],
                "value": pytest.approx(value, abs=1e-4),
            }
        ],
    }
    assert choice["chosen"]["exemplars"] == best["exemplars"]
    assert choice["chosen"]["value"] == pytest.approx(value if better else best["value"], abs=1e-4)
    assert edit.directions.equal(plain.directions)
    assert edit.coefficients.equal(plain.coefficients) != better


def test_its_score_is_on_all_tuning_samples(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    asked = {**SEARCH, "refining_steps": 3, "refining_samples": 8}
    choice = json.loads(choose(g, session, stats, Brightness(), **asked).metadata["choice"])
    (told,) = choice["refined"]["tried"]
    about = {"strength", "exemplars", "mu", "samples"}
    assert told.keys() - about == choice["chosen"].keys() - about
    del told["strength"], told["exemplars"]
    if choice["refined"]["taken"]:
        assert choice["chosen"].items() >= told.items()


def searched_with_strengths(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    strengths: tuple[float, ...],
) -> tuple[list[Tensor], Edit]:
    """The changes of the weight that were scored, the second one best, and the edit found."""
    changes: list[Tensor] = []

    def scored(self: LabelJudge, weight: Tensor, quick: bool = False) -> Score:
        assert not quick
        changes.append(weight - self.layer.weight)
        return Score({1: 2.0, 2: 4.0, 3: 3.0}.get(len(changes), 1.0))

    monkeypatch.setattr(LabelJudge, "score", scored)
    asked = {**SEARCH, "refining_steps": 3, "refining_strengths": strengths}
    return changes, choose(g, session, stats, Brightness(), **asked)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_best_strength_is_kept(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    rank: int,
) -> None:
    ranked = session.model_copy(update={"rank": rank})
    plain = choose(g, ranked, stats, Brightness(), **SEARCH)
    changes, edit = searched_with_strengths(g, ranked, stats, monkeypatch, (1.0, 1.5, 2.0))
    assert len(changes) == (3 if rank == 1 else 6)  # the second descent scores lower
    for change, strength in zip(changes[:3], (1.0, 1.5, 2.0), strict=True):
        torch.testing.assert_close(change, strength * changes[0], atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(edit.delta(), changes[1], atol=1e-6, rtol=1e-4)
    assert edit.directions.equal(plain.directions) == (rank == 1)
    assert json.loads(edit.metadata["choice"])["refined"]["tried"][0]["strength"] == 1.5


ALL = (0, 1, 2)


@pytest.mark.parametrize(
    ("rank", "solved_for", "found"),
    [(1, (1,), [(1,)]), (3, (1,), [(1,), ALL]), (3, (2, 0, 1), [(2, 0, 1)]), (1, ALL, [ALL])],
)
def test_edits_of_several_directions_descend_at_all_exemplars_too(
    rank: int, solved_for: tuple[int, ...], found: list[tuple[int, ...]]
) -> None:
    assert descents(rank, solved_for, ALL) == found


@pytest.mark.parametrize("all_better", [True, False])
def test_the_descent_that_scores_better_is_kept(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    all_better: bool,
) -> None:
    ranked = session.model_copy(update={"rank": 3})
    plain = choose(g, ranked, stats, Brightness(), **{**SEARCH, "exemplars": 1})
    chosen = json.loads(plain.metadata["choice"])["chosen"]["exemplars"]
    seen: list[int] = []

    def descended(opened: OpenSession, edit: Edit, *_: Any) -> Edit:
        seen.append(len(opened.goals))
        return replace(edit, coefficients=(1 + len(seen)) * edit.coefficients)

    monkeypatch.setattr(choosing, "refined", descended)
    scores = iter([50.0, 60.0] if all_better else [60.0, 50.0])
    monkeypatch.setattr(LabelJudge, "score", lambda *_: Score(next(scores)))
    asked = {**SEARCH, "exemplars": 1, "refining_steps": 3, "refining_strengths": (1.0,)}
    edit = choose(g, ranked, stats, Brightness(), **asked)
    told = json.loads(edit.metadata["choice"])
    assert seen == [1, 3]
    tried = [(one["exemplars"], one["value"]) for one in told["refined"]["tried"]]
    values = (50.0, 60.0) if all_better else (60.0, 50.0)
    assert tried == list(zip((chosen, [0, 1, 2]), values, strict=True))
    assert told["chosen"]["exemplars"] == chosen and told["chosen"]["value"] == 60.0
    times = 3 if all_better else 2
    torch.testing.assert_close(edit.delta(), times * plain.delta(), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    ("asked", "scored", "best"),
    [((1.0, 1.2, 1.4), (1.0, 1.2), 1.2), ((1.5, 2.0), (1.0,), 1.0)],
)
def test_what_a_session_adds_is_not_made_much_stronger(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    asked: tuple[float, ...],
    scored: tuple[float, ...],
    best: float,
) -> None:
    adding = session.model_copy(update={"adds": True})
    changes, edit = searched_with_strengths(g, adding, stats, monkeypatch, asked)
    assert json.loads(edit.metadata["choice"])["refined"]["tried"][0]["strength"] == best
    for change, strength in zip(changes, scored, strict=True):
        torch.testing.assert_close(change, strength / best * edit.delta(), atol=1e-6, rtol=1e-4)


def test_a_descent_that_does_not_stay_finite_changes_nothing(
    whole: OpenSession, of_rank: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refining, "RATE", float("inf"))
    assert refined(whole, of_rank, upper_half, 1, HOW) is of_rank


def test_samples_that_judge_are_not_those_that_it_descends_on(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    asked = {**SEARCH, "refining_steps": 1, "tuning_seed": 1}
    with pytest.raises(ParameterError, match="tuning_seed 1 is also the seed of the statistics"):
        choose(g, session, stats, Brightness(), **asked)


def test_large_images_go_one_after_another_to_the_same_end(
    whole: OpenSession, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = HOW.model_copy(update={"refining_steps": 3})
    together = refined(whole, edit, upper_half, 1, how)
    monkeypatch.setattr(refining, "images_at_once", lambda resolution, at_128: 1)
    alone = refined(whole, edit, upper_half, 1, how)
    moved = (together.delta() - edit.delta()).abs().max()
    assert (alone.delta() - together.delta()).abs().max() < 0.05 * moved


def test_values_that_differ_by_rounding_are_not_taken_for_pasted(whole: OpenSession) -> None:
    noise = torch.Generator().manual_seed(0)

    def rounded(goal: Goal) -> Goal:
        error = 1e-7 * torch.randn(goal.target.shape, generator=noise)
        return replace(goal, target=goal.target + error * goal.target.abs().max())

    moved = replace(whole, goals=tuple(map(rounded, whole.goals)))
    exact, found = (pasted_images(one, 4.0).weights for one in (whole, moved))
    assert found.equal(exact)


def test_images_are_judged_by_labels_only(
    g: Generator, session: Session, stats: KeyStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "refined", lambda *_: pytest.fail("refined"))
    edit = choose(g, session, stats, **{**SMALL_SEARCH, "refining_steps": 3})
    assert "refined" not in json.loads(edit.metadata["choice"])


@pytest.mark.parametrize(("rank", "exemplars"), [(1, 3), (3, 3), (3, 1)])
def test_progress_counts_the_descent(
    g: Generator, session: Session, stats: KeyStatistics, rank: int, exemplars: int
) -> None:
    session = session.model_copy(update={"rank": rank})
    told: list[tuple[int, int]] = []
    asked: dict[str, Any] = {**SEARCH, "refining_steps": 20, "refining_samples": 4}
    asked |= {"candidate_exemplars": exemplars, "exemplars": 1}
    settings = PalimpsestSettings(**asked)
    choosing.choose_with(
        g, session, stats, Brightness(), settings, lambda *given: told.append(given)
    )
    done, totals = zip(*told, strict=True)
    assert list(done) == sorted(done)
    assert told[-1] == (totals[-1], totals[-1])
    if exemplars == 1:  # one descent is all that is counted, so its last step is the end
        assert done[-2] == totals[-1] - 1
    assert len({total - made for made, total in told[-21:]}) > 2
