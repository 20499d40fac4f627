"""Drawing the sessions of face, horse and kitchen on renders of their worlds: the right thing is
copied, it comes to the right place, and the context is what shall change."""

from __future__ import annotations

import json

import numpy as np
import pytest

from palimpsest.drawing.draw import DRAWINGS, draw, drawings_of
from palimpsest.drawing.strokes import CONTEXTS
from palimpsest.drawing.survey import Survey
from palimpsest.errors import SessionError
from palimpsest.memory.goals import box_of
from palimpsest.sessions.schema import Session
from palimpsest.worlds import get_world, world_names
from tests.doubles.golden_session import goal_labels, surveyed

NAMES = [name for world in ("face", "horse", "kitchen") for name in drawings_of(world)]
LAYER = 8


@pytest.fixture(scope="module")
def surveys() -> dict[str, Survey]:
    return {name: surveyed(name, 200, cells=32) for name in ("face", "horse", "kitchen")}


@pytest.fixture(scope="module")
def sessions(surveys: dict[str, Survey]) -> dict[str, Session]:
    return {name: drawn(name, surveys) for name in NAMES}


def drawn(name: str, surveys: dict[str, Survey]) -> Session:
    world = DRAWINGS[name].group
    return draw(name, surveys[world], model=world, layer=LAYER, seed=1)


def goals(
    name: str, surveys: dict[str, Survey], sessions: dict[str, Session]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each exemplar: labels before, after, and where the stroke is, all (R, R)."""
    survey, session = surveys[DRAWINGS[name].group], sessions[name]
    return [
        (*goal_labels(survey, session, number), exemplar.paste.pixels > 0.5)
        for number, exemplar in enumerate(session.exemplars)
    ]


def shown(survey: Survey, labels: np.ndarray, *names: str) -> np.ndarray:
    return np.isin(labels, survey.numbers(names))


def middle(where: np.ndarray) -> np.ndarray:
    """(row, column) in the middle of the box of what is marked."""
    top, left, bottom, right = box_of(where)
    return np.array([(top + bottom) / 2, (left + right) / 2])


def test_each_drawing_is_listed_with_its_world_and_names_that_worlds_classes() -> None:
    by_group = [drawings_of(group) for group in (*world_names(), "photo_faces")]
    assert sorted(name for found in by_group for name in found) == sorted(DRAWINGS)
    assert list(drawings_of("horse")) == ["hat", "long_tail"]
    assert list(drawings_of("kitchen")) == ["remove_panes"]
    assert drawings_of("castle") == {}
    for drawing in (one for world in world_names() for one in drawings_of(world).values()):
        classes = get_world(drawing.group).classes
        assert set(drawing.source) | set(drawing.targets) <= set(classes)
        assert not set(drawing.source) & set(drawing.targets)


@pytest.mark.parametrize("name", NAMES)
def test_every_drawing_is_a_session_that_can_be_used(
    name: str, sessions: dict[str, Session]
) -> None:
    session = sessions[name]
    assert Session.from_dict(json.loads(session.to_json())) == session
    drawing = DRAWINGS[name]
    assert (session.name, session.model, session.layer) == (name, drawing.group, LAYER)
    assert (session.source, session.targets) == (drawing.source, drawing.targets)
    assert (session.adds, session.least) == (drawing.adds, drawing.least)
    assert session.rank == {"remove_glasses": 3, "hat": 4, "long_tail": 3}.get(name, 1)
    assert len(session.exemplars) == 12
    for part in ("paste", "object"):
        donors = 4 if (name, part) == ("hat", "object") else 12  # one rule writes few looks
        assert len({getattr(one, part).sample for one in session.exemplars}) == donors
    assert len({place.sample for place in session.context}) == CONTEXTS
    for exemplar in session.exemplars:
        source, goal = (box_of(p.area((32, 32))) for p in (exemplar.object, exemplar.paste))
        assert np.subtract(source[2:], source[:2]).tolist() == (
            np.subtract(goal[2:], goal[:2]).tolist()
        ), "copy and paste must have boxes of one size, so that nothing slips"


@pytest.mark.parametrize("name", [n for n in NAMES if not DRAWINGS[n].adds and n != "smile"])
def test_pasting_takes_the_thing_away_and_puts_the_other_there(
    name: str, surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey, drawing = surveys[DRAWINGS[name].group], DRAWINGS[name]
    for before, after, painted in goals(name, surveys, sessions):
        assert shown(survey, before[painted], *drawing.source).mean() > 0.2
        assert shown(survey, after[painted], *drawing.source).mean() < 0.02
        assert shown(survey, after[painted], *drawing.targets).mean() > 0.4


def test_what_is_added_would_count_as_converted(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    """`choosing` asks for a quarter of the strokes' usual size."""
    for name in ("hat", "long_tail"):
        survey, drawing = surveys["horse"], DRAWINGS[name]
        strokes = [one.object.area((128, 128)).sum().item() for one in sessions[name].exemplars]
        for before, after, _ in goals(name, surveys, sessions):
            gained = shown(survey, after, *drawing.targets) & ~shown(
                survey, before, *drawing.targets
            )
            assert gained.sum() > 1.2 * np.median(strokes) / 4


def test_horses_get_warm_hats_and_nothing_of_the_rider(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey = surveys["horse"]
    for exemplar, (_, after, painted) in zip(
        sessions["hat"].exemplars, goals("hat", surveys, sessions), strict=True
    ):
        hat = survey.where_one(exemplar.object.sample, ("hat",))
        red, _, blue = survey.colours[exemplar.object.sample][hat].mean(axis=0)
        assert red > 1.25 * blue
        assert shown(survey, after[painted], "rider").mean() < 0.02


def test_a_long_tail_hangs_at_the_same_end_of_the_horse(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    for exemplar in sessions["long_tail"].exemplars:
        ends = [middle(part.pixels > 0.5)[1] for part in (exemplar.object, exemplar.paste)]
        assert (ends[0] < 64) == (ends[1] < 64)
    # nor is the place below a tip that of a horse that faces the other way, over the hind leg
    survey = surveys["horse"]
    for place in sessions["long_tail"].context:
        covered = survey.labels[place.sample][place.pixels > 0.5]
        assert shown(survey, covered, "horse_legs", "horse_body").mean() < 0.4


def test_a_closed_mouth_becomes_a_smile_in_the_same_place(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey = surveys["face"]
    for before, after, _ in goals("smile", surveys, sessions):
        assert not shown(survey, before, "teeth", "moustache").any()
        assert shown(survey, after, "teeth").sum() > 80
        lips = [shown(survey, labels, "lips", "teeth") for labels in (before, after)]
        assert np.abs(middle(lips[1]) - middle(lips[0])).max() <= 2
        # no rest of the old mouth is left beside the new one
        top, _, bottom, _ = box_of(lips[1])
        assert bottom - top <= 17


def test_a_moustache_lies_on_both_brows_and_brings_no_nose_or_lips(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey = surveys["face"]
    for before, after, painted in goals("brows2moustache", surveys, sessions):
        brows, left = shown(survey, before, "brow"), np.arange(128)[None, :] < 64
        moustache = shown(survey, after, "moustache") & painted
        for half in (left, ~left):
            assert (moustache & brows & half).sum() > 0.5 * (brows & half).sum()
        assert shown(survey, after[painted], "nose", "lips", "teeth").mean() < 0.01


def test_the_exemplars_know_both_ears_and_long_hair(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey, kinds = surveys["face"], []
    for _, after, painted in goals("remove_earrings", surveys, sessions):
        hair = shown(survey, after[painted], "hair").mean() > 0.5
        kinds.append((bool(middle(painted)[1] < 64), bool(hair)))
    assert min(kinds.count((ear, hair)) for ear in (True, False) for hair in (True, False)) >= 2


def test_the_eyes_behind_glasses_stay_where_they_are(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey = surveys["face"]
    for before, after, painted in goals("remove_glasses", surveys, sessions):
        glasses = shown(survey, before, "glasses")
        eyes = [shown(survey, labels, "eye") & ~glasses for labels in (before, after)]
        assert (painted | ~eyes[0]).all(), "lenses are painted over, not the rims alone"
        assert (eyes[0] & eyes[1]).sum() > 0.75 * (eyes[0] | eyes[1]).sum()


def test_a_hat_stands_on_the_horses_head_and_brings_no_rider(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey = surveys["horse"]
    for before, after, painted in goals("hat", surveys, sessions):
        hat, head = shown(survey, after, "hat") & painted, shown(survey, before, "horse_head")
        top = np.flatnonzero(head.any(axis=1))[0]
        ears = np.flatnonzero(head[top : top + 4].any(axis=0)).mean()
        assert abs(middle(hat)[1] - ears) <= 4
        assert top + 3 <= np.flatnonzero(hat.any(axis=1))[-1] <= top + 12
        assert shown(survey, after[painted], "rider").sum() <= 12


def test_a_long_tail_hangs_where_the_short_one_did(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey = surveys["horse"]
    colour_gaps = []
    for number, (before, after, _) in enumerate(goals("long_tail", surveys, sessions)):
        tails = [shown(survey, labels, "tail") for labels in (before, after)]
        (top, *_), (new_top, *_) = boxes = [box_of(tail) for tail in tails]
        assert abs(new_top - top) <= 2
        assert boxes[0][2] - boxes[0][0] < 30 and boxes[1][2] - boxes[1][0] > 38
        rows = [np.flatnonzero(tail[top + 3]) for tail in tails]
        assert abs(rows[0].mean() - rows[1].mean()) <= 4
        exemplar = sessions["long_tail"].exemplars[number]
        tones = [
            survey.colours[one.sample][survey.where_one(one.sample, ("tail",))].mean(axis=0)
            for one in (exemplar.paste, exemplar.object)
        ]
        colour_gaps.append(np.abs(tones[0] - tones[1]).mean())
    assert np.median(colour_gaps) < 0.1, "a tail is of the horse's own colour"


@pytest.mark.parametrize("name", ["hat", "long_tail", "remove_panes"])
def test_both_halves_of_the_picture_have_exemplars(name: str, sessions: dict[str, Session]) -> None:
    on_left = [middle(one.paste.pixels > 0.5)[1] < 64 for one in sessions[name].exemplars]
    assert 4 <= sum(on_left) <= 8


def test_tiles_come_in_place_of_the_whole_window_alone(
    surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey = surveys["kitchen"]
    for before, after, painted in goals("remove_panes", surveys, sessions):
        window = shown(survey, before, "window") & painted
        assert window.sum() == 32 * 32 and not (shown(survey, after, "window") & painted).any()
        assert shown(survey, after[window], "tiles", "wall").mean() > 0.97
        assert painted.sum() <= 34 * 34


CONTEXT_OF = {
    "smile": ("lips",),
    "brows2moustache": ("brow",),
    "remove_earrings": ("earring",),
    "remove_glasses": ("glasses",),
    "hat": ("horse_head", "mane"),
    "long_tail": ("tail", *DRAWINGS["long_tail"].source),
    "remove_panes": ("window",),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_context_is_painted_on_what_shall_change(
    name: str, surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    survey, session = surveys[DRAWINGS[name].group], sessions[name]
    pasted = {exemplar.paste.sample for exemplar in session.exemplars}
    for place in session.context:
        labels, painted = survey.labels[place.sample], place.pixels > 0.5
        assert shown(survey, labels[painted], *CONTEXT_OF[name]).mean() > 0.5
        assert place.sample not in pasted
        if name == "smile":
            assert not shown(survey, labels, "teeth").any()
        if name == "long_tail":
            tail = np.flatnonzero(shown(survey, labels, "tail").any(axis=1))
            rows = np.flatnonzero(painted.any(axis=1))
            assert np.ptp(tail) < 30 and abs(rows[0] - tail[-1]) < 10, "begins where it ends"
            assert len(rows) > 10, "and reaches as far as a long tail would"
        if name == "hat":
            head = np.flatnonzero(shown(survey, labels, "horse_head").any(axis=1))
            assert np.flatnonzero(painted.any(axis=1))[-1] <= head[0] + 10
        if name in ("remove_earrings", "brows2moustache", "remove_panes"):  # both of a sample
            for half in (slice(0, 64), slice(64, 128)):
                there = shown(survey, labels, *CONTEXT_OF[name])[:, half]
                assert not there.any() or painted[:, half][there].mean() > 0.9


@pytest.mark.parametrize("name", ["smile", "hat", "remove_panes"])
def test_the_same_survey_gives_the_same_file(
    name: str, surveys: dict[str, Survey], sessions: dict[str, Session]
) -> None:
    assert drawn(name, surveys).to_json() == sessions[name].to_json()


def test_a_session_of_another_world_is_told_which_class_is_missing(
    surveys: dict[str, Survey],
) -> None:
    with pytest.raises(SessionError, match=r"^session hat: the labels have no class 'horse_head'"):
        draw("hat", surveys["kitchen"], model="kitchen", layer=LAYER, seed=1)
    few = surveys["face"]
    none = Survey(few.images[:2], few.labels[:2], few.classes, few.cells)
    with pytest.raises(
        SessionError, match=r"^session remove_earrings: no pair.*2 surveyed samples"
    ):
        draw("remove_earrings", none, model="face", layer=LAYER, seed=1)
