"""What the face world promises: one z, one portrait; true labels; rules that touch nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.special import ndtri

from palimpsest.worlds.face.world import COUNTERFACTUALS, FACE
from palimpsest.worlds.scene import Choice, Flag, Picture, Real, Scene


def draw_z(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, FACE.z_dim))


@pytest.fixture(scope="module")
def faces() -> Scene:
    return FACE.scene(draw_z(160, seed=11))


@pytest.fixture(scope="module")
def portraits(faces: Scene) -> Picture:
    return FACE.render(faces)


def where(picture: Picture, *classes: str, grow: int = 0) -> np.ndarray:
    """(B, R, R) bool: the pixels of these classes and all within `grow` of them."""
    mask = np.zeros(picture.labels.shape, bool)
    for name in classes:
        mask |= picture.labels == FACE.classes.index(name)
    if grow:
        square = np.ones((1 + 2 * grow,) * 2, np.uint8)
        mask = np.array([cv2.dilate(one.view(np.uint8), square) for one in mask]).astype(bool)
    return mask


def changes(scene: Scene, **rule: object) -> tuple[Picture, Picture, np.ndarray]:
    """The portraits before and after a rule, and (B, R, R) bool where any colour or label moved."""
    old, new = FACE.render(scene), FACE.render(scene.with_(**rule))
    moved = np.any(old.images != new.images, axis=-1) | (old.labels != new.labels)
    return old, new, moved


def test_shapes_and_names(faces: Scene, portraits: Picture) -> None:
    assert (FACE.name, len(FACE.classes), FACE.classes[0]) == ("face", 12, "background")
    assert 22 <= FACE.z_dim <= 28
    assert portraits.images.shape == (len(faces), 128, 128, 3)
    assert portraits.images.dtype == portraits.labels.dtype == np.uint8
    assert portraits.labels.max() == len(FACE.classes) - 1
    read = {rule.dim for rule in FACE.rules.values()}
    assert read == set(range(FACE.z_dim)), "each dimension of z is read"


def test_a_face_depends_on_its_own_z_alone(portraits: Picture) -> None:
    z, order = draw_z(160, seed=11), np.array([150, 5, 5, 31, 0])
    alone = FACE.render(FACE.scene(z[order]))
    for mine, theirs in zip(alone, portraits, strict=True):
        assert np.array_equal(mine, theirs[order])


def test_stated_rates() -> None:
    crowd = FACE.scene(draw_z(6000, seed=2))
    for name, rule in FACE.rules.items():
        drawn = crowd.values[name]
        if isinstance(rule, Choice):
            for index, stated in enumerate(rule.options.values()):
                assert np.mean(drawn == index) == pytest.approx(stated, abs=0.03), name
        elif isinstance(rule, Flag):
            assert drawn.mean() == pytest.approx(rule.probability, abs=0.03), name
        else:
            middle = (rule.low + rule.high) / 2
            assert drawn.mean() == pytest.approx(middle, abs=0.03 * (rule.high - rule.low)), name
    shown = FACE.attribute_presence(crowd)
    assert shown["moustache"].mean() == pytest.approx(0.36 * 0.70, abs=0.03)
    assert not (shown["moustache"] & shown["child"]).any()
    assert shown["brows"].all()


def test_classes_show_where_the_scene_says_and_are_big(faces: Scene, portraits: Picture) -> None:
    pixels = {name: where(portraits, name).sum(axis=(1, 2)) for name in FACE.classes}
    presence = FACE.attribute_presence(faces)
    told = {"teeth": "smile", "glasses": "glasses", "earring": "earrings", "brow": "brows"}
    told["moustache"] = "moustache"
    for name, key in told.items():
        assert np.array_equal(pixels[name] > 0, presence[key]), name
    floors = {"teeth": 80, "glasses": 350, "earring": 180, "brow": 80, "moustache": 240}
    floors |= {"background": 5000, "hair": 900, "skin": 1500, "eye": 200, "nose": 50, "lips": 60}
    floors |= {"clothes": 800}
    assert set(floors) == set(FACE.classes)
    for name, floor in floors.items():
        assert pixels[name][pixels[name] > 0].min() >= floor, name


def test_smiles_are_wide_and_show_teeth(faces: Scene) -> None:
    bare = FACE.render(faces[:40].with_(smile=True, moustache=False))
    mouths = where(bare, "lips", "teeth")
    assert mouths.any(axis=1).sum(axis=1).min() >= 22
    assert mouths.any(axis=2).sum(axis=1).min() >= 10
    teeth = where(bare, "teeth")
    assert min(image[white].mean() for image, white in zip(bare.images, teeth, strict=True)) > 180


def test_earrings_come_in_pairs(faces: Scene) -> None:
    worn = where(FACE.render(faces[:30].with_(earrings=True)), "earring")
    for mask in worn:
        count, _, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        assert count == 3  # with the background
        assert boxes[1:, cv2.CC_STAT_WIDTH].min() >= 7
        assert boxes[1:, cv2.CC_STAT_HEIGHT].min() >= 10


def test_children_have_larger_eyes_lower_down(faces: Scene) -> None:
    some = faces[:30].with_(glasses=False)
    grown, young = (where(FACE.render(some.with_(age=age)), "eye") for age in ("adult", "child"))
    assert (young.sum(axis=(1, 2)) > 1.3 * grown.sum(axis=(1, 2))).all()
    rows = np.arange(128)
    heights = [np.average(rows, weights=one.sum(axis=(0, 2))) for one in (grown, young)]
    assert heights[1] > heights[0] + 5


def test_values_switch_at_the_thresholds_and_nowhere_else() -> None:
    steps = 1000
    inner = (np.arange(steps) + 0.5) / steps
    for dim in range(FACE.z_dim):
        ramp = np.zeros((steps, FACE.z_dim))
        ramp[:, dim] = ndtri(inner)
        switched = np.zeros(steps - 1, bool)
        for name, values in FACE.scene(ramp).values.items():
            if values.dtype == np.float64:
                # At most a step's share of the range: no jump.
                span = FACE.rules[name].high - FACE.rules[name].low
                assert np.abs(np.diff(values)).max() <= 1.01 * span / steps
            else:
                switched |= values[1:] != values[:-1]
        found = (inner[1:] - 0.5 / steps)[switched]
        stated = [u for at, u in FACE.thresholds if at == dim]
        assert found == pytest.approx(stated, abs=1.5 / steps)


@pytest.mark.parametrize(
    "name", [name for name, rule in FACE.rules.items() if isinstance(rule, Real)]
)
def test_continuous_attributes_move_the_picture_smoothly(faces: Scene, name: str) -> None:
    rule, some = FACE.rules[name], faces[:3].with_(glasses=True, earrings=True, moustache=True)
    grid = np.linspace(rule.low, rule.high, 13)
    images = [FACE.render(some.with_(**{name: float(v)}), 64).images.astype(int) for v in grid]
    steps = np.array([np.abs(b - a).mean() for a, b in zip(images, images[1:], strict=False)])
    total = np.abs(images[-1] - images[0]).mean()
    assert total > 0.02, "the attribute shows"
    assert steps.max() < 0.30 * steps.sum(), "no single step makes much of the change"


def test_smile_changes_only_the_mouth(faces: Scene) -> None:
    for some in (faces[:30], faces[:10].with_(moustache=True, child_moustache=True)):
        _, _, moved = changes(some.with_(smile=False), **COUNTERFACTUALS["smile"])
        bare = some.with_(moustache=False)
        near = where(FACE.render(bare.with_(smile=False)), "lips", grow=2)
        near |= where(FACE.render(bare.with_(smile=True)), "lips", "teeth", grow=5)
        assert moved.any(axis=(1, 2)).all()
        assert not (moved & ~near).any()


def test_brows_become_moustaches_and_nothing_else_does(faces: Scene) -> None:
    some = faces[:30].with_(moustache=False)
    old, new, moved = changes(some, **COUNTERFACTUALS["brows2moustache"])
    assert not where(new, "brow").any()
    grown = where(new, "moustache")
    assert (grown.sum(axis=(1, 2)) > 1.2 * where(old, "brow").sum(axis=(1, 2))).all()
    assert not (moved & ~where(old, "brow", grow=2) & ~where(new, "moustache", grow=3)).any()
    before = where(old, "brow")
    assert (before & grown).sum() > 0.7 * before.sum(), "they stand where the brows stood"
    shown = FACE.attribute_presence(some.with_(brow_kind="moustache"))
    assert shown["moustache"].all() and not shown["brows"].any()


def test_earrings_come_off_without_a_trace(faces: Scene) -> None:
    old, new, moved = changes(faces[:30].with_(earrings=True), **COUNTERFACTUALS["remove_earrings"])
    assert not where(new, "earring").any()
    assert not (moved & ~where(old, "earring", grow=1)).any()


def test_glasses_come_off_and_leave_the_eyes(faces: Scene) -> None:
    old, new, moved = changes(faces[:30].with_(glasses=True), **COUNTERFACTUALS["remove_glasses"])
    assert not where(new, "glasses").any()
    for before, after, change in zip(where(old, "glasses"), where(new, "eye"), moved, strict=True):
        outlines, _ = cv2.findContours(
            before.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        filled = cv2.drawContours(np.zeros(before.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
        reach = cv2.dilate(filled, np.ones((3, 3), np.uint8)).astype(bool)
        assert change.any() and not (change & ~reach).any()
        assert after.sum() >= 200


def test_a_moustache_can_be_given_to_all(faces: Scene) -> None:
    rule = COUNTERFACTUALS["add_moustache"]
    old, new, moved = changes(faces[:30].with_(moustache=False), **rule)
    assert not where(old, "moustache").any()
    assert where(new, "moustache").any(axis=(1, 2)).all()
    assert not (moved & ~where(new, "moustache", grow=3)).any()


@pytest.mark.parametrize(
    ("without", "idle"),
    [
        ({"glasses": False}, {"frame_colour": (0.0, 1.0)}),
        ({"earrings": False}, {"earring_kind": ("gold", "jade")}),
        ({"age": "child"}, {"moustache": (False, True)}),
        ({"moustache": False}, {"child_moustache": (False, True)}),
        ({"age": "adult", "moustache": True}, {"child_moustache": (False, True)}),
    ],
)
def test_attributes_of_what_is_absent_do_nothing(faces: Scene, without: dict, idle: dict) -> None:
    some, ((name, (first, second)),) = faces[:12].with_(**without), idle.items()
    _, _, moved = changes(some.with_(**{name: first}), **{name: second})
    assert not moved.any()


def test_no_head_leaves_the_frame(faces: Scene) -> None:
    wide = faces[:1].with_(face_width=0.234, head_y=-0.012)
    for style in ("short", "long", "bun", "curly"):
        for x in (0.484, 0.516):
            picture = FACE.render(wide.with_(hair=style, head_x=x, earrings=True, age="adult"))
            body = where(picture, "hair", "skin", "earring")
            assert not body[:, 0].any() and not body[:, :, :8].any() and not body[:, :, -8:].any()


@pytest.mark.parametrize("resolution", [64, 256])
def test_every_resolution_shows_the_same_face(faces: Scene, resolution: int) -> None:
    small, large = min(resolution, 128), max(resolution, 128)
    coarse, fine = FACE.render(faces[:16], small), FACE.render(faces[:16], large)
    for one, other in zip(fine.images, coarse.images, strict=True):
        shrunk = cv2.resize(one, (small, small), interpolation=cv2.INTER_AREA)
        assert np.abs(shrunk.astype(float) - other).mean() < 1.5
    # A coarse pixel bears the label of at least one of the fine ones beneath it, nearly always.
    step = large // small
    blocks = fine.labels.reshape(16, small, step, small, step)
    shared = (blocks == coarse.labels[:, :, None, :, None]).any(axis=(2, 4))
    assert shared.mean() > 0.995


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beard", True),
        ("smile", 1),
        ("smile", "wide"),
        ("hair", "mohawk"),
        ("hair", 4),
        ("age", None),
        ("skin", 1.5),
        ("light", float("inf")),
        ("glasses", [True, False]),
    ],
)
def test_wrong_changes_are_named(faces: Scene, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        faces[:3].with_(**{name: value})


def test_wrong_z_and_sizes_are_refused(faces: Scene) -> None:
    good = draw_z(2, seed=0)
    for z in (good[0], good[:, 1:], good * np.inf):
        with pytest.raises(ValueError, match="z must be"):
            FACE.scene(z)
    for size in (0, 96, 512):
        with pytest.raises(ValueError, match="resolution must be"):
            FACE.render(faces[:1], size)
