"""The edits of Table 3 from a painted session, as the paper's code makes them."""

import pytest
import torch

from palimpsest.errors import SessionError, StatisticsError
from palimpsest.experiments.watermarks.by_session import session_edits
from palimpsest.experiments.watermarks.settings import SessionErasing
from palimpsest.memory import KeyStatistics, removal_goal
from palimpsest.sessions.opening import samples_of

FEW = SessionErasing(iterations=41)
LAYER = 6


@pytest.fixture(scope="module")
def stats(generator):
    return KeyStatistics.collect(generator, layer=LAYER, n=24, seed=1)


@pytest.fixture(scope="module")
def edits(generator, session, stats):
    return session_edits(generator, LAYER, session, stats, FEW)


def test_the_edits_are_those_of_the_paper(edits):
    assert tuple(sorted(edits)) == tuple(sorted(FEW.edits))
    assert FEW.edits == ("zero_30_units", "zero_60_units", "rank_one", "rank_one_30_units")
    for name in FEW.rules:
        assert edits[name].rank == 1 and edits[name].layer == LAYER
        assert edits[name].metadata["repeats"] == "2"
    ranks = [edits[f"zero_{count}_units"].rank for count in (30, 60)]
    assert ranks == sorted(ranks)


def test_a_rule_brings_its_image_nearer_to_the_one_without_the_units(
    generator, session, stats, edits
):
    """Each descent starts from what those before made, so that two come nearer than one."""
    once = session_edits(generator, LAYER, session, stats, FEW.model_copy(update={"repeats": 1}))
    sample = session.exemplars[0].paste.sample
    opened = generator.layer(LAYER)
    state = opened.keys(samples_of(generator, session, sample + 1)[[sample]])
    silent = [int(unit) for unit in edits["rank_one"].metadata["silent"].split(",")]
    goal = removal_goal(opened, state, silent).target

    def apart(edit):
        weight = opened.weight + (edit.delta() if edit else 0)
        with torch.no_grad():
            return float((opened.values(state, weight).v - goal).abs().mean())

    assert apart(edits["rank_one"]) < apart(None)
    assert apart(once["rank_one"]) < apart(None)
    assert not torch.equal(once["rank_one"].coefficients, edits["rank_one"].coefficients)


def test_what_does_not_fit_is_refused(generator, session, stats):
    other = KeyStatistics.collect(generator, layer=5, n=8, seed=1)
    with pytest.raises(StatisticsError, match="layer"):
        session_edits(generator, LAYER, session, other, FEW)
    bare = session.model_copy(update={"context": ()})
    with pytest.raises(SessionError, match="paint the marks"):
        session_edits(generator, LAYER, bare, stats, FEW)
