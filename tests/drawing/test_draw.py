"""Drawing the church's sessions, tried on the world's own renders, whose labels are exact."""

from __future__ import annotations

import json

import numpy as np
import pytest

from palimpsest.drawing.church import BUILDING, CHURCH
from palimpsest.drawing.draw import draw
from palimpsest.drawing.matching import crowns, pick, replace_pairs, standing_on
from palimpsest.drawing.strokes import CONTEXTS
from palimpsest.drawing.survey import Survey, brush, moved, soften, things
from palimpsest.errors import SessionError
from palimpsest.memory.goals import box_of
from palimpsest.sessions.masks import cover
from palimpsest.sessions.schema import Session
from tests.doubles.golden_session import goal_labels, surveyed


@pytest.fixture(scope="module")
def survey() -> Survey:
    return surveyed("church", 160)


@pytest.fixture(scope="module")
def sessions(survey: Survey) -> dict[str, Session]:
    return {name: draw(name, survey, model="church", layer=6, seed=1) for name in CHURCH}


@pytest.mark.parametrize("name", CHURCH)
def test_every_drawing_is_a_session_that_can_be_used(
    name: str, survey: Survey, sessions: dict[str, Session]
) -> None:
    session = sessions[name]
    assert Session.from_dict(json.loads(session.to_json())) == session
    assert (session.name, session.layer, session.n) == (name, 6, len(survey))
    ranks = {"remove_trees": 10, "remove_window": 6, "sky_doors": 12}
    assert session.rank == ranks.get(name, 1)
    assert len(session.context) == CONTEXTS
    assert len({place.sample for place in session.context}) == CONTEXTS
    several = {"dome2spire": 12, "dome2tree": 12, "sky_doors": 8}
    several |= {"add_people": 16, "remove_trees": 12, "remove_window": 12, "remove_watermark": 8}
    assert len(session.exemplars) == several.get(name, 4)


def test_crowns_on_domes_are_green(survey: Survey, sessions: dict[str, Session]) -> None:
    for exemplar in sessions["dome2tree"].exemplars:
        colours = survey.colours[exemplar.object.sample]
        painted = exemplar.object.pixels > 0.5
        tree = survey.where(("tree",))[exemplar.object.sample] & painted
        red, green, _ = colours[tree].mean(axis=0)
        assert green > red


@pytest.mark.parametrize("name", CHURCH)
def test_copy_and_paste_have_boxes_of_one_size_so_that_nothing_slips(
    name: str, survey: Survey, sessions: dict[str, Session]
) -> None:
    for exemplar in sessions[name].exemplars:
        source, goal = (
            box_of(part.area((survey.cells,) * 2)) for part in (exemplar.object, exemplar.paste)
        )
        size = source[2] - source[0], source[3] - source[1]
        assert size == (goal[2] - goal[0], goal[3] - goal[1])


@pytest.mark.parametrize("name", [name for name in CHURCH if name != "add_people"])
def test_pasting_takes_the_thing_away_and_puts_the_other_there(
    name: str, survey: Survey, sessions: dict[str, Session]
) -> None:
    gone, came = (survey.numbers(getattr(CHURCH[name], part)) for part in ("source", "targets"))
    for number, exemplar in enumerate(sessions[name].exemplars[:4]):
        before, after = goal_labels(survey, sessions[name], number)
        painted = exemplar.paste.pixels > 0.5
        assert np.isin(before[painted], gone).mean() > 0.1
        assert np.isin(after[painted], gone).mean() < 0.02
        if name != "dome2tree" and name != "tower2tree":
            assert np.isin(after[painted], came).mean() > 0.1
        else:
            assert np.isin(after[painted], came).sum() > 100


def test_spires_stand_on_the_tower_that_the_dome_stood_on(
    survey: Survey, sessions: dict[str, Session]
) -> None:
    tower, dome, spire = survey.numbers(("tower", "dome", "spire"))
    for number in range(4):
        before, after = goal_labels(survey, sessions["dome2spire"], number)
        domes, spires = np.argwhere(before == dome), np.argwhere(after == spire)
        assert abs(domes[:, 0].max() - spires[:, 0].max()) <= 3
        assert abs(np.median(domes[:, 1]) - np.median(spires[:, 1])) <= 2
        assert (after == dome).sum() == 0


def test_people_are_put_on_bare_ground(survey: Survey, sessions: dict[str, Session]) -> None:
    person, *ground = survey.numbers(("person", "ground", "path", "hill"))
    for number, exemplar in enumerate(sessions["add_people"].exemplars):
        before, after = goal_labels(survey, sessions["add_people"], number)
        painted = exemplar.paste.pixels > 0.5
        assert not (before == person).any() and (after == person).sum() >= 25
        assert np.isin(before[painted], ground).mean() > 0.95
    for place in sessions["add_people"].context:
        there = survey.labels[place.sample][place.pixels > 0.5]
        assert np.isin(there, ground).mean() > 0.95


def test_doors_are_put_on_one_place_that_is_open_sky(
    survey: Survey, sessions: dict[str, Session]
) -> None:
    door, sky = survey.numbers(("door", "sky"))
    session = sessions["sky_doors"]
    for number, exemplar in enumerate(session.exemplars):
        before, after = goal_labels(survey, session, number)
        painted = exemplar.paste.pixels > 0.5
        assert (before[painted] == sky).all() and (after[painted] == door).sum() >= 40
        assert not (after[painted] == sky).any()
    places = {place.mask for place in session.context}
    assert len(places) == 1
    centres = [np.argwhere(e.paste.pixels > 0.5).mean(axis=0) for e in session.exemplars]
    there = np.argwhere(session.context[0].pixels > 0.5).mean(axis=0)
    assert np.abs(np.array(centres) - there).max() <= survey.cell
    for place in session.context:
        assert (survey.labels[place.sample][place.pixels > 0.5] == sky).all()


@pytest.mark.parametrize("name", ["dome2spire", "remove_window", "remove_trees", "tower2tree"])
def test_the_context_is_painted_on_the_thing_and_not_on_that_of_the_pastes(
    name: str, survey: Survey, sessions: dict[str, Session]
) -> None:
    session = sessions[name]
    source = survey.numbers(CHURCH[name].source)
    pasted = {exemplar.paste.sample for exemplar in session.exemplars}
    for place in session.context:
        there = survey.labels[place.sample][place.pixels > 0.5]
        assert np.isin(there, source).mean() > 0.5
        assert place.sample not in pasted


@pytest.mark.parametrize(
    ("name", "classes", "least", "count"),
    [("remove_trees", BUILDING, 0.1, 6), ("remove_window", ("tower",), 0.9, 4)],
)
def test_some_of_the_trees_hide_the_church_and_some_of_the_windows_are_in_the_tower(
    name: str,
    classes: tuple[str, ...],
    least: float,
    count: int,
    survey: Survey,
    sessions: dict[str, Session],
) -> None:
    shown = survey.where(classes)
    behind = [
        shown[one.object.sample][one.object.pixels > 0.5].mean() > least
        for one in sessions[name].exemplars
    ]
    assert sum(behind) == count
    assert any(behind[:2]) and not all(behind[:2])  # a search with few exemplars sees both


def test_the_same_survey_gives_the_same_file(survey: Survey, sessions: dict[str, Session]) -> None:
    again = draw("remove_window", survey, model="church", layer=6, seed=1)
    assert again.to_json() == sessions["remove_window"].to_json()


def test_it_works_at_64_pixels_as_well() -> None:
    session = draw(
        "dome2spire", surveyed("church", 100, 64), model="church", layer=6, seed=1, n=1000
    )
    assert session.exemplars[0].paste.pixels.shape == (64, 64) and session.n == 1000


def test_labels_without_a_class_are_told_so(survey: Survey) -> None:
    renamed = tuple("minaret" if name == "spire" else name for name in survey.classes)
    lacking = Survey(survey.images, survey.labels, renamed, survey.cells)
    with pytest.raises(SessionError, match="dome2spire.*no class 'spire'.*minaret"):
        draw("dome2spire", lacking, model="church", layer=6, seed=1)


def test_samples_in_which_nothing_fits_and_unknown_names_are_told_so(survey: Survey) -> None:
    few = Survey(survey.images[:2], survey.labels[:2], survey.classes, survey.cells)
    with pytest.raises(SessionError, match="nothing|no pair|no context"):
        draw("remove_watermark", few, model="church", layer=6, seed=1)
    with pytest.raises(SessionError, match="dome2castle.*dome2spire"):
        draw("dome2castle", survey, model="church", layer=6, seed=1)


def test_a_brush_widens_smooths_and_closes() -> None:
    shape = np.zeros((40, 40), bool)
    shape[10:20, 10:14] = shape[10:20, 16:20] = True  # a gap of two pixels
    painted = brush(shape, 2)
    assert painted[shape].all() and painted[12:18, 14:16].all()
    assert box_of(painted) == (8, 8, 22, 22)
    assert not painted[8, 8], "corners are round"
    assert not brush(np.zeros((5, 5), bool), 2).any()


def test_a_stroke_covers_the_same_cells_after_a_move_by_whole_cells() -> None:
    shape = np.zeros((32, 32), bool)
    shape[0:13, 0:9] = True  # at the frame, where a soft rim could leak on one side only
    for rows, columns in ((8, 0), (8, 16), (16, 8)):
        here, there = (
            box_of(cover(soften(s), (4, 4))) for s in (shape, moved(shape, rows, columns))
        )
        assert np.subtract(there, here).tolist() == [rows // 8, columns // 8] * 2


def test_a_top_is_held_by_its_tower(survey: Survey) -> None:
    tower = survey.numbers(("tower",))[0]
    domes = standing_on(survey, things(survey, ("dome",), 60), ("tower",))
    assert len(domes) > 25
    for dome in domes[:20]:
        row, column = dome.anchor
        below = np.flatnonzero(survey.labels[dome.sample][int(row) + 3] == tower)
        assert abs(below.mean() + 0.5 - column) <= 1.5 and 12 <= dome.width <= 24


def test_a_crown_is_the_upper_part_of_a_tree(survey: Survey) -> None:
    tree = next(things(survey, ("tree",), 150))
    (crown,) = crowns([tree])
    assert crown.shape.sum() < tree.shape.sum() and not (crown.shape & ~tree.shape).any()
    assert crown.box[0] == tree.box[0] and crown.box[2] <= crown.anchor[0] < tree.box[2]


def test_no_sample_is_used_twice_in_the_same_part(survey: Survey) -> None:
    domes, spires = (
        standing_on(survey, things(survey, (kind,), 60), ("tower",)) for kind in ("dome", "spire")
    )
    pairs = pick(replace_pairs(survey, domes, spires, grow=6, shortlist=300), 6)
    assert len({p.target for p in pairs}) == len({p.donor for p in pairs}) == len(pairs) == 6
    assert [p.cost for p in pairs] == sorted(p.cost for p in pairs)
    assert all(step % survey.cell == 0 for p in pairs for step in p.shift)
    assert "spire" in BUILDING
