"""No message of the session reader holds a mask, and none is long, whatever is wrong."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palimpsest.errors import SessionError
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.sessions import Session, erasing, load_session
from palimpsest.sessions.schema import read_session
from tests.doubles.drawn_forms import FORMS, A, B, spot

LONGEST = 300
HUGE = spot(0, 0, 60, 60) + "A" * 200_000

OURS = {
    "version": 1,
    "model": "church",
    "name": "hat",
    "layer": 6,
    "rank": 1,
    "seed": 1,
    "n": 1000,
    "exemplars": [{"object": {"sample": 3, "mask": A}, "paste": {"sample": 5, "mask": B}}],
    "context": [{"sample": 7, "mask": B}],
    "query": {"sample": 7, "mask": A},
    "source": ["dome"],
    "targets": ["spire"],
    "solve": {"solver": "newton", "exemplars": 1, "mu": 0.3},
}
SCENES = {"14": {"value": "-5.0", "intervention": A, "revert": B}}

WRONG: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, "", "dome", A, A[:60], A[22:], HUGE, [], [A], [[A, A]],
    [[1, A]], {}, {A: A}, {"sample": A, "mask": 1}, {"7": A}, {HUGE: HUGE}, [HUGE] * 3, "\ud800",
    "é" * 5000, [[7, A], [A, 7]], {"sample": 1, "mask": A, HUGE: 1}, "9" * 5000, [[[[]]]],
)  # fmt: skip


def check_told(message: str, source: str) -> None:
    assert message.startswith(f"{source}: ") and "\n" not in message
    assert len(message.removeprefix(source)) < LONGEST, message[:1000]
    for mask in (A, B, HUGE):
        assert mask[:40] not in message and mask[22:50] not in message
    assert not re.search(r"[A-Za-z0-9+/]{64}|A{24}|9{40}", message)


def places_of(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value in a JSON document, that of the whole first."""
    yield path
    if isinstance(value, dict | list):
        for step, held in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_of(held, (*path, step))


def with_value(document: Any, path: tuple, value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    here = changed
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return changed


DOCUMENTS = {**FORMS, "ours": OURS}
PLACES = [
    (name, path)
    for name, document in DOCUMENTS.items()
    for path in places_of(document)
    if not (path and isinstance(path[-1], str) and path[-1] in ("version", "seed", "n"))
]


def read(content: bytes, source: str) -> None:
    """Each reader in turn: it succeeds, or its message is short."""
    for reader in (
        lambda: read_session(content, source),
        lambda: Session.from_dict(json.loads(content), source),
        lambda: PaintedScenes.from_dict(json.loads(content), source),
    ):
        try:
            reader()
        except SessionError as problem:
            check_told(str(problem), source)


@pytest.mark.parametrize("wrong", range(len(WRONG)))
def test_any_value_in_any_place_gets_a_short_line(wrong: int) -> None:
    for name, path in PLACES:
        document = with_value(DOCUMENTS[name], path, WRONG[wrong])
        read(json.dumps(document).encode(), f"{name}.json")


@pytest.mark.parametrize("wrong", range(len(WRONG)))
def test_any_further_field_gets_a_short_line(wrong: int) -> None:
    value = WRONG[wrong]
    for name, path in PLACES:
        for field in ("colour", "sample", "erase", "exemplars", "key", HUGE, A, "\n\n", "\ud800"):
            held = DOCUMENTS[name]
            for step in path:
                held = held[step]
            if isinstance(held, dict):
                document = with_value(DOCUMENTS[name], path, {**held, field: value})
                read(json.dumps(document).encode(), f"{name}.json")


MASKS = [A, HUGE]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([A, HUGE]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                ["object", "paste", "key", "query", "mask", "exemplars", "context", A]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=values, place=st.sampled_from(PLACES))
def test_drawn_documents_get_a_short_line(value: Any, place: tuple[str, tuple]) -> None:
    name, path = place
    read(json.dumps(with_value(DOCUMENTS[name], path, value)).encode(), "a.json")


@settings(max_examples=100, deadline=None)
@given(
    cut=st.integers(0, 3000), put=st.binary(max_size=20), name=st.sampled_from(sorted(DOCUMENTS))
)
def test_damaged_text_gets_a_short_line(cut: int, put: bytes, name: str) -> None:
    text = json.dumps(DOCUMENTS[name]).encode()
    for content in (text[:cut], text[:cut] + put, text[:cut] + put + text[cut + len(put) :]):
        try:
            read_session(content, "a.json")
        except SessionError as problem:
            check_told(str(problem), "a.json")


def test_painted_scenes_get_a_short_line() -> None:
    for path in places_of(SCENES):
        for wrong in WRONG:
            try:
                PaintedScenes.from_dict(with_value(SCENES, path, wrong), "a.json")
            except SessionError as problem:
                check_told(str(problem), "a.json")
    for key in (A, HUGE, "x\ny", "é" * 9000, "-1", "00014"):
        with pytest.raises(SessionError) as caught:
            PaintedScenes.from_dict({key: SCENES["14"]}, "a.json")
        check_told(str(caught.value), "a.json")


def test_a_context_can_say_in_its_file_that_it_erases(tmp_path: Path) -> None:
    file = tmp_path / "marks.json"
    for content in (
        FORMS["context_alone"] | {"erase": 30},
        FORMS["context_and_paste"] | {"erase": 30},
    ):
        file.write_text(json.dumps(content))
        found = load_session(file)
        del content["erase"]
        (tmp_path / "bare").mkdir(exist_ok=True)
        bare = tmp_path / "bare" / "marks.json"
        bare.write_text(json.dumps(content))
        assert isinstance(found, Session) and found == erasing(load_session(bare), 30)
        found.save(tmp_path / "ours.json")
        assert load_session(tmp_path / "ours.json") == found == Session.load(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (FORMS["with_context"] | {"erase": 30}, "field erase: nothing is copied then"),
        (FORMS["context_alone"] | {"erase": "30"}, "field erase: input should be a valid integer"),
        (FORMS["context_alone"] | {"erase": -1}, "field erase: input should be greater than"),
    ],
)
def test_erasing_that_makes_no_sense_is_refused(content: dict, message: str) -> None:
    with pytest.raises(SessionError, match=message):
        read_session(json.dumps(content).encode(), "a.json")
