"""Session files that a page uploads: the original's open as drafts, complete or half made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palimpsest.editor.session_files import opened_file
from palimpsest.errors import SessionError
from tests.editor.conftest import ROOT, spot

ORIGINALS = ROOT.parent / "shared" / "cases" / "original-sessions"
FILES = sorted(ORIGINALS.rglob("*.json")) or [None]
SPOT = spot(20, 20, 80, 80)


@pytest.mark.parametrize(
    ("original", "missing", "places"),
    [
        ({"object": [3, SPOT], "paste": [5, SPOT], "key": [[7, SPOT]]}, None, [7]),
        ({"object": [3, SPOT], "paste": [5, SPOT]}, None, [5]),
        ({"key": [[7, SPOT], [1234, SPOT]]}, "object", [7, 1234]),
        ({"object": [3, SPOT], "key": [[7, SPOT]]}, "paste", [7]),
        ({"paste": [5, SPOT], "query": [5, None]}, "object", [5]),
    ],
)
def test_what_is_drawn_becomes_the_draft(engine, original, missing, places) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(original).encode()
    label, work = opened_file(engine.new_work("church"), content, "my mark.json", engine)
    assert label == "open my_mark" and work.draft.missing == missing
    assert [place.sample for place in work.draft.places] == places
    assert [work.draft.exemplars[0].object is None, work.draft.exemplars[0].paste is None] == [
        "object" not in original,
        "paste" not in original,
    ]
    assert engine.report(work).missing == missing


@pytest.mark.parametrize(
    ("original", "says"),
    [
        ({"14": {"value": "-5.0", "intervention": SPOT, "revert": SPOT}}, "is not a session"),
        ({"key": {"7": SPOT}}, "field key: expected a list of [sample, mask], got an object"),
        ({"key": [[10_000, SPOT]]}, "the editor shows samples up to 9999"),
        ({"object": None}, "nothing is drawn"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(engine, original, says) -> None:
    with pytest.raises(SessionError) as caught:
        opened_file(engine.new_work("church"), json.dumps(original).encode(), "a.json", engine)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert SPOT[22:60] not in str(caught.value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem if file else "none")
def test_the_files_that_the_original_ships_open(engine, file: Path | None) -> None:
    """On the church whatever they were drawn on: every one has samples that the editor shows."""
    if file is None:
        pytest.skip("the original's session files are not at hand")
    data = json.loads(file.read_text())
    work = engine.new_work("church")
    if not {"object", "paste", "key", "query"} & data.keys():
        with pytest.raises(SessionError, match=r"posneg\.json: is not a session"):
            opened_file(work, file.read_bytes(), file.name, engine)
        return
    _, work = opened_file(work, file.read_bytes(), file.name, engine)
    assert work.draft.name == file.stem
    painted = [place.sample for place in work.draft.context]
    assert painted == [sample for sample, _ in data.get("key") or [data["paste"]]]
    session = work.draft.session("church")
    assert (session is not None) == bool(data.get("object") and data.get("paste"))
