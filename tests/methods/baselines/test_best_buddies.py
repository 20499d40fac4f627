"""Best buddies: each other's nearest, found again after a shift, and none where nothing is."""

import pytest
import torch
import torch.nn.functional as F

from palimpsest.errors import ParameterError
from palimpsest.methods.baselines.best_buddies import (
    activation,
    best_buddies,
    common_appearance,
    mutual_nearest,
)
from palimpsest.methods.baselines.best_buddies_settings import MatchingSettings
from palimpsest.settings import validated
from tests.doubles.square_session import SIDE, drawn, features, pictures

SETTINGS = MatchingSettings()


def wrapped(offset):
    """Offsets in pixels, for pictures that leave on one side and come back on the other."""
    return (offset + SIDE / 2) % SIDE - SIDE / 2


def pairs_of(a, b, settings=SETTINGS):
    return best_buddies(features(a), features(b), (SIDE, SIDE), settings)


@pytest.mark.parametrize("shift", [(16, 0), (0, -16), (16, 32), (4, -6)])
def test_a_shift_is_found_again(shift):
    a = pictures(3)
    moved = a.roll(shift, (2, 3))
    found = best_buddies(features(a), features(moved), (SIDE, SIDE))
    assert set(found.image.tolist()) == {0, 1, 2}
    apart = wrapped(found.b - found.a - torch.tensor(shift, dtype=torch.float64))
    # in cells of the finest map, of 2 pixels each
    assert (apart.abs().amax(1) / 2).median() < 1


def test_an_image_matches_itself_exactly():
    a = pictures(2)
    found = pairs_of(a, a)
    assert len(found) > 8 and torch.equal(found.a, found.b)
    assert torch.allclose(found.similarity, torch.ones(len(found)), atol=1e-4)


def test_mutual_nearest_are_largest_both_ways():
    tables = drawn(5, 9, 7) - 0.5
    n, p, q = mutual_nearest(tables)
    assert set(n.tolist()) == set(range(5))  # the largest entry of a table is always one
    listed = set(zip(n.tolist(), p.tolist(), q.tolist(), strict=True))
    for i in range(5):
        for j in range(9):
            for k in range(7):
                both = tables[i, j, k] == tables[i, j].max() == tables[i, :, k].max()
                assert ((i, j, k) in listed) == bool(both)


def test_what_is_not_allowed_is_never_nearest():
    assert len(mutual_nearest(torch.full((2, 3, 3), -torch.inf))[0]) == 0
    table = torch.tensor([[[-torch.inf, 0.2], [-torch.inf, 0.1]]])
    assert [x.tolist() for x in mutual_nearest(table)] == [[0], [0], [1]]


def test_no_point_is_in_two_pairs():
    found = pairs_of(pictures(2), pictures(1, seed=9), MatchingSettings(per_level=50))
    assert len(found) > 20
    for ends in (found.a, found.b):
        places = torch.cat([found.image[:, None].double(), ends], 1)
        assert len(places.unique(dim=0)) == len(found)


def test_pairs_at_the_coarsest_map_are_mutually_nearest():
    one = MatchingSettings(patches=(3,), radii=(None,), activation=0.0, border=0.0, per_level=1000)
    maps_a, maps_b = features(pictures(1))[3:], features(pictures(1, seed=9))[3:]
    found = best_buddies(maps_a, maps_b, (4, 4), one)  # 4 x 4 cells of one pixel each
    a, b = (x.permute(0, 2, 3, 1) for x in (maps_a[0], maps_b[0]))
    whole = torch.ones(1, 4, 4, dtype=torch.bool)
    units = [
        F.normalize(F.pad(x.permute(0, 3, 1, 2), (1, 1, 1, 1), "reflect"), dim=1)
        for x in common_appearance(a, b, whole, whole)
    ]

    def surroundings(unit, row, column):
        return unit[0, :, row : row + 3, column : column + 3].flatten()

    def likeness(pa, pb):
        return (surroundings(units[0], *pa) @ surroundings(units[1], *pb)).item() / 9

    cells = [(r, c) for r in range(4) for c in range(4)]
    expected = set()
    for pa in cells:
        pb = max(cells, key=lambda other: likeness(pa, other))
        if max(cells, key=lambda other: likeness(other, pb)) == pa:
            expected.add((pa, pb))
    listed = {
        (tuple(map(int, a)), tuple(map(int, b)))
        for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True)
    }
    # cells without any activation (the weakest of each image) are pairs to nobody
    assert listed and listed <= expected and len(expected) - len(listed) <= 2


def test_images_do_not_depend_on_their_batch():
    """The same pairs but for ties: which of two nearest is nearer, rounding may decide."""
    maps, donor = features(pictures(5)), features(pictures(1, seed=9))
    together = best_buddies(maps, donor, (SIDE, SIDE))
    assert together.image.tolist() == sorted(together.image.tolist())
    same = 0
    for i in range(5):
        alone = best_buddies([x[i : i + 1] for x in maps], donor, (SIDE, SIDE))
        mine = together[together.image == i]
        ours, theirs = (
            set(map(tuple, torch.cat([one.a, one.b], 1).tolist())) for one in (mine, alone)
        )
        same += len(ours & theirs)
    assert same >= 0.9 * len(together)


def test_appearance_becomes_common():
    a, b = drawn(2, 6, 6, 5), 3 * drawn(2, 6, 6, 5, seed=1) - 7
    inside = torch.ones(2, 6, 6, dtype=torch.bool)
    inside[0, :2] = False
    new_a, new_b = common_appearance(a, b, inside, inside)
    for i in range(2):
        of_a, of_b = new_a[i][inside[i]], new_b[i][inside[i]]
        between = (a[i][inside[i]].mean(0) + b[i][inside[i]].mean(0)) / 2
        assert torch.allclose(of_a.mean(0), between, atol=1e-4)
        assert torch.allclose(of_b.mean(0), between, atol=1e-4)
        assert torch.allclose(of_a.std(0), of_b.std(0), atol=1e-3)


def test_colours_that_differ_do_not_hide_a_match():
    a = pictures(2)
    maps_a = features(a)
    # every channel with another gain and offset, as under another light
    maps_b = [
        x * (0.5 + drawn(1, x.shape[1], 1, 1, seed=5)) + drawn(1, x.shape[1], 1, 1, seed=6)
        for x in maps_a
    ]
    found = best_buddies(maps_a, maps_b, (SIDE, SIDE))
    assert len(found) > 8
    assert ((found.a - found.b).abs().amax(1) / 2).median() < 1


def test_weak_places_are_left_out():
    images = pictures(1)
    least = MatchingSettings(activation=0.5, per_level=50)
    found = pairs_of(images, images, least)
    stretched = activation(features(images)[0])[0]
    assert stretched.min() == 0 and stretched.max() == 1
    cells = (found.a / 2).floor().long()
    assert len(found) and (stretched[cells[:, 0], cells[:, 1]] >= 0.5).all()
    assert len(found) < len(pairs_of(images, images, MatchingSettings(per_level=50)))


def test_the_border_and_the_number_of_pairs_are_kept():
    images = pictures(3)
    moved = images.roll((0, 6), (2, 3))
    found = pairs_of(images, moved, MatchingSettings(border=0.25, per_level=16))
    ends = torch.cat([found.a, found.b])
    assert ends.min() >= 16 and ends.max() <= 48
    everywhere = pairs_of(images, moved, MatchingSettings(border=0.0, per_level=16))
    assert 0 < len(found) < len(everywhere)
    few = pairs_of(images, moved, MatchingSettings(border=0.0, per_level=6))
    assert torch.bincount(few.image).max() <= 6 < torch.bincount(everywhere.image).max() <= 16


def test_the_last_radius_bounds_how_far_apart_a_pair_is():
    images = pictures(3)
    moved = images.roll((0, 32), (2, 3))  # two cells of the coarsest map
    near = MatchingSettings(radii=(3, 2, 2, 0), per_level=20)
    found = pairs_of(images, moved, near)
    # 0 at stride 16; then at most radius + 1 cells on each map below, at either end
    assert (found.b - found.a).abs().max() <= 2 * (4 * 2 + 3 * 4 + 3 * 8)
    free = pairs_of(images, moved, MatchingSettings(radii=(3, 2, 2, None)))
    assert wrapped(free.b - free.a)[:, 1].abs().median() == 32


def test_nothing_matches_in_an_image_of_one_colour():
    flat = torch.zeros(1, 3, SIDE, SIDE)
    found = pairs_of(torch.cat([pictures(1), flat]), pictures(1))
    assert set(found.image.tolist()) == {0}
    assert len(pairs_of(flat, flat)) == 0 and pairs_of(flat, flat).a.shape == (0, 2)


def test_maps_that_do_not_fit_are_refused():
    maps = features(pictures(2))
    with pytest.raises(ParameterError, match="4 maps, and the features have 3"):
        best_buddies(maps[:3], maps[:3], (SIDE, SIDE))
    with pytest.raises(ValueError, match="map 2 has .* not half"):
        skipped = [maps[0], maps[1], maps[3], maps[3]]
        best_buddies(skipped, skipped, (SIDE, SIDE))
    with pytest.raises(ValueError, match="maps 0: .* do not match"):
        best_buddies(maps, [x[:, :5] for x in maps], (SIDE, SIDE))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"patches": ()}, "patches"),
        ({"patches": (5, 4, 3, 3)}, "odd"),
        ({"radii": (3, 2)}, "radii"),
        ({"radii": (3, None, 2, 2)}, "radii"),
        ({"radii": (3, 2, 2, -1)}, "radii.3"),
        ({"activation": 1.0}, "activation"),
        ({"border": 0.5}, "border"),
        ({"per_level": 0}, "per_level"),
    ],
)
def test_settings_out_of_range_are_refused(given, says):
    with pytest.raises(ParameterError, match=says):
        validated("best_buddies", given, MatchingSettings)
