"""Directions, units and matching samples of a session's places, with no goal."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from palimpsest.errors import SessionError
from palimpsest.generators import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import KeyStatistics, context_directions, query_key, unit_order
from palimpsest.sessions import HalfSession, Session
from palimpsest.sessions.places import matching_samples, open_places, painted_places, usual_match
from palimpsest.sessions.schema import read_session
from tests.doubles.drawn_forms import FORMS, A, spot

LAYER = 6


@pytest.fixture(scope="module")
def statistics(generator: StyleGAN2) -> KeyStatistics:
    return KeyStatistics.collect(generator, LAYER, n=20)


def drawn(form: dict[str, Any]) -> Session | HalfSession:
    return read_session(json.dumps(form).encode(), "a.json")


@pytest.mark.parametrize(
    ("form", "field", "samples"),
    [
        (FORMS["context_alone"], "context", [7, 9, 2]),
        (FORMS["copy_and_paste"], "context", [5]),
        ({"query": [4, A], "object": [3, A]}, "query", [4]),
        ({"object": [3, A]}, "object", [3]),
    ],
)
def test_the_places_are_the_context_or_what_there_is(form, field, samples) -> None:
    found, places = painted_places(drawn(form))
    assert (found, [one.sample for one in places]) == (field, samples)
    assert painted_places(drawn(form), field) == (found, places)


def test_what_is_asked_for_and_is_not_painted_is_named() -> None:
    with pytest.raises(SessionError, match="field query is missing"):
        painted_places(drawn({"object": [3, A]}), "query")
    with pytest.raises(SessionError, match="is none of context, query, object"):
        painted_places(drawn({"object": [3, A]}), "paste")


def test_the_directions_are_those_of_an_edit(generator, statistics) -> None:
    session = drawn(FORMS["context_alone"])
    places = open_places(generator, session, LAYER)
    expected = context_directions(places.keys, places.weights, statistics, rank=2)
    found = places.directions(statistics, rank=2)
    torch.testing.assert_close((found * expected).sum(1).abs(), torch.ones(2))
    assert all(places.match(row) >= 0 for row in found)
    torch.testing.assert_close(found[0].abs(), expected[0].abs())
    query = open_places(generator, session, LAYER, "query")
    expected = query_key(query.keys, query.weights, statistics)
    assert torch.equal(query.directions(statistics), expected[None])


def test_the_usual_match_is_that_of_all_keys(generator, statistics) -> None:
    with torch.no_grad():
        k = generator.layer(LAYER).keys(sample_z(generator, 20)).k
    d = torch.nn.functional.normalize(
        torch.randn(k.shape[1], generator=torch.Generator().manual_seed(0)), dim=0
    )
    match = torch.einsum("bnhw,n->bhw", k, d).square().mean().sqrt()
    assert usual_match(d, statistics) == pytest.approx(float(match), rel=1e-4)


def test_units_are_ordered_as_an_erasing_rule_silences_them(generator, statistics) -> None:
    places = open_places(generator, drawn(FORMS["context_alone"]), LAYER)
    scores = places.unit_scores(statistics)
    order = unit_order(places.keys, places.weights, statistics)
    assert scores.argsort(descending=True, stable=True).tolist() == order.tolist()
    whole = spot(0, 0, 64, 64)
    everywhere = {"key": [[i, whole] for i in range(20)]}
    usual = open_places(generator, drawn(everywhere), LAYER).unit_scores(statistics)
    torch.testing.assert_close(usual, torch.ones_like(usual), atol=1e-4, rtol=0)


def test_samples_are_found_by_their_strongest_cell(generator, statistics) -> None:
    places = open_places(generator, drawn(FORMS["context_alone"]), LAYER)
    directions = places.directions(statistics, rank=2)
    counted = []
    found = matching_samples(
        generator, places.layer, directions, n=11, batch=4, done=counted.append
    )
    assert counted == [4, 8, 11] and sorted(one.sample for one in found) == list(range(11))
    strengths = [one.strength for one in found]
    assert strengths == sorted(strengths, reverse=True)
    with torch.no_grad():
        k = places.layer.keys(sample_z(generator, 11)).k
    maps = torch.einsum("bnhw,sn->sbhw", k, directions).amax(0)
    for one in found:
        assert one.strength == pytest.approx(float(maps[one.sample].max()), rel=1e-4)
        assert float(maps[one.sample][one.cell]) == pytest.approx(one.strength, rel=1e-4)


def test_a_place_that_covers_no_cell_is_named(generator) -> None:
    speck = {"key": FORMS["context_alone"]["key"], "query": [4, spot(3, 3, 4, 4)]}
    session = drawn(speck)
    assert session.check(generator, 2) == 2, "no edit reads a query"
    found = open_places(generator, session, LAYER, "query")
    assert found.weights.sum() > 0
