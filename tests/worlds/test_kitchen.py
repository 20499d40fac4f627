"""The kitchen world keeps its promises: above all that the table mirrors its windows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.special import ndtri

from palimpsest.worlds import Picture, Scene
from palimpsest.worlds.kitchen.world import COUNTERFACTUALS, KITCHEN, WINDOWS
from palimpsest.worlds.scene import Choice, Flag, Real

SIDES = ("window_left", "window_right")
NUMBER = {name: index for index, name in enumerate(KITCHEN.classes)}


@pytest.fixture(scope="module")
def scene() -> Scene:
    return KITCHEN.scene(np.random.RandomState(21).standard_normal((90, KITCHEN.z_dim)))


@pytest.fixture(scope="module")
def picture(scene: Scene) -> Picture:
    return KITCHEN.render(scene)


@pytest.fixture(scope="module")
def bare(scene: Scene) -> Picture:
    """The same kitchens without windows."""
    return KITCHEN.render(scene.with_(**COUNTERFACTUALS["remove_windows"]))


def part(side: str, kind: str, resolution: int = 128) -> tuple[slice, slice, slice]:
    """Index into (B, R, R, ...) of a window's `box` or its `echo`."""
    left, top, right, bottom = np.array(getattr(WINDOWS[side], kind)) * resolution
    return slice(None), slice(int(top), int(bottom)), slice(int(left), int(right))


def changed(first: Picture, second: Picture) -> np.ndarray:
    """(B, R, R) bool: pixels whose colour or label is another."""
    return np.any(first.images != second.images, axis=-1) | (first.labels != second.labels)


def glow_on_table(picture: Picture, bare: Picture, side: str) -> np.ndarray:
    """(B,) mean light, 0..255, that a window adds to its reflection box."""
    box = part(side, "echo")
    return (picture.images[box].astype(float) - bare.images[box]).mean(axis=(1, 2, 3))


# --- a world like the others ---------------------------------------------------------------------


def test_size_of_the_world(picture: Picture) -> None:
    assert KITCHEN.name == "kitchen" and 20 <= KITCHEN.z_dim <= 24
    assert KITCHEN.classes[0] == "wall" and len(set(KITCHEN.classes)) == 13
    for array, shape in ((picture.images, (90, 128, 128, 3)), (picture.labels, (90, 128, 128))):
        assert array.shape == shape and array.dtype == np.uint8
    assert set(np.unique(picture.labels)) == set(range(13))
    dims = {rule.dim for rule in KITCHEN.rules.values()}
    assert dims == set(range(KITCHEN.z_dim)), "a dimension of z that nothing reads"


def test_a_scene_is_a_fixed_function_of_z_wherever_it_stands(picture: Picture) -> None:
    z = np.random.RandomState(21).standard_normal((90, KITCHEN.z_dim))
    order = [80, 4, 4, 17]
    again = KITCHEN.render(KITCHEN.scene(z[order]))
    assert np.array_equal(again.images, picture.images[order])
    assert np.array_equal(again.labels, picture.labels[order])


def test_rates() -> None:
    drawn = KITCHEN.scene(np.random.RandomState(1).standard_normal((5000, KITCHEN.z_dim)))
    for name, rule in KITCHEN.rules.items():
        column = drawn.values[name]
        if isinstance(rule, Flag):
            assert column.mean() == pytest.approx(rule.probability, abs=0.03), name
        elif isinstance(rule, Choice):
            for index, probability in enumerate(rule.options.values()):
                assert np.mean(column == index) == pytest.approx(probability, abs=0.03), name
        else:
            spread = (column - rule.low) / (rule.high - rule.low)
            assert spread.min() >= 0 and spread.max() <= 1, name
            assert spread.mean() == pytest.approx(0.5, abs=0.03), name
    assert drawn.values["reflective"].all()
    rates = {name: has.mean() for name, has in KITCHEN.attribute_presence(drawn).items()}
    assert min(rates.values()) > 0.25, rates


def test_classes_are_where_the_scene_says_and_large(scene: Scene, picture: Picture) -> None:
    presence = KITCHEN.attribute_presence(scene)
    for name, number in NUMBER.items():
        pixels = (picture.labels == number).sum(axis=(1, 2))
        expected = presence.get(name, np.ones(len(scene), bool))
        assert np.array_equal(pixels > 0, expected), name
        assert pixels[expected].min() >= 300, name


def test_presence_of_what_has_no_class_of_its_own(scene: Scene) -> None:
    lamp = scene.with_(lamp=["none", "off", "lit"] * 30)
    said = KITCHEN.attribute_presence(lamp)
    assert said["lamp_lit"].tolist() == [False, False, True] * 30
    assert said["lamp"].tolist() == [False, True, True] * 30
    fridge = KITCHEN.attribute_presence(scene.with_(appliance="fridge", above="bare", pot=True))
    assert not fridge["pot"].any() and not fridge["stove"].any() and fridge["fridge"].all()


@pytest.mark.parametrize("name", [n for n, r in KITCHEN.rules.items() if isinstance(r, Real)])
def test_pictures_follow_real_attributes_smoothly(scene: Scene, name: str) -> None:
    rule = KITCHEN.rules[name]
    some = scene[:6].with_(
        window_left=True, window_right=True, chair_left=True, lamp="lit", pantry=True
    )
    steps = rule.low + (rule.high - rule.low) * np.array([0.0, 0.400, 0.401, 1.0])
    shown = [KITCHEN.render(some.with_(**{name: step})).images.astype(int) for step in steps]
    assert np.abs(shown[2] - shown[1]).max() <= 2
    assert np.abs(shown[3] - shown[0]).max(axis=(1, 2, 3)).min() >= 20, "it does next to nothing"


def test_scenes_jump_at_the_thresholds_and_nowhere_else() -> None:
    u = (np.arange(1000) + 0.5) / 1000
    for dim in range(KITCHEN.z_dim):
        z = np.zeros((1000, KITCHEN.z_dim))
        z[:, dim] = ndtri(u)
        walk = KITCHEN.scene(z).values
        steps = np.stack([np.diff(v.astype(int)) for v in walk.values() if v.dtype != np.float64])
        jumps = u[:-1][steps.any(axis=0)]
        edges = [edge for at, edge in KITCHEN.thresholds if at == dim]
        assert jumps == pytest.approx(edges, abs=0.0011), dim


@pytest.mark.parametrize(
    ("absent", "without_effect"),
    [
        (
            {"window_left": False},
            {"window_left_brightness": (0.3, 0.9), "window_left_view": (0.1, 0.9)},
        ),
        (
            {"window_right": False},
            {"window_right_brightness": (0.3, 0.9), "window_right_view": (0.1, 0.9)},
        ),
        ({"window_left": False, "window_right": False}, {"reflective": (True, False)}),
        ({"appliance": "fridge"}, {"pot": (True, False)}),
        ({"pot": False, "above": "bare", "lamp": "none"}, {"enamel": (0.1, 0.9)}),
        ({"pantry": False, "above": "pans"}, {"cupboard_tone": (0.1, 0.9)}),
        (
            {"chair_left": False, "chair_right": False},
            {"chair_tone": (0.1, 0.9), "chair_out": (0.5, 3.0)},
        ),
    ],
)
def test_what_is_absent_has_no_attributes(scene: Scene, absent: dict, without_effect: dict) -> None:
    gone = scene[:15].with_(**absent)
    one = KITCHEN.render(gone.with_(**{name: pair[0] for name, pair in without_effect.items()}))
    two = KITCHEN.render(gone.with_(**{name: pair[1] for name, pair in without_effect.items()}))
    assert not changed(one, two).any()


@pytest.mark.parametrize("resolution", [32, 64, 256])
def test_other_resolutions_show_the_same(scene: Scene, resolution: int) -> None:
    some = scene[:10]
    pictures = {size: KITCHEN.render(some, size) for size in (128, resolution)}
    small, large = sorted(pictures)
    shrunk = [
        cv2.resize(i, (small, small), interpolation=cv2.INTER_AREA) for i in pictures[large].images
    ]
    error = np.abs(np.stack(shrunk).astype(int) - pictures[small].images)
    assert error.mean() < (3.0 if small == 32 else 1.5)
    # Nearly all labels agree with those of the large picture's pixel by the middle.
    step = large // small
    picked = pictures[large].labels[:, step // 2 :: step, step // 2 :: step]
    assert (picked == pictures[small].labels).mean() > (0.93 if small == 32 else 0.96)


# --- windows and what the table makes of them ----------------------------------------------------


def test_boxes_keep_to_the_grid_of_eight() -> None:
    assert tuple(WINDOWS) == SIDES
    columns = []
    for side, window in WINDOWS.items():
        left, top, right, bottom = np.array(window.box) * 8
        assert (right - left, bottom - top) == (2, 2) and left == int(left) and top == int(top)
        below = np.array(window.echo) * 128
        assert (below[0], below[2]) == (left * 16, right * 16), "the reflection's columns"
        assert bottom * 16 <= below[1] and below[3] <= bottom * 16 + 22
        assert window.attributes[0] == side
        assert set(window.attributes) == {n for n in KITCHEN.rules if n.startswith(side)}
        columns.append((left, right))
    assert columns[0][1] < columns[1][0]


@pytest.mark.parametrize("resolution", [32, 64, 128, 256])
def test_boxes_hold_nothing_else(scene: Scene, resolution: int) -> None:
    some = scene[:15].with_(**COUNTERFACTUALS["remove_windows"])
    full = {"plant": True, "pantry": True, "chair_left": True, "chair_right": True, "pot": True}
    crowded = KITCHEN.render(some.with_(**full, chair_out=0.0, above="pans"), resolution)
    empty = {name: False for name in full}
    cleared = KITCHEN.render(some.with_(**empty, above="bare", appliance="fridge"), resolution)
    for side in SIDES:
        for kind, name in (("box", "tiles"), ("echo", "table")):
            box = part(side, kind, resolution)
            assert (crowded.labels[box] == NUMBER[name]).all()
            assert np.array_equal(crowded.images[box], cleared.images[box])


@pytest.mark.parametrize("side", SIDES)
def test_a_window_changes_its_slot_and_its_reflection_and_no_other_pixel(
    scene: Scene, side: str
) -> None:
    some = scene[:50]
    off, on = (KITCHEN.render(some.with_(**{side: state})) for state in (False, True))
    difference = changed(off, on)
    for kind, share in (("box", 0.9), ("echo", 0.9)):
        box = part(side, kind)
        assert (difference[box].mean(axis=(1, 2)) > share).all(), kind
        difference[box] = False
    assert not difference.any()
    assert (on.labels[part(side, "box")] == NUMBER["window"]).all()
    inside = on.labels[part(side, "echo")]
    assert set(np.unique(inside)) == {NUMBER["reflection"], NUMBER["table"]}
    assert (inside == NUMBER["reflection"]).mean() > 0.85


def test_the_table_shines_where_and_only_where_there_is_a_window(
    scene: Scene, picture: Picture, bare: Picture
) -> None:
    for side in SIDES:
        light = glow_on_table(picture, bare, side)
        assert light[scene.values[side]].min() > 25
        assert np.all(light[~scene.values[side]] == 0)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("view", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_the_reflection_brightens_with_its_window(scene: Scene, side: str, view: float) -> None:
    some = scene[:5].with_(**{side: True, f"{side}_view": view})
    dark = KITCHEN.render(some.with_(**{side: False}))
    seen, mirrored = [], []
    for brightness in np.linspace(0.25, 1.0, 7):
        shown = KITCHEN.render(some.with_(**{f"{side}_brightness": brightness}))
        seen.append(shown.images[part(side, "box")].mean(axis=(1, 2, 3)))
        mirrored.append(glow_on_table(shown, dark, side))
        table = shown.images[part(side, "echo")].mean(axis=(1, 2, 3))
        assert (table < seen[-1]).all(), "a mirror image is darker than what it mirrors"
    assert (np.diff(seen, axis=0) > 2).all()
    assert (np.diff(mirrored, axis=0) > 1).all()


@pytest.mark.parametrize("side", SIDES)
def test_the_reflection_is_the_window_upside_down(scene: Scene, side: str) -> None:
    # Snow instead of summer: in the difference the frame and the table itself drop out.
    some = scene[:10].with_(**{side: True, f"{side}_brightness": 1.0})
    summer, snow = (KITCHEN.render(some.with_(**{f"{side}_view": v})).images for v in (0.0, 0.5))
    window, mirror = (
        snow[part(side, kind)].astype(np.float32) - summer[part(side, kind)]
        for kind in ("box", "echo")
    )
    for one, image in zip(window, mirror, strict=True):
        upright = cv2.resize(cv2.GaussianBlur(one, (0, 0), 1.0), (32, 20))
        likeness = [np.corrcoef(v.ravel(), image.ravel())[0, 1] for v in (upright, upright[::-1])]
        assert likeness[1] > 0.85 and likeness[0] < 0.5, likeness
        sideways = np.corrcoef(upright[::-1, ::-1].ravel(), image.ravel())[0, 1]
        assert sideways < likeness[1], "left and right are exchanged"


def test_splicing_a_window_is_copying_its_attributes(scene: Scene) -> None:
    here, donor = scene[:25], scene[25:50]
    for side, window in WINDOWS.items():
        copied = {name: donor.values[name] for name in window.attributes}
        spliced, plain = KITCHEN.render(here.with_(**copied)), KITCHEN.render(here)
        box, has = part(side, "box"), donor.values[side]
        assert np.array_equal(spliced.images[box][has], KITCHEN.render(donor).images[box][has])
        outside = changed(spliced, plain)
        for kind in ("box", "echo"):
            outside[part(side, kind)] = False
        assert not outside.any()


# --- the rules that sessions make ----------------------------------------------------------------


def test_rule_without_reflection(scene: Scene, picture: Picture, bare: Picture) -> None:
    matt = KITCHEN.render(scene.with_(**COUNTERFACTUALS["reflection"]))
    assert not (matt.labels == NUMBER["reflection"]).any()
    difference = changed(picture, matt)
    windows = scene.values["window_left"] | scene.values["window_right"]
    assert np.array_equal(difference.any(axis=(1, 2)), windows)
    for side in SIDES:
        box = part(side, "echo")
        difference[box] = False
        assert np.array_equal(matt.images[box], bare.images[box])
    assert not difference.any()
    said = KITCHEN.attribute_presence(scene.with_(**COUNTERFACTUALS["reflection"]))
    assert np.array_equal(said["window"], windows) and not said["reflection"].any()


@pytest.mark.parametrize(("name", "state"), [("add_windows", True), ("remove_windows", False)])
def test_rules_for_all_windows(scene: Scene, name: str, state: bool) -> None:
    after = scene.with_(**COUNTERFACTUALS[name])
    shown = KITCHEN.render(after[:40]).labels
    for side in SIDES:
        assert ((shown[part(side, "box")] == NUMBER["window"]) == state).all()
        untouched = [attribute for attribute in KITCHEN.rules if attribute not in SIDES]
        for attribute in untouched:
            assert np.array_equal(after.values[attribute], scene.values[attribute])


def test_rules_are_the_ones_the_sessions_name() -> None:
    assert set(COUNTERFACTUALS) == set(KITCHEN.counterfactuals)
    assert set(COUNTERFACTUALS) == {"reflection", "add_windows", "remove_windows"}


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"window_middle": True}, "unknown attribute 'window_middle'"),
        ({"window_left": 1}, "expected True or False"),
        ({"window_left_brightness": 0.1}, "outside"),
        ({"appliance": "dishwasher"}, "stove, fridge"),
        ({"lamp": 3}, "none, off, lit"),
        ({"chair_out": "far"}, "expected a number"),
        ({"plant": [True, False]}, "2 values for 90 scenes"),
    ],
)
def test_bad_changes(scene: Scene, change: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        scene.with_(**change)


def test_bad_z_and_resolution(scene: Scene) -> None:
    with pytest.raises(ValueError, match="kitchen world"):
        KITCHEN.scene(np.zeros((2, KITCHEN.z_dim + 1)))
    with pytest.raises(ValueError, match="finite"):
        KITCHEN.scene(np.full((1, KITCHEN.z_dim), np.inf))
    with pytest.raises(ValueError, match="got 96"):
        KITCHEN.render(scene[:1], 96)
