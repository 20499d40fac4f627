"""The church world keeps its promises: determinism, exact labels, rates, clean counterfactuals."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.special import ndtri

from palimpsest.errors import WorldError
from palimpsest.worlds import Picture, Scene, World, get_world
from palimpsest.worlds.scene import Choice, Flag, Real

TOPS = ("dome", "spire", "battlement")
MARKS = ("watermark_middle", "watermark_strip")


@pytest.fixture(scope="module")
def world() -> World:
    return get_world("church")


@pytest.fixture(scope="module")
def z(world: World) -> np.ndarray:
    return np.random.RandomState(3).standard_normal((400, world.z_dim))


@pytest.fixture(scope="module")
def scene(world: World, z: np.ndarray) -> Scene:
    return world.scene(z)


@pytest.fixture(scope="module")
def picture(world: World, scene: Scene) -> Picture:
    return world.render(scene)


def area(world: World, labels: np.ndarray, *names: str, margin: int = 0) -> np.ndarray:
    """(B, R, R) bool: where the labels are one of the classes, grown by `margin` pixels."""
    mask = np.isin(labels, [world.classes.index(name) for name in names]).astype(np.uint8)
    if margin:
        kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
        mask = np.stack([cv2.dilate(one, kernel) for one in mask])
    return mask.astype(bool)


def differs(first: Picture, second: Picture) -> np.ndarray:
    """(B, R, R) bool: where two pictures differ in image or label."""
    return (first.images != second.images).any(axis=3) | (first.labels != second.labels)


def test_interface(world: World, picture: Picture) -> None:
    assert world.name == "church"
    assert world.z_dim <= 28
    assert len(world.classes) == 16
    assert picture.images.shape == (400, 128, 128, 3) and picture.images.dtype == np.uint8
    assert picture.labels.shape == (400, 128, 128) and picture.labels.dtype == np.uint8
    assert picture.labels.max() < len(world.classes)
    assert set(world.attributes) == set(world.rules)


def test_same_z_same_bytes(world: World, z: np.ndarray, picture: Picture) -> None:
    again = world.render(world.scene(z[:40].copy()))
    assert np.array_equal(again.images, picture.images[:40])
    assert np.array_equal(again.labels, picture.labels[:40])


def test_subset_of_the_render_is_the_render_of_the_subset(
    world: World, scene: Scene, picture: Picture
) -> None:
    picked = [7, 3, 3, 211]
    part = world.render(scene[picked])
    assert np.array_equal(part.images, picture.images[picked])
    assert np.array_equal(part.labels, picture.labels[picked])
    assert len(scene[5]) == 1 and len(scene[:9]) == 9


def test_rates_are_the_stated_ones(world: World) -> None:
    many = world.scene(np.random.RandomState(0).standard_normal((4000, world.z_dim)))
    for name, rule in world.rules.items():
        values = many.values[name]
        if isinstance(rule, Choice):
            shares = np.bincount(values, minlength=len(rule.names)) / len(many)
            assert np.abs(shares - list(rule.options.values())).max() < 0.05, name
        elif isinstance(rule, Flag):
            assert abs(values.mean() - rule.probability) < 0.05, name
        else:
            assert isinstance(rule, Real)
            assert values.min() >= rule.low and values.max() <= rule.high, name


def test_every_class_shows_where_the_scene_says(
    world: World, scene: Scene, picture: Picture
) -> None:
    presence = world.attribute_presence(scene)
    shown = {
        name: (picture.labels == index).sum(axis=(1, 2)) for index, name in enumerate(world.classes)
    }
    assert all(pixels.max() > 20 for pixels in shown.values())
    pairs = {
        "dome": "dome",
        "spire": "spire",
        "square": "battlement",
        "people": "person",
        "tree": "tree",
        "watermark_middle": "watermark_middle",
        "watermark_strip": "watermark_strip",
    }
    for attribute, name in pairs.items():
        assert np.array_equal(presence[attribute], shown[name] > 0), attribute
    for name, floor in (("dome", 200), ("spire", 180), ("battlement", 100)):
        assert shown[name][shown[name] > 0].min() >= floor, name


def test_scenes_jump_only_at_the_thresholds(world: World) -> None:
    for dim, u in world.thresholds:
        near = np.zeros((2, world.z_dim))
        near[:, dim] = ndtri(u) + np.array([-1e-6, 1e-6])
        values = world.scene(near).values
        assert any(v.dtype != np.float64 and v[0] != v[1] for v in values.values()), (dim, u)
    for dim in range(world.z_dim):
        grid = np.zeros((2000, world.z_dim))
        u = (np.arange(2000) + 0.5) / 2000
        grid[:, dim] = ndtri(u)
        edges = [edge for at, edge in world.thresholds if at == dim]
        for name, values in world.scene(grid).values.items():
            if world.rules[name].dim == dim and values.dtype != np.float64:
                jumps = u[1:][np.diff(values.astype(int)) != 0]
                assert all(min(abs(jump - edge) for edge in edges) < 1e-3 for jump in jumps)


@pytest.mark.parametrize("top", ["spire", "square"])
def test_another_top_changes_only_the_tops(world: World, scene: Scene, top: str) -> None:
    some = scene[:60]
    before, after = world.render(some.with_(top="dome")), world.render(some.with_(top=top))
    allowed = area(world, before.labels, *TOPS, margin=2) | area(
        world, after.labels, *TOPS, margin=2
    )
    # Letters over a top take its label but still show it through.
    allowed |= area(world, before.labels, *MARKS, margin=2)
    changed = differs(before, after)
    assert changed.any(axis=(1, 2)).all()
    assert not (changed & ~allowed).any()


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("middle", ("watermark_middle",)),
        ("both", ("watermark_middle", "watermark_strip")),
        ("bottom", ("watermark_strip",)),
    ],
)
def test_watermarks_change_only_their_area(
    world: World, scene: Scene, place: str, shown: tuple[str, ...]
) -> None:
    some = scene[:60].with_(watermark_place=place)
    before, after = (world.render(some.with_(watermark=marked)) for marked in (False, True))
    clean = area(world, after.labels, *MARKS, margin=3)
    assert not (differs(before, after) & ~clean).any()
    for name in MARKS:
        seen = area(world, after.labels, name).any(axis=(1, 2))
        assert seen.all() if name in shown else not seen.any()
    assert not area(world, before.labels, *MARKS).any()


def test_both_marks_are_the_same_letters(world: World, scene: Scene) -> None:
    marked = world.render(scene[:1].with_(watermark=True, watermark_place="both")).labels[0]
    middle, bottom = (marked == world.classes.index(name) for name in MARKS)
    assert np.array_equal(np.roll(middle, 48, axis=0), bottom)


def test_marks_come_together_more_often_than_not(world: World) -> None:
    z = np.random.RandomState(3).standard_normal((4000, world.z_dim))
    shown = world.attribute_presence(world.scene(z))
    middle, bottom = (shown[name] for name in MARKS)
    assert 0.23 < middle.mean() < 0.28 and 0.23 < bottom.mean() < 0.28
    assert (middle & bottom).sum() > 1.2 * (middle ^ bottom).sum()


def test_mirror_flips_all_but_the_watermarks(world: World, scene: Scene) -> None:
    plain = scene[:20].with_(watermark=False)
    before, after = world.render(plain.with_(mirror=False)), world.render(plain.with_(mirror=True))
    assert np.array_equal(before.images[:, :, ::-1], after.images)
    assert np.array_equal(before.labels[:, :, ::-1], after.labels)
    both = plain.with_(watermark=True, watermark_place="both")
    letters = [
        area(world, world.render(both.with_(mirror=side)).labels, *MARKS) for side in (False, True)
    ]
    assert np.array_equal(*letters)


def test_no_top_touches_the_frame(world: World, picture: Picture) -> None:
    tops = area(world, picture.labels, *TOPS, "tower", "roof")
    assert not tops[:, :3].any()
    assert not tops[:, :, :3].any() and not tops[:, :, -3:].any()


def test_tallest_top_stays_in_the_frame(world: World, scene: Scene) -> None:
    extreme = scene[:1].with_(tower_height=0.40, tower_width=0.150, base_y=0.745)
    for top in ("dome", "spire", "square"):
        labels = world.render(extreme.with_(top=top, watermark=False)).labels
        assert not area(world, labels, *TOPS)[:, :3].any()


@pytest.mark.parametrize("resolution", [32, 64, 256])
def test_resolutions_agree(world: World, scene: Scene, resolution: int) -> None:
    low, high = sorted((resolution, 128))
    coarse, fine = world.render(scene[:12], low).images, world.render(scene[:12], high).images
    step = high // low
    means = fine.reshape(12, low, step, low, step, 3).mean(axis=(2, 4))
    assert np.abs(means - coarse).mean() < (3.0 if low == 32 else 2.0)


def test_with_takes_names_indices_and_rows(scene: Scene) -> None:
    assert (scene.with_(top="spire").named("top") == "spire").all()
    assert (scene.with_(top=2).values["top"] == 2).all()
    some = scene[:2].with_(top=["dome", "square"], light=[-1.0, 0.5], mirror=[True, False])
    assert some.named("top").tolist() == ["dome", "square"]
    assert some.values["light"].tolist() == [-1.0, 0.5]
    assert some.values["mirror"].tolist() == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"steeple": "dome"},
        {"top": "pagoda"},
        {"top": 4},
        {"top": True},
        {"mirror": 1},
        {"light": 2.0},
        {"light": float("nan")},
        {"light": "left"},
        {"light": True},
        {"top": ["dome"]},
    ],
)
def test_bad_changes_are_refused(scene: Scene, change: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        scene.with_(**change)


def test_bad_requests_are_refused(world: World, scene: Scene, z: np.ndarray) -> None:
    with pytest.raises(WorldError, match="church"):
        get_world("cathedral")
    with pytest.raises(ValueError, match="z must be"):
        world.scene(z[:, :-1])
    with pytest.raises(ValueError, match="finite"):
        world.scene(np.full((1, world.z_dim), np.nan))
    with pytest.raises(ValueError, match="resolution"):
        world.render(scene[:1], 100)
    with pytest.raises(ValueError, match="categorical"):
        scene.named("light")
