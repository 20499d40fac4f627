"""Changes of a work: what one can do to a draft and to the stack of rules."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.editor import changes
from palimpsest.editor.work import Draft, HalfExemplar, Rule, Work
from palimpsest.errors import SessionError
from palimpsest.sessions import Selection
from tests.editor.conftest import spot

EMPTY = Work(model="church", draft=Draft(layer=6))
HERE = Selection(sample=3, mask=spot(10, 10, 30, 30))
THERE = Selection(sample=8, mask=spot(50, 60, 90, 80))


def painted() -> Work:
    work = changes.painted(EMPTY, "object", 3, HERE)
    return changes.painted(work, "paste", 8, THERE)


def test_a_draft_says_what_is_missing_until_it_is_a_session() -> None:
    assert EMPTY.draft.missing == "object" and EMPTY.draft.session("church") is None
    half = changes.painted(EMPTY, "object", 3, HERE)
    assert half.draft.missing == "paste" and not half.draft.empty
    session = painted().draft.session("church")
    assert session is not None and painted().draft.missing is None
    assert session.exemplars[0].object == HERE and session.exemplars[0].paste == THERE
    assert EMPTY.draft.empty, "a change leaves the work before it as it was"


def test_without_context_the_pasted_place_is_the_context() -> None:
    session = painted().draft.session("church")
    assert session.context == (THERE,)


def test_context_has_one_mask_for_each_sample_in_the_order_of_painting() -> None:
    work = painted()
    for sample in (5, 2):
        work = changes.painted(work, "context", sample, Selection(sample=sample, mask=HERE.mask))
    again = Selection(sample=5, mask=THERE.mask)
    work = changes.painted(work, "context", 5, again)
    assert [place.sample for place in work.draft.context] == [5, 2]
    assert work.draft.context[0] == again
    work = changes.painted(work, "context", 5, None)
    assert [place.sample for place in work.draft.context] == [2]


def test_several_exemplars_of_which_the_complete_ones_count() -> None:
    work = changes.with_another_exemplar(painted())
    assert changes.with_another_exemplar(work) == work, "one empty exemplar is enough"
    work = changes.painted(work, "object", 1, Selection(sample=1, mask=HERE.mask), exemplar=1)
    assert len(work.draft.session("church").exemplars) == 1
    work = changes.painted(work, "paste", 4, Selection(sample=4, mask=THERE.mask), exemplar=1)
    session = work.draft.session("church")
    assert len(session.exemplars) == session.solve.exemplars == 2
    work = changes.without_exemplar(work, 0)
    assert [one.object.sample for one in work.draft.exemplars] == [1]
    assert changes.without_exemplar(work, 0).draft.exemplars == (HalfExemplar(),)
    with pytest.raises(SessionError, match="no exemplar 7"):
        changes.painted(work, "object", 1, HERE, exemplar=7)


def test_a_paste_is_moved_by_cells_and_stays_within_the_picture() -> None:
    moved = changes.nudged(painted(), 0, rows=-1, columns=2, cells=16)
    found = moved.draft.exemplars[0].paste
    wanted = np.roll(THERE.pixels, (-8, 16), axis=(0, 1))
    assert found.sample == 8 and np.array_equal(found.pixels, wanted)
    corner = changes.nudged(painted(), 0, rows=-100, columns=100, cells=16)
    mask = corner.draft.exemplars[0].paste.pixels
    assert mask[:40, -20:].min() == 1 and mask.sum() == THERE.pixels.sum()
    with pytest.raises(SessionError, match="nothing is pasted"):
        changes.nudged(EMPTY, 0, 1, 1, 16)


def stacked() -> Work:
    work = changes.kept(painted())
    work = changes.with_rule_of_file(work, "hat", "0" * 64, layer=8, rank=2)
    return work


def test_rules_pile_up_and_can_be_switched_moved_and_removed() -> None:
    work = stacked()
    assert [rule.id for rule in work.rules] == ["r1", "r2"]
    assert work.draft.empty and work.draft.layer == 6
    assert changes.with_rule(work, "r1", on=False).rules[0].on is False
    assert changes.with_rule(work, "r2", strength=0.5).rules[1].strength == 0.5
    assert [r.id for r in changes.with_rule_moved(work, "r2", 0).rules] == ["r2", "r1"]
    assert [r.id for r in changes.with_rule_moved(work, "r1", 99).rules] == ["r2", "r1"]
    assert [r.id for r in changes.without_rule(work, "r1").rules] == ["r2"]
    with pytest.raises(SessionError, match="no rule r9"):
        changes.without_rule(work, "r9")


def test_an_id_is_never_used_again() -> None:
    work = changes.without_rule(stacked(), "r2")
    assert changes.with_rule_of_file(work, "hat", "1" * 64, 8, 2).rules[-1].id == "r3"


def test_a_half_made_draft_cannot_be_kept() -> None:
    with pytest.raises(SessionError, match="copy something"):
        changes.kept(EMPTY)
    with pytest.raises(SessionError, match="paste it somewhere"):
        changes.kept(changes.painted(EMPTY, "object", 3, HERE))


def test_a_rule_goes_back_into_the_draft_as_it_was() -> None:
    before = changes.with_settings(painted(), strength=0.7, name="spires", rank=1)
    work = changes.drafted_again(changes.kept(before), "r1")
    assert work.draft == before.draft.model_copy(update={"context": (THERE,)})
    assert work.rules == ()
    with pytest.raises(SessionError, match="nothing painted"):
        changes.drafted_again(stacked(), "r2")


def test_opening_a_session_and_saving_it_again_keeps_all_of_it(example) -> None:
    work = changes.opened(EMPTY, example, layer=4)
    assert work.draft.session("church") == example


def test_a_rule_is_a_value(example) -> None:
    rule = Rule(id="r1", name="a", layer=6, rank=1, session=example)
    with pytest.raises(ValueError, match="frozen"):
        rule.on = False


def test_half_an_exemplar_does_not_leave_what_a_search_found(example) -> None:
    found = changes.improved(changes.opened(EMPTY, example, 6))
    more = changes.with_another_exemplar(found)
    last = len(more.draft.exemplars) - 1
    copied = changes.painted(more, "object", 3, example.context[0], last)
    assert [one.draft.solver for one in (more, copied)] == ["palimpsest"] * 2
    assert changes.without_exemplar(copied, last).draft.solver == "palimpsest"
    pasted = changes.painted(copied, "paste", 4, example.context[1], last)
    assert pasted.draft.solver == "newton"
