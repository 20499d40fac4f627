"""The horse world keeps its promises: one z one picture, exact labels, tidy rules."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from scipy.special import ndtri

from palimpsest.worlds.horse.world import HORSE
from palimpsest.worlds.scene import Flag, Picture, Real, Scene

POSES = ("standing", "walking", "grazing")
RIDING = ("rider", "saddle", "hat")
HORSE_PARTS = ("tail", "horse_legs", "horse_body", "horse_head", "mane")


@pytest.fixture(scope="module")
def z() -> np.ndarray:
    return np.random.RandomState(11).standard_normal((240, HORSE.z_dim))


@pytest.fixture(scope="module")
def scenes(z: np.ndarray) -> Scene:
    return HORSE.scene(z)


@pytest.fixture(scope="module")
def drawn(scenes: Scene) -> Picture:
    return HORSE.render(scenes)


def where_labelled(labels: np.ndarray, *names: str) -> np.ndarray:
    """Bool, like labels: where they are one of these classes."""
    return np.isin(labels, [HORSE.classes.index(name) for name in names])


def counts(labels: np.ndarray, *names: str) -> np.ndarray:
    """(B,) pixels of these classes."""
    return where_labelled(labels, *names).sum(axis=(1, 2))


def stray(before: Picture, after: Picture, *names: str, reach: int = 2) -> np.ndarray:
    """(B,) pixels that changed farther than `reach` from these classes, before or after."""
    changed = (before.images != after.images).any(axis=3) | (before.labels != after.labels)
    assert changed.any()
    own = where_labelled(before.labels, *names) | where_labelled(after.labels, *names)
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    near = np.stack([cv2.dilate(one.astype(np.uint8), square) for one in own]).astype(bool)
    return (changed & ~near).sum(axis=(1, 2))


def same(first: Picture, second: Picture) -> bool:
    return np.array_equal(first.images, second.images) and np.array_equal(
        first.labels, second.labels
    )


def test_shape_of_the_world(drawn: Picture) -> None:
    assert HORSE.name == "horse"
    assert 22 <= HORSE.z_dim <= 28
    assert HORSE.classes[0] == "sky" and len(set(HORSE.classes)) == len(HORSE.classes)
    assert {rule.dim for rule in HORSE.rules.values()} == set(range(HORSE.z_dim))
    assert drawn.images.shape == (240, 128, 128, 3) and drawn.images.dtype == np.uint8
    assert drawn.labels.shape == (240, 128, 128) and drawn.labels.dtype == np.uint8


def test_a_picture_depends_on_its_own_z_alone(z: np.ndarray, drawn: Picture) -> None:
    order = [17, 4, 4, 101]
    again = HORSE.render(HORSE.scene(z[order].astype(np.float64)))
    assert same(again, Picture(drawn.images[order], drawn.labels[order]))


def test_stated_rates_hold() -> None:
    many = HORSE.scene(np.random.RandomState(5).standard_normal((6000, HORSE.z_dim)))
    for name, rule in HORSE.rules.items():
        column = many.values[name]
        if isinstance(rule, Real):
            middle = (rule.low + rule.high) / 2
            assert abs(column.mean() - middle) < 0.03 * (rule.high - rule.low), name
        elif isinstance(rule, Flag):
            assert abs(column.mean() - rule.probability) < 0.03, name
        else:
            rates = [(column == index).mean() for index in range(len(rule.names))]
            assert np.allclose(rates, list(rule.options.values()), atol=0.03), name
    shown = HORSE.presence(many)
    assert abs(shown["hat"].mean() - 0.50 * 0.55) < 0.03
    assert min(rate.mean() for rate in shown.values()) > 0.2


def test_no_horse_wears_a_hat_by_itself() -> None:
    far_out = np.full((2, HORSE.z_dim), 40.0) * [[1], [-1]]
    assert not HORSE.scene(far_out).values["horse_hat"].any()


def test_classes_show_where_the_scene_says(scenes: Scene, drawn: Picture) -> None:
    shown = HORSE.presence(scenes)
    for key, name in {"rider": "rider", "hat": "hat", "fence": "fence", "tree": "tree"}.items():
        assert np.array_equal(shown[key], counts(drawn.labels, name) > 0), key
    assert np.array_equal(shown["rider"], counts(drawn.labels, "saddle") > 0)
    floors = {
        "sky": 2500,
        "hill": 90,
        "ground": 2500,
        "tree": 150,
        "fence": 400,
        "tail": 60,
        "horse_legs": 500,
        "horse_body": 800,
        "horse_head": 250,
        "mane": 150,
        "saddle": 120,
        "rider": 600,
        "hat": 110,
    }
    assert tuple(floors) == HORSE.classes
    for name, floor in floors.items():
        pixels = counts(drawn.labels, name)
        assert pixels[pixels > 0].min() >= floor, name
    for name in (*HORSE_PARTS, "sky", "ground"):
        assert counts(drawn.labels, name).all(), name


def test_long_tails_are_much_longer(scenes: Scene) -> None:
    some = scenes[:40]
    short, long = (HORSE.render(some.with_(tail=kind)).labels for kind in ("short", "long"))
    drop = [where_labelled(one, "tail").any(axis=2).sum(axis=1) for one in (short, long)]
    assert drop[0].max() <= 22 and drop[1].min() >= 36
    assert (counts(long, "tail") > 2 * counts(short, "tail")).all()


def test_attributes_jump_only_at_the_thresholds() -> None:
    edges: dict[int, list[float]] = {dim: [] for dim in range(HORSE.z_dim)}
    for dim, u in HORSE.thresholds:
        edges[dim].append(u)
    base = np.random.RandomState(2).standard_normal(HORSE.z_dim)
    u = (np.arange(1500) + 0.5) / 1500
    for dim, listed in edges.items():
        line = np.repeat(base[None], len(u), axis=0)
        line[:, dim] = ndtri(u)
        seen: set[int] = set()
        for column in HORSE.scene(line).values.values():
            if column.dtype == np.float64:
                assert np.abs(np.diff(column)).max() < 0.01
            else:
                seen |= set(np.flatnonzero(np.diff(column.astype(int))).tolist())
        assert len(seen) == len(listed), dim
        assert all(min(abs(u[at] - edge) for edge in listed) < 1e-3 for at in seen), dim


def test_pictures_change_little_with_the_reals(scenes: Scene) -> None:
    one = scenes[np.flatnonzero(HORSE.presence(scenes)["hat"])[:1]]
    before = HORSE.render(one).images.astype(float)
    for name, rule in HORSE.rules.items():
        if isinstance(rule, Real):
            value = one.values[name][0]
            nudge = 0.002 * (rule.high - rule.low)
            value += nudge if value + nudge <= rule.high else -nudge
            after = HORSE.render(one.with_(**{name: value})).images
            # A pixel has 4 × 4 samples: up to three may tip at once, but nothing jumps.
            assert np.abs(after - before).max() <= 48, name


@pytest.mark.parametrize("pose", POSES)
def test_a_hat_goes_on_the_horse_and_nowhere_else(scenes: Scene, pose: str) -> None:
    some = scenes[:30].with_(pose=pose, rider=False)
    before = HORSE.render(some)
    after = HORSE.render(some.with_(**HORSE.counterfactuals["hat"]))
    assert not stray(before, after, "hat").any()
    hat, head = (where_labelled(after.labels, name) for name in ("hat", "horse_head"))
    assert (hat.any(axis=1).sum(axis=1) >= 16).all() and (hat.any(axis=2).sum(axis=1) >= 9).all()
    # The near ear stands before the hat: there is hat on both sides of it.
    left = np.maximum.accumulate(hat, axis=2)
    right = np.maximum.accumulate(hat[:, :, ::-1], axis=2)[:, :, ::-1]
    assert (counts(after.labels, "horse_head") > 200).all()
    assert ((head & left & right).sum(axis=(1, 2)) >= 6).all()


def test_the_hats_of_horse_and_rider_are_alike(scenes: Scene) -> None:
    dressed = scenes[:40].with_(rider=True)
    by_rider = HORSE.render(dressed.with_(rider_hat=True)).labels
    by_horse = HORSE.render(dressed.with_(rider_hat=False, horse_hat=True)).labels
    ratio = counts(by_horse, "hat") / counts(by_rider, "hat")
    assert ratio.min() > 0.6 and ratio.max() < 1.1


def test_a_longer_tail_changes_only_the_tail(scenes: Scene) -> None:
    some = scenes[:60].with_(tail="short")
    before = HORSE.render(some)
    after = HORSE.render(some.with_(**HORSE.counterfactuals["long_tail"]))
    assert not stray(before, after, "tail").any()
    already = scenes.with_(tail="long")[:5]
    assert same(
        HORSE.render(already), HORSE.render(already.with_(**HORSE.counterfactuals["long_tail"]))
    )


def test_without_the_rider_all_else_stays(scenes: Scene) -> None:
    some = scenes[np.flatnonzero(HORSE.presence(scenes)["rider"])[:60]]
    before = HORSE.render(some)
    after = HORSE.render(some.with_(**HORSE.counterfactuals["remove_rider"]))
    assert not stray(before, after, *RIDING).any()
    assert not counts(after.labels, *RIDING).any()


@pytest.mark.parametrize(
    ("without", "idle"),
    [
        ({"rider": False}, {"rider_hat": True, "jacket": "green", "hat_colour": "red"}),
        ({"rider": True, "rider_hat": False}, {"hat_colour": "blue"}),
        ({"tree_behind": False, "tree_ahead": False}, {"tree_kind": "fir", "tree_size": 0.9}),
    ],
)
def test_what_is_absent_has_no_attributes(
    scenes: Scene, without: dict[str, Any], idle: dict[str, Any]
) -> None:
    some = scenes[:12].with_(**without)
    assert same(HORSE.render(some), HORSE.render(some.with_(**idle)))


def test_mirror_turns_the_whole_picture(scenes: Scene) -> None:
    right, left = (HORSE.render(scenes[:15].with_(mirror=side)) for side in (False, True))
    assert same(left, Picture(right.images[:, :, ::-1], right.labels[:, :, ::-1]))
    columns = np.arange(128)
    for labels, sign in ((right.labels, 1), (left.labels, -1)):
        head, tail = (where_labelled(labels, name) for name in ("horse_head", "tail"))
        gap = [
            columns[h.any(axis=0)].mean() - columns[t.any(axis=0)].mean()
            for h, t in zip(head, tail, strict=True)
        ]
        assert (sign * np.array(gap) > 60).all()


@pytest.mark.parametrize("pose", POSES)
def test_the_horse_stays_in_the_frame(scenes: Scene, pose: str) -> None:
    reach = {"tail": "long", "tail_swing": 0.10, "horse_size": 1.02, "mirror": False}
    dress = {"rider": True, "rider_hat": True, "horse_hat": True}
    corners = {"horse_x": [0.485, 0.515, 0.485, 0.515], "foot_y": [0.875, 0.875, 0.905, 0.905]}
    largest = scenes[:4].with_(pose=pose, **reach, **dress, **corners)
    labels = HORSE.render(largest).labels
    inside = where_labelled(labels, *HORSE_PARTS, *RIDING)
    assert not inside[:, :4].any() and not inside[:, -4:].any()
    assert not inside[:, :, :3].any() and not inside[:, :, -3:].any()


@pytest.mark.parametrize("resolution", [32, 64, 256])
def test_all_resolutions_show_the_same_scene(
    scenes: Scene, drawn: Picture, resolution: int
) -> None:
    other = HORSE.render(scenes[:16], resolution)
    pair = sorted((other.images, drawn.images[:16]), key=lambda images: images.shape[1])
    small, large = (images.astype(np.float32) for images in pair)
    shape = small.shape[1:3]
    shrunk = np.stack([cv2.resize(one, shape, interpolation=cv2.INTER_AREA) for one in large])
    assert np.abs(shrunk - small).mean() < (3.0 if resolution == 32 else 2.0)
    share = [
        [(labels == index).mean() for index in range(len(HORSE.classes))]
        for labels in (other.labels, drawn.labels[:16])
    ]
    assert np.abs(np.subtract(*share)).max() < 0.01


@pytest.mark.parametrize(
    "change",
    [{"pose": "rearing"}, {"tail": 2}, {"horse_hat": 1}, {"foot_y": 0.95}, {"saddle": True}],
)
def test_bad_changes_name_the_attribute(scenes: Scene, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        scenes.with_(**change)


def test_bad_z_and_bad_resolution_are_refused(scenes: Scene, z: np.ndarray) -> None:
    with pytest.raises(ValueError, match="horse world"):
        HORSE.scene(z[0])
    with pytest.raises(ValueError, match="finite"):
        HORSE.scene(np.where(z[:2] > 1, np.inf, z[:2]))
    with pytest.raises(ValueError, match="resolution"):
        HORSE.render(scenes[:1], 96)
