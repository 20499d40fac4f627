"""The search at several layers: the best edit of all is kept, and what each layer gave is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from torch import Tensor

from palimpsest.errors import ParameterError, StatisticsError
from palimpsest.generators.base import Generator
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.choosing import changing
from palimpsest.methods.choosing import layers as choosing
from palimpsest.methods.choosing.choose import choose
from palimpsest.methods.choosing.layers import choose_among_layers
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.methods.registry import METHODS, edit_with
from palimpsest.sessions import Session
from palimpsest.sessions.rewriting import rewrite
from tests.doubles.brightness import Brightness
from tests.doubles.golden_session import SMALL_SEARCH, g, session, stats

__all__ = ["g", "session", "stats"]

SMALL = {**SMALL_SEARCH, "source": "dark", "targets": ["middle", "bright"]}


@pytest.fixture(scope="module")
def both(g: Generator, stats: KeyStatistics) -> list[KeyStatistics]:
    """Statistics of the session's layer, 6, and of the next."""
    return [stats, KeyStatistics.collect(g, layer=7, n=40, seed=1)]


def told(edit: Edit) -> dict[str, Any]:
    return json.loads(edit.metadata["choice"])


def weights(edit: Edit) -> tuple[Tensor, Tensor]:
    return edit.coefficients, edit.directions


def same(edit: Edit, other: Edit) -> bool:
    pairs = zip(weights(edit), weights(other), strict=True)
    return edit.layer == other.layer and all(a.equal(b) for a, b in pairs)


def test_with_one_layer_it_is_the_plain_search(
    g: Generator, session: Session, stats: KeyStatistics
) -> None:
    edit = choose_among_layers(g, session, [stats], Brightness(), **SMALL)
    plain = choose(g, session, stats, Brightness(), **SMALL)
    assert same(edit, plain) and edit.metadata.keys() == plain.metadata.keys()
    assert told(edit) == told(plain) and "layers" not in told(edit)
    without_labels = choose_among_layers(g, session, [stats], None, **SMALL)
    assert same(without_labels, choose(g, session, stats, None, **SMALL))


def test_the_best_edit_of_two_layers_is_kept_and_the_other_is_told(
    g: Generator, session: Session, both: list[KeyStatistics]
) -> None:
    edit = choose_among_layers(g, session, both, Brightness(), **SMALL)
    alone = {
        layer: choose(g, session.at_layer(layer), stats, Brightness(), **SMALL)
        for layer, stats in zip((6, 7), both, strict=True)
    }
    values = {layer: told(one)["chosen"]["value"] for layer, one in alone.items()}
    assert values[6] != values[7], "or the test would not tell which is kept"
    best = max(values, key=values.__getitem__)
    assert edit.layer == best and same(edit, alone[best])
    choice = told(edit)
    assert choice["session_layer"] == 6
    assert choice["layers"] == [
        {"layer": layer, **told(alone[layer])["chosen"]} for layer in (6, 7)
    ]
    del choice["session_layer"], choice["layers"]
    assert choice == told(alone[best])

    turned = choose_among_layers(g, session, both[::-1], Brightness(), **SMALL)
    assert same(turned, edit) and told(turned) == told(edit)


@pytest.mark.parametrize("own", [6, 7, None])
@pytest.mark.parametrize(
    "values, best",
    [({6: 0.5, 7: 0.4}, 6), ({6: 0.4, 7: 0.5}, 7), ({6: 0.5, 7: 0.5}, None)],
)
def test_of_equal_scores_the_sessions_own_layer_comes_first(
    g: Generator,
    session: Session,
    both: list[KeyStatistics],
    monkeypatch: pytest.MonkeyPatch,
    own: int | None,
    values: dict[int, float],
    best: int | None,
) -> None:
    solved = {
        layer: rewrite(g, session.at_layer(layer), stats, iterations=1)
        for layer, stats in zip((6, 7), both, strict=True)
    }

    def scored(g: Any, session: Session, *others: Any) -> Edit:
        choice = {"judge": "labels", "chosen": {"value": values[session.layer]}}
        edit = solved[session.layer]
        return replace(edit, metadata={**edit.metadata, "choice": json.dumps(choice)})

    monkeypatch.setattr(choosing, "choose_with", scored)
    drawn = session.at_layer(own)
    edit = choose_among_layers(g, drawn, both, Brightness(), **SMALL)
    # a session that names no layer is of the first statistics' layer
    assert edit.layer == (best or own or 6)
    assert told(edit)["session_layer"] == (own or 6)
    if own is not None:
        assert choose_among_layers(g, drawn, both[::-1], Brightness()).layer == edit.layer


def test_progress_grows_over_all_layers(
    g: Generator, session: Session, both: list[KeyStatistics]
) -> None:
    seen: list[tuple[int, int]] = []
    asked = PalimpsestSettings(**SMALL)
    choosing.choose_among_layers_with(
        g, session, both, Brightness(), asked, lambda *now: seen.append(now)
    )
    done = [now for now, _ in seen]
    assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1] and done == sorted(done)


def without(stats: KeyStatistics, **changes: str) -> KeyStatistics:
    return KeyStatistics(
        stats.second_moment, stats.count, stats.unit_quantiles, {**stats.metadata, **changes}
    )


@pytest.mark.parametrize(
    "change, error, reason",
    [
        (lambda one, two: [], ParameterError, "none are given"),
        (lambda one, two: [one, two, two], ParameterError, "of layer 7 twice"),
        (lambda one, two: [one, without(two, layer="99")], ParameterError, "no layer 99"),
        (lambda one, two: [one, without(two, weights_sha256="0")], StatisticsError, "weights_sha"),
        (lambda one, two: [one, without(two, truncation="1")], StatisticsError, "truncation = 1"),
        (lambda one, two: [one, without(two, layer="8")], StatisticsError, "but layer 8 has"),
        (lambda one, two: [two, without(two, layer="8")], StatisticsError, "7, 8, and session"),
    ],
)
def test_statistics_that_do_not_fit_are_told_before_any_search(
    g: Generator,
    session: Session,
    both: list[KeyStatistics],
    monkeypatch: pytest.MonkeyPatch,
    change: Any,
    error: type[Exception],
    reason: str,
) -> None:
    monkeypatch.setattr(choosing, "choose_with", lambda *_: pytest.fail("searched"))
    with pytest.raises(error, match=reason):
        choose_among_layers(g, session, change(*both), Brightness(), **SMALL)


def test_layers_are_compared_by_labels_only(
    g: Generator,
    session: Session,
    both: list[KeyStatistics],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ParameterError, match=r"^layers 6 and 7: .* no segmenter; give one layer"):
        choose_among_layers(g, session, both, None, **SMALL)
    monkeypatch.setattr(changing, "session_classes", lambda *_: None)
    monkeypatch.setattr(changing, "painted_classes", lambda *_: None)
    unnamed = SMALL | {"source": None, "targets": None}
    assert told(choose(g, session, both[0], Brightness(), **unnamed))["judge"] == "values"
    with pytest.raises(ParameterError, match="^layers 6 and 7: .* no class stands out in session"):
        choose_among_layers(g, session, both, Brightness(), **unnamed)


def test_other_methods_refuse_further_layers(
    g: Generator, session: Session, both: list[KeyStatistics]
) -> None:
    one, two = both
    for name in ("newton", "direct_lambda"):
        method = METHODS[name]
        with pytest.raises(ParameterError, match=f"{name}: edits .* layer only; .* palimpsest"):
            edit_with(method, g, session, one, None, method.settings(), [two])
    method = METHODS["palimpsest"]
    asked = PalimpsestSettings(**SMALL)
    edit = edit_with(method, g, session, one, Brightness(), asked, [two])
    assert edit.metadata["method"] == "palimpsest" and len(told(edit)["layers"]) == 2
