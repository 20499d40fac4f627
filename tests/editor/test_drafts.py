"""Drafts on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palimpsest.editor import changes
from palimpsest.editor.drafts import Drafts
from palimpsest.editor.history import History
from palimpsest.editor.work import Draft, Work
from palimpsest.errors import EditError, SessionError
from palimpsest.sessions import Selection
from tests.editor.conftest import spot


def long_history(example) -> History:
    line = History.of(Work(model="church", draft=Draft(layer=6)))
    line = line.then("open", changes.opened(line.present, example, 6))
    line = line.then("keep", changes.kept(line.present))
    for sample in range(40):
        place = Selection(sample=sample, mask=spot(10, 10, 40, 40))
        line = line.then("paint", changes.painted(line.present, "context", sample, place))
    return line.undone().undone()


def test_the_whole_history_comes_back(tmp_path, example) -> None:
    line = long_history(example)
    drafts = Drafts.open(tmp_path)
    assert drafts.load() is None
    drafts.save(line)
    drafts.close()
    again = Drafts.open(tmp_path)
    assert again.load() == line
    again.close()


def test_a_mask_is_stored_once(tmp_path, example) -> None:
    drafts = Drafts.open(tmp_path)
    drafts.save(long_history(example))
    text = drafts.file.read_text()
    assert text.count(spot(10, 10, 40, 40)) == 1
    assert len(json.loads(text)["masks"]) == len({*example_masks(example), spot(10, 10, 40, 40)})
    drafts.close()


def example_masks(example) -> list[str]:
    return [selection.mask for _, selection in example.selections()]


def test_one_editor_at_a_time(tmp_path) -> None:
    drafts = Drafts.open(tmp_path)
    with pytest.raises(SessionError, match="another editor"):
        Drafts.open(tmp_path)
    drafts.close()
    Drafts.open(tmp_path).close()


@pytest.mark.parametrize("content", ["", "[]", '{"version": 9}', '{"version": 1, "masks": {}}'])
def test_a_damaged_draft_is_kept_aside(tmp_path, content) -> None:
    drafts = Drafts.open(tmp_path)
    drafts.file.write_text(content)
    with pytest.raises(SessionError, match="cannot be read") as told:
        drafts.load()
    aside = Path(str(told.value).partition(": ")[0])
    assert aside.parent == tmp_path and aside.read_text() == content
    assert drafts.load() is None
    drafts.close()


def test_edit_files_are_kept_by_their_content(tmp_path) -> None:
    drafts = Drafts.open(tmp_path)
    with pytest.raises(EditError, match="^this file: "):
        drafts.keep_edit(b"no edit at all")
    assert list((tmp_path / "edits").iterdir()) == []
    drafts.close()
