"""Units that are switched in single pictures: what is kept of them."""

from __future__ import annotations

import pytest

from palimpsest.editor import changes, unit_changes
from palimpsest.editor.work import Draft, Work
from palimpsest.errors import SessionError
from palimpsest.sessions import Selection
from tests.editor.conftest import spot

HERE = Selection(sample=3, mask=spot(0, 0, 32, 32))
OTHER = Selection(sample=3, mask=spot(32, 32, 64, 64))


@pytest.fixture
def work() -> Work:
    return unit_changes.place_painted(Work(model="church", draft=Draft(layer=6)), 3, HERE)


def test_a_unit_is_off_or_on_or_as_drawn(work) -> None:
    work = unit_changes.switched(work, 3, [8, 2], "off")
    assert work.unit_places[0].off == (2, 8)
    work = unit_changes.switched(work, 3, [2], "on")
    assert (work.unit_places[0].off, work.unit_places[0].on) == ((8,), (2,))
    work = unit_changes.switched(work, 3, [2, 8], "drawn")
    assert (work.unit_places[0].off, work.unit_places[0].on) == ((), ())


def test_a_place_repainted_keeps_its_units_and_an_empty_one_is_gone(work) -> None:
    work = unit_changes.switched(work, 3, [8], "off")
    work = unit_changes.place_painted(work, 3, OTHER)
    assert len(work.unit_places) == 1
    assert work.unit_places[0].place == OTHER and work.unit_places[0].off == (8,)
    assert unit_changes.place_painted(work, 3, None).unit_places == ()


def test_each_layer_has_its_own_place_on_a_sample(work) -> None:
    higher = changes.with_settings(work, layer=7)
    with pytest.raises(SessionError, match="paint a place on sample 3"):
        unit_changes.switched(higher, 3, [8], "off")
    both = unit_changes.place_painted(higher, 3, OTHER)
    assert [one.layer for one in both.unit_places] == [6, 7]


def test_the_places_stay_when_the_draft_is_cleared_and_are_in_no_session(work, example) -> None:
    work = unit_changes.switched(changes.opened(work, example, 6), 3, [8], "off")
    assert work.draft.session("church") == example
    assert changes.kept(work).unit_places == changes.cleared(work).unit_places == work.unit_places
