"""Hard cells: which they are, that a direction turns away from them, and what a search keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators import sample_z
from palimpsest.generators.base import Generator, KeyState
from palimpsest.generators.picture_cells import within_picture
from palimpsest.memory import Edit, KeyStatistics, context_directions
from palimpsest.methods.choosing import choose as choosing
from palimpsest.methods.choosing import hard_cells as hard
from palimpsest.methods.choosing.choose import choose
from palimpsest.methods.choosing.hard_cells import finer, hard_cells, most_finer
from palimpsest.methods.choosing.judges import LabelJudge, Score
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.sessions import OpenSession, Session, open_session, rewrite
from tests.doubles.alias_free import small_stylegan3
from tests.doubles.brightness import Brightness
from tests.doubles.golden_session import SMALL_SEARCH, golden_session

SEARCH = {**SMALL_SEARCH, "source": "dark", "targets": ["middle", "bright"]}
ANEW = {**SEARCH, "hard_cells_weight": 1.0, "statistics_samples": 120}


@pytest.fixture(scope="module")
def session() -> Session:
    return golden_session()


@pytest.fixture(scope="module")
def opened(g: Generator, session: Session) -> OpenSession:
    return open_session(g, session)


@pytest.fixture(scope="module")
def edit(g: Generator, session: Session, stats: KeyStatistics) -> Edit:
    return rewrite(g, session, stats, exemplars=None, mu=0.1)


def left_half(state: KeyState) -> Tensor:
    cells = torch.zeros(len(state), *state.k.shape[2:], dtype=torch.bool)
    cells[:, :, : cells.shape[2] // 2] = True
    return cells


def test_they_should_stay_and_change_more_than_the_mean(
    g: Generator, opened: OpenSession, edit: Edit
) -> None:
    layer, z = opened.layer, sample_z(g, 24, 4)
    found = hard_cells(layer, layer.weight.detach() + edit.delta(), left_half, z)(layer.keys(z))
    rows, columns = found.shape[1:]
    with torch.no_grad():
        apart = (edit.apply(g)(z) - g(z)).abs().mean(dim=1)
    side = apart.shape[-1] // columns
    parts = apart.unflatten(2, (columns, side)).unflatten(1, (rows, side)).mean(dim=(2, 4))
    stays = parts[:, :, columns // 2 :]
    assert not found[:, :, : columns // 2].any()
    # rounding decides on cells next to the mean
    clear = (stays / stays.mean() - 1).abs() > 1e-3
    assert clear.float().mean() > 0.9
    assert found[:, :, columns // 2 :][clear].equal((stays > stays.mean())[clear])
    assert 0 < found.sum() < stays.numel() / 2


def test_they_do_not_depend_on_the_batch(
    g: Generator, opened: OpenSession, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, z = opened.layer, sample_z(g, 8, 4)
    weight = layer.weight.detach() + edit.delta()
    together = hard_cells(layer, weight, left_half, z)(layer.keys(z))
    monkeypatch.setattr(hard, "images_at_once", lambda resolution, at_128: 1)
    alone = hard_cells(layer, weight, left_half, z)
    apart = torch.cat([alone(layer.keys(one)) for one in z.split(1)])
    assert (apart != together).float().mean() < 0.01


def test_what_changes_nothing_has_none(g: Generator, opened: OpenSession) -> None:
    layer, z = opened.layer, sample_z(g, 4, 4)
    assert not hard_cells(layer, layer.weight.detach(), left_half, z)(layer.keys(z)).any()


def test_a_direction_turns_away_from_them(
    g: Generator, opened: OpenSession, edit: Edit, stats: KeyStatistics
) -> None:
    layer = opened.layer
    weight = layer.weight.detach() + edit.delta()
    found = hard_cells(layer, weight, left_half, sample_z(g, 24, 4))
    cells = KeyStatistics.collect(g, layer=6, n=40, seed=1, exclude=lambda state, z: ~found(state))

    def match_there(used: KeyStatistics) -> float:
        """Mean squared match of hard cells, as a share of that of the context."""
        keys, weights = opened.context_keys, opened.context_weights
        d = context_directions(keys, weights, used, 1)[0]
        own = (torch.einsum("bnhw,n->bhw", keys, d) ** 2 * weights).sum() / weights.sum()
        return float(d @ cells.second_moment.to(d) @ d / own)

    shares = [match_there(stats.with_more(cells, weight)) for weight in (0.0, 1.0, 5.0)]
    assert shares == sorted(shares, reverse=True) and shares[2] < 0.95 * shares[0]


@pytest.mark.parametrize(
    ("mu", "grid", "values"),
    [
        (3.0, (1.0, 3.0, 10.0, 30.0), [1.73, 3.0, 5.48]),
        (30.0, (1.0, 3.0, 10.0, 30.0), [17.3, 30.0, 52.0]),
        (1.0, (3.0, 1.0), [0.577, 1.0, 1.73]),
        (2.0, (2.0,), [2.0]),
        (0.0, (0.0, 1.0, 4.0), [0.0]),
        (1.0, (0.0, 1.0, 4.0), [0.5, 1.0, 2.0]),
        (1.0, (0.0, 1.0), [1.0]),
    ],
)
def test_finer_steps(mu: float, grid: tuple[float, ...], values: list[float]) -> None:
    assert finer(mu, grid) == values


@pytest.mark.parametrize("labels", [True, False])
def test_the_best_of_all_is_kept(
    g: Generator, session: Session, stats: KeyStatistics, labels: bool
) -> None:
    segmenter = Brightness() if labels else None
    own = {} if labels else {"source": None, "targets": None}
    before, after = (
        choose(g, session, stats, segmenter, **{**asked, **own})
        for asked in ({**ANEW, "hard_cells_weight": 0}, ANEW)
    )
    one, other = (json.loads(edit.metadata["choice"]) for edit in (before, after))
    assert "hard_cells" not in one and one["tried"] == other["tried"]
    told, best = other["hard_cells"], one["chosen"]
    mus = finer(best["mu"], SEARCH["mu_grid"])
    assert [tried["mu"] for tried in told["tried"]] == mus
    assert {tuple(tried["exemplars"]) for tried in told["tried"]} == {tuple(best["exemplars"])}
    values = [tried["value"] for tried in told["tried"]]
    if abs(max(values) - best["value"]) > 2e-5:  # values are told with five digits
        assert told["taken"] == (max(values) > best["value"])
    assert other["chosen"]["value"] == pytest.approx(max(*values, best["value"]), abs=2e-5)
    assert float(after.metadata["mu"]) == other["chosen"]["mu"]
    assert after.directions.equal(before.directions) != told["taken"]
    again = choose(g, session, stats, segmenter, **{**ANEW, **own})
    assert again.coefficients.equal(after.coefficients)
    assert json.loads(again.metadata["choice"]) == other


@pytest.mark.parametrize("better", [True, False])
def test_the_edit_is_that_of_the_statistics_that_won(
    g: Generator,
    session: Session,
    stats: KeyStatistics,
    monkeypatch: pytest.MonkeyPatch,
    better: bool,
) -> None:
    plain = choose(g, session, stats, Brightness(), **{**ANEW, "hard_cells_weight": 0})
    best = json.loads(plain.metadata["choice"])["chosen"]
    scores = iter(best["value"] + (0.01 if better else -0.01) * i for i in (1, 3, 2))
    weights: list[Tensor] = []

    def scored(self: LabelJudge, weight: Tensor, quick: bool = False) -> Score:
        weights.append(weight - self.layer.weight)
        return Score(next(scores))

    monkeypatch.setattr(LabelJudge, "score", scored)
    edit = choose(g, session, stats, Brightness(), **ANEW)
    wanted = weights[1] if better else plain.delta()
    torch.testing.assert_close(edit.delta(), wanted, atol=1e-6, rtol=1e-4)
    assert json.loads(edit.metadata["choice"])["hard_cells"]["taken"] == better


def searched(g: Generator, session: Session, stats: KeyStatistics, **more: Any) -> Any:
    """The edit, and the pairs that its progress told."""
    told: list[tuple[int, int]] = []
    labels = more.pop("segmenter", Brightness())
    settings = PalimpsestSettings(**{**ANEW, **more})
    edit = choosing.choose_with(
        g, session, stats, labels, settings, lambda *given: told.append(given)
    )
    done, totals = zip(*told, strict=True)
    assert list(done) == sorted(done)
    assert len(set(totals)) <= 2, "a group that is among the sets already drops out"
    assert told[-1] == (totals[-1], totals[-1])
    return edit, told


def test_too_few_of_them_leave_the_edit_as_it_is(
    g: Generator, session: Session, stats: KeyStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_a_map(*_: Any) -> Any:
        def cells(state: KeyState) -> Tensor:
            found = torch.zeros(len(state), *state.k.shape[2:], dtype=torch.bool)
            found[:, 0, 0] = True
            return found

        return cells

    plain, _ = searched(g, session, stats, hard_cells_weight=0)
    monkeypatch.setattr(choosing, "hard_cells", one_a_map)
    edit, _ = searched(g, session, stats)
    assert edit.delta().equal(plain.delta())
    told = json.loads(edit.metadata["choice"])["hard_cells"]
    assert not told["taken"] and told["tried"] == []
    assert "120 cells counted" in told["why"]


def test_progress_counts_them(g: Generator, session: Session, stats: KeyStatistics) -> None:
    _, told = searched(g, session, stats, refining_steps=16, refining_samples=4)
    left = {total - made for made, total in told}
    assert left >= {0, 1, 2, 3, 4, 5}, "three solved anew, and two for sixteen steps"


@pytest.mark.parametrize("grid", [(0.0, 1.0, 4.0), (1.0, 4.0, 0.0), (0.3,)])
def test_progress_reaches_its_end_whatever_the_grid(
    g: Generator, session: Session, stats: KeyStatistics, grid: tuple[float, ...]
) -> None:
    edit, _ = searched(
        *(g, session, stats), mu_grid=grid, segmenter=None, source=None, targets=None
    )
    tried = json.loads(edit.metadata["choice"])["hard_cells"]["tried"]
    assert len(tried) <= most_finer(grid) == (1 if len(grid) == 1 else 3)


def test_samples_that_judge_are_not_those_that_they_are_found_on(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    with pytest.raises(ParameterError, match="tuning_seed 1 is also the seed of the statistics"):
        choose(g, session, stats, Brightness(), **{**ANEW, "tuning_seed": 1})


def test_none_lies_beyond_the_picture_and_the_mean_is_of_the_picture() -> None:
    g = small_stylegan3()
    number = next(n for n in g.layers if g.layer(n).margin)
    layer, z = g.layer(number), sample_z(g, 6, 1)

    def nothing(state: KeyState) -> Tensor:
        return torch.zeros(len(state), *layer.key_shape, dtype=torch.bool)

    found = hard_cells(layer, 1.3 * layer.weight.detach(), nothing, z)(layer.keys(z))
    inside = within_picture(found, layer.margin)
    assert inside.sum() == found.sum() > 0
    assert 0.1 < inside.float().mean() < 0.6, "about half of all change more than the mean"
