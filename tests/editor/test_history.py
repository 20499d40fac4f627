"""Undo and redo."""

from __future__ import annotations

from palimpsest.editor import changes, history
from palimpsest.editor.history import History
from palimpsest.editor.work import Draft, Work

EMPTY = Work(model="church", draft=Draft(layer=6))


def at_rank(rank: int) -> Work:
    return changes.with_settings(EMPTY, rank=rank)


def test_back_and_forward_again() -> None:
    line = History.of(EMPTY)
    assert line.undo_label is None and line.undone() == line and line.redone() == line
    line = line.then("rank 2", at_rank(2)).then("rank 3", at_rank(3))
    assert line.present == at_rank(3) and line.undo_label == "rank 3"
    back = line.undone()
    assert back.present == at_rank(2) and back.redo_label == "rank 3"
    assert back.undone().present == EMPTY and back.redone() == line


def test_a_new_change_forgets_what_was_undone() -> None:
    line = History.of(EMPTY).then("a", at_rank(2)).undone().then("b", at_rank(4))
    assert line.redo_label is None and line.undone().present == EMPTY


def test_a_change_to_the_same_work_is_no_step() -> None:
    line = History.of(EMPTY)
    assert line.then("nothing", EMPTY) is line


def test_a_dragged_slider_is_one_step() -> None:
    line = History.of(EMPTY)
    for place in range(2, 30):
        line = line.then("rank", at_rank(place), stroke="rank", at=place / 10)
    assert line.present == at_rank(29) and line.undone().present == EMPTY
    later = line.then("rank", at_rank(5), stroke="rank", at=100.0)
    assert later.undone().present == at_rank(29), "another drag is another step"
    other = line.then("mu", changes.with_settings(at_rank(29), smoothness=3.0), "smoothness", 2.95)
    assert other.undone().present == at_rank(29), "another slider is another step"


def test_undo_goes_far_but_not_for_ever() -> None:
    line = History.of(EMPTY)
    for step in range(2 * history.LIMIT):
        line = line.then("rank", at_rank(1 + step % 64))
    assert len(line.steps) == history.LIMIT
