"""The editor's list of sessions: the files that the pipeline uses too, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from palimpsest.editor.messages import Name
from palimpsest.editor.saved_sessions import listed, save, session_called
from palimpsest.editor.workplace import ModelPlace, Workplace
from palimpsest.errors import SessionError
from palimpsest.files.session_files import session_name
from palimpsest.pipeline.checkout_files import CheckoutFiles
from palimpsest.sessions import Session
from palimpsest.sessions.masks import encode_mask

SPOT = encode_mask(np.eye(8))
ORIGINAL = {"object": [3, SPOT], "paste": [4, SPOT], "key": [[7, SPOT]]}
ODD = ["dome2tree (1)", "küche", ".hidden", ""]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "data" / "sessions" / "church"
    folder.mkdir(parents=True)
    for name in ("dome2tree", "dome2tree.v2", *ODD):
        (folder / f"{name}.json").write_text(json.dumps(ORIGINAL))
    (folder / "x.json").mkdir()
    model = ModelPlace(
        weights=tmp_path / "church.safetensors",
        sessions=folder,
        statistics_folder=tmp_path,
        segmenter=None,
    )
    return Workplace({"church": model}, "church", tmp_path / "drafts", resume=False, examples=None)


def test_the_editor_lists_what_the_pipeline_uses(place: Workplace, tmp_path: Path) -> None:
    shown = [one.name for one in listed(place, "church")]
    assert shown == ["dome2tree", "dome2tree.v2"]
    assert set(shown) == set(CheckoutFiles.read(tmp_path, ["church"]).hand_drawn["church"])
    for name in ODD:
        with pytest.raises(SessionError, match="there is no session"):
            session_called(place, "church", name)


def test_what_it_saves_is_used_and_what_it_opens_keeps_its_name(place: Workplace) -> None:
    session = session_called(place, "church", "dome2tree.v2")
    assert isinstance(session, Session) and session.name == "dome2tree.v2"
    path = save(place, "church", session, overwrite=True)
    assert session_name(path) == "dome2tree.v2"


@pytest.mark.parametrize("name", ["dome2tree", "dome2tree.v2", "a-b_c", *ODD, "x" * 101, "_x"])
def test_names_in_messages_and_files_follow_one_rule(name: str) -> None:
    def accepted() -> bool:
        try:
            TypeAdapter(Name).validate_python(name)
        except ValidationError:
            return False
        return True

    assert accepted() == (session_name(f"{name}.json") is not None)


@pytest.mark.parametrize(
    "file", ["mark on wall.json", "küche.json", "dome (1).json", ".json", "_.json"]
)
def test_what_is_opened_by_hand_gets_a_name_that_can_be_saved(file: str) -> None:
    name = Session.from_dict(ORIGINAL, file).name
    assert session_name(f"{name}.json") == name
