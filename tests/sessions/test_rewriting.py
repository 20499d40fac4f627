"""From a session to an edit: as the original does it, and as this project does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from palimpsest.errors import ParameterError, SessionError, StatisticsError
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.base import Generator
from palimpsest.memory import KeyStatistics, context_directions, removal_goal, unit_order
from palimpsest.methods.registry import edit_by, names_of
from palimpsest.sessions import Session, open_session, rewrite
from palimpsest.sessions.masks import encode_mask
from tests.doubles.bounds import same_picture

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = [("sg2", 6), ("sg2", 7), ("pg", 6)]


def generator_of(kind: str) -> Generator:
    truncation = {"truncation": 0.5} if kind == "sg2" else {}
    return load_generator(GOLDEN / f"{kind}_checkpoint.safetensors", **truncation)


@pytest.fixture(scope="module")
def generators() -> dict[str, Generator]:
    return {kind: generator_of(kind) for kind in ("sg2", "pg")}


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {kind: Session.load(GOLDEN / f"{kind}_session.json") for kind in ("sg2", "pg")}


@pytest.fixture(scope="module")
def stats(generators: dict[str, Generator]) -> KeyStatistics:
    return KeyStatistics.collect(generators["sg2"], layer=6, n=60, seed=1)


@pytest.mark.parametrize("kind, layer", CASES)
def test_goal_and_directions_are_those_of_the_original(
    kind: str, layer: int, generators: dict[str, Generator], sessions: dict[str, Session]
) -> None:
    golden = load_file(GOLDEN / f"{kind}_algo_layer{layer}.safetensors")
    opened = open_session(generators[kind], sessions[kind], layer, compat=True)
    (goal,) = opened.goals
    torch.testing.assert_close(goal.state.k, golden["goal_in"], atol=5e-5, rtol=1e-4)
    torch.testing.assert_close(goal.target, golden["goal_out"], atol=5e-5, rtol=1e-4)
    assert goal.weights is None
    for i in range(len(sessions[kind].context)):
        assert opened.context_weights[i].equal(golden[f"area_k.key{i}"])
    moment = KeyStatistics(second_moment=golden["C"], count=25600)
    for rank in (1, 3):
        found = context_directions(opened.context_keys, opened.context_weights, moment, rank)
        torch.testing.assert_close(found, golden[f"dir_zca_rank{rank}"], atol=1e-4, rtol=0)


def test_the_originals_edit_comes_out_of_the_originals_session() -> None:
    """The whole route at its own setting: 31 steps, projected gradient, low-rank gradient."""
    golden = load_file(GOLDEN / "pg_algo_layer6.safetensors")
    g = generator_of("pg")
    session = Session.load(GOLDEN / "pg_session.json")
    moment = KeyStatistics(second_moment=golden["C"], count=25600, metadata={"layer": "6"})
    edit = rewrite(
        g,
        session,
        moment,
        "projected_gradient",
        compat=True,
        iterations=31,
        learning_rate=0.05,
        project_every=10,
        low_rank_gradient=True,
    )
    wanted = golden["edit_lowrankgrad_31.W"]
    z = sample_z(g, 8)[[5, 7]]
    assert same_picture(edit.apply(g)(z), g.with_weight(6, wanted)(z))
    assert not same_picture(g(z), g.with_weight(6, wanted)(z))


def test_only_the_asked_for_context_is_used(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    g, session = generators["sg2"], sessions["sg2"]
    one = rewrite(g, session, stats, mu=0.1, context=(1,))
    opened = open_session(g, session, 6)
    alone = context_directions(opened.context_keys[1:2], opened.context_weights[1:2], stats, 1)
    torch.testing.assert_close(one.directions, alone)
    together = rewrite(g, session, stats, mu=0.1)
    assert (one.directions @ together.directions.T).abs().item() < 0.999


def test_keys_have_their_place_in_the_full_image(
    generators: dict[str, Generator], sessions: dict[str, Session]
) -> None:
    """By default a ring of weightless cells is kept around the cut, so that values are exact."""
    opened = open_session(generators["sg2"], sessions["sg2"], 6)
    (goal,) = opened.goals
    assert goal.weights is not None and set(goal.weights.unique().tolist()) == {0.0, 1.0}
    sample = sessions["sg2"].exemplars[0].paste.sample
    z = sample_z(generators["sg2"], sample + 1, 1)[sample:]
    with torch.no_grad():
        full = opened.layer.values(opened.layer.keys(z)).v
        cut = opened.layer.values(goal.state).v
    top, left, bottom, right = goal.state.window
    inner = goal.weights[0] > 0
    there = full[0, :, top:bottom, left:right]
    torch.testing.assert_close(cut[0][:, inner], there[:, inner], atol=1e-5, rtol=1e-4)
    assert (cut[0] - there).abs().max() > 1e-2, "at the rim itself the cut is felt"


def test_several_exemplars_make_one_edit_of_the_sessions_rank(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    g, drawn = generators["sg2"], sessions["sg2"]
    first = drawn.exemplars[0]
    second = first.model_copy(update={"paste": first.paste.model_copy(update={"sample": 11})})
    both = drawn.model_copy(update={"exemplars": (first, second), "layer": 6})
    edits = {
        places: rewrite(g, both, stats, mu=0.01, exemplars=places) for places in [(0,), (0, 1)]
    }
    edits[None] = rewrite(g, both, stats, mu=0.01, exemplars=None)
    assert edits[None].coefficients.equal(edits[0, 1].coefficients)
    assert edits[0, 1].coefficients.shape[1] == 1
    goals = open_session(g, both, 6).goals

    def losses(places: tuple[int, ...]) -> list[float]:
        layer = edits[places].apply(g).layer(6)
        return [
            float(((layer.values(x.state).v - x.target).abs() * x.weights[:, None]).sum())
            for x in goals
        ]

    assert losses((0,))[0] < losses((0, 1))[0], "alone it fits its own goal best"
    assert losses((0, 1))[1] < losses((0,))[1], "together they fit the second better"


@pytest.mark.parametrize("method", [name for name in names_of("edit") if name != "palimpsest"])
def test_every_method_lowers_the_goal_loss_and_notes_what_it_did(
    method: str,
    generators: dict[str, Generator],
    sessions: dict[str, Session],
    stats: KeyStatistics,
) -> None:
    g = generators["sg2"]
    settings = {
        "newton": {"mu": 0.03, "iterations": 20, "rank": None},
        "direct_lambda": {"learning_rate": 0.05, "iterations": 60},
    }.get(method, {"learning_rate": 0.01, "iterations": 41, "project_every": 1})
    edit = edit_by(method, g, sessions["sg2"], stats, **settings)
    about = edit.metadata
    assert float(about["loss_after"]) < float(about["loss_before"])
    assert (about["method"], about["session"], about["rank"]) == (method, "sg2_session", "1")
    assert about["weights_sha256"] == g.weights_sha256 and float(about["seconds"]) > 0
    z = sample_z(g, 6, 1)[5:]
    with torch.no_grad():
        assert (edit.apply(g)(z) - g(z)).abs().mean() > 1e-3


def test_a_method_can_use_several_exemplars_in_one_edit(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    g, one = generators["sg2"], sessions["sg2"]
    exemplar = one.exemplars[0]
    other = exemplar.model_copy(
        update={"paste": exemplar.paste.model_copy(update={"sample": exemplar.paste.sample + 1})}
    )
    session = one.model_copy(update={"exemplars": (exemplar, other)})
    settings = {"mu": 0.03, "iterations": 20}
    both = edit_by("newton", g, session, stats, exemplars=2, **settings)
    expected = rewrite(g, session, stats, exemplars=None, **settings)
    assert torch.equal(both.coefficients, expected.coefficients)
    assert both.metadata["exemplars"] == "0,1"
    alone = edit_by("newton", g, session, stats, **settings)
    assert alone.metadata["exemplars"] == "0"
    assert not torch.equal(alone.coefficients, both.coefficients)
    with pytest.raises(SessionError, match="there is no number 2"):
        edit_by("newton", g, session, stats, exemplars=3, **settings)


def test_the_rank_can_be_another_than_the_sessions(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    assert rewrite(generators["sg2"], sessions["sg2"], stats, rank=3).rank == 3


@pytest.mark.parametrize(
    "settings, error, reason",
    [
        ({"layer_": 1}, ParameterError, "layer_"),
        ({"solver": "magic"}, ParameterError, "magic"),
        ({"exemplars": (1,)}, SessionError, "exemplars: there is no number 1"),
        ({"context": (4,)}, SessionError, "context: there is no number 4"),
        ({"rank": 10_000}, SessionError, "rank: 10000 is above"),
    ],
)
def test_what_cannot_be_done_is_told(
    generators: dict[str, Generator],
    sessions: dict[str, Session],
    stats: KeyStatistics,
    settings: dict,
    error: type,
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        rewrite(generators["sg2"], sessions["sg2"], stats, **settings)


def test_statistics_of_something_else_are_refused(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    g, session = generators["sg2"], sessions["sg2"]
    with pytest.raises(StatisticsError, match="layer = 6.*have 7"):
        rewrite(g, session.model_copy(update={"layer": 7}), stats)
    truncated = load_generator(GOLDEN / "sg2_checkpoint.safetensors", truncation=0.7)
    with pytest.raises(StatisticsError, match="truncation = 0.5.*0.7"):
        rewrite(truncated, session, stats)
    other = KeyStatistics(stats.second_moment, stats.count, metadata={"weights_sha256": "0" * 64})
    with pytest.raises(StatisticsError, match="weights_sha256"):
        rewrite(g, session.model_copy(update={"layer": 6}), other)
    bare = KeyStatistics(torch.eye(5), 100)
    with pytest.raises(StatisticsError, match="5 units"):
        rewrite(g, session.model_copy(update={"layer": 6}), bare)


def test_a_session_for_a_layer_that_is_not_there_is_told(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    with pytest.raises(SessionError, match="no layer 40"):
        rewrite(generators["sg2"], sessions["sg2"].model_copy(update={"layer": 40}), stats)


def erasing(session: Session, count: int) -> Session:
    marks = tuple(one.model_copy(update={"object": one.paste}) for one in session.exemplars)
    return session.model_copy(update={"erase": count, "exemplars": marks})


def test_the_goal_of_erasing_is_the_place_without_the_units_most_specific_to_the_context(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    g = generators["sg2"]
    session = erasing(sessions["sg2"], 5)
    opened = open_session(g, session, 6, stats=stats)
    order = unit_order(opened.context_keys, opened.context_weights, stats)
    assert list(opened.silent) == order[:5].tolist()
    (goal,) = opened.goals
    layer, paste = opened.layer, session.exemplars[0].paste
    keys = layer.keys(sample_z(g, paste.sample + 1)[-1:])
    without = removal_goal(layer, keys, opened.silent).target
    share = paste.area((layer.value_size,) * 2)
    wanted = (1 - share) * layer.values(keys).v + share * without
    top, left, bottom, right = (layer.upsampling * edge for edge in goal.state.window)
    torch.testing.assert_close(goal.target, wanted[:, :, top:bottom, left:right])
    edit = rewrite(g, session, stats)
    assert edit.metadata["silent"] == ",".join(map(str, opened.silent))
    assert float(edit.metadata["loss_after"]) < float(edit.metadata["loss_before"])
    with pytest.raises(SessionError, match="only with key statistics"):
        open_session(g, session, 6)


def in_place(session: Session) -> Session:
    same = tuple(one.model_copy(update={"paste": one.object}) for one in session.exemplars)
    return session.model_copy(update={"exemplars": same})


@pytest.mark.parametrize("network", ["sg2", "pg"])
@pytest.mark.parametrize("compat", [False, True])
def test_what_is_pasted_onto_itself_is_refused_and_can_be_erased(
    generators: dict[str, Generator], sessions: dict[str, Session], network: str, compat: bool
) -> None:
    g, session = generators[network], in_place(sessions[network])
    own = KeyStatistics.collect(g, 6, n=20)
    with pytest.raises(SessionError, match="are the same place at layer 6.*erase") as caught:
        rewrite(g, session, own, compat=compat)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    edit = rewrite(g, session.model_copy(update={"erase": 5}), own, compat=compat)
    assert edit.coefficients.any()
    assert float(edit.metadata["loss_after"]) < float(edit.metadata["loss_before"])


def test_another_mask_of_the_same_cells_is_the_same_place(
    generators: dict[str, Generator], sessions: dict[str, Session], stats: KeyStatistics
) -> None:
    first = sessions["sg2"].exemplars[0]
    rows, columns = first.object.area((16, 16)).nonzero(as_tuple=True)
    filled = np.zeros((16, 16), np.float32)
    filled[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = 1
    paste = first.object.model_copy(update={"mask": encode_mask(filled)})
    assert paste.mask != first.object.mask
    whole = first.model_copy(update={"paste": paste})
    session = sessions["sg2"].model_copy(update={"exemplars": (whole,)})
    with pytest.raises(SessionError, match="are the same place"):
        rewrite(generators["sg2"], session, stats)
    elsewhere = whole.model_copy(update={"paste": paste.model_copy(update={"sample": 19})})
    moved = session.model_copy(update={"exemplars": (whole, elsewhere)})
    edit = rewrite(generators["sg2"], moved, stats, exemplars=None)
    assert edit.coefficients.any(), "one that stays says what is to stay"
