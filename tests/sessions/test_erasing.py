"""Erasing what a session marks, whatever else it holds."""

from __future__ import annotations

import json

import pytest

from palimpsest.errors import SessionError
from palimpsest.sessions import erasing
from palimpsest.sessions.schema import Session, read_session
from tests.doubles.drawn_forms import FORMS, KEY, A, B


def drawn(form: dict) -> Session:
    return read_session(json.dumps(form).encode(), "a.json")  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("form", "marks", "context"),
    [
        ("context_alone", KEY, KEY),
        ("context_and_object", KEY, KEY),
        ("context_and_paste", [[5, B]], KEY),
        ("with_context", [[5, B]], KEY),
        ("in_place", [[3, A]], KEY),
        ("copy_and_paste", [[5, B]], [[5, B]]),
        ("late_sample", [[1004, B]], [[1000, B]]),
    ],
)
def test_the_marks_are_what_is_pasted_or_the_context(form: str, marks: list, context: list) -> None:
    session = drawn(FORMS[form])
    erased = erasing(session, 7)
    assert erased.erase == 7 and (erased.name, erased.n) == (session.name, session.n)
    for one, mark in zip(erased.exemplars, marks, strict=True):
        assert one.object == one.paste and [one.paste.sample, one.paste.mask] == mark
    assert [[one.sample, one.mask] for one in erased.context] == context
    assert erasing(erased, 7) == erased


@pytest.mark.parametrize("units", [0, -3])
def test_at_least_one_unit_is_silenced(units: int) -> None:
    with pytest.raises(SessionError, match="give 1 or more"):
        erasing(drawn(FORMS["context_alone"]), units)


@pytest.mark.parametrize("form", [{"object": [3, A]}, {"query": [3, A]}])
def test_without_a_mark_there_is_nothing_to_erase(form: dict) -> None:
    with pytest.raises(SessionError, match="field context is missing; paint what it erases"):
        erasing(drawn(form), 5)
