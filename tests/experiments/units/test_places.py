"""Places beside the own door and in the sky, on label maps drawn by hand."""

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.units.places import FITS, OWN, UNFIT, find_places
from palimpsest.experiments.units.settings import OnSettings
from tests.doubles.plain_segmenter import PlainSegmenter

SKY, GROUND, WALL, WINDOW, DOOR = range(5)
CELL = 4
SETTINGS = OnSettings(
    thing="door",
    layer=8,
    units=2,
    rows=4,
    columns=2,
    fits=("wall", "window"),
    unfit="sky",
    steps=1,
)


class Labelled(PlainSegmenter):
    classes = ("sky", "ground", "wall", "window", "door")


def scene(door: int = 20, clouded: bool = False) -> torch.Tensor:
    """A wall of 40 pixels between sky and ground, with a door whose left edge is at ``door``."""
    labels = torch.full((64, 64), SKY)
    labels[50:] = GROUND
    labels[30:50, 8:56] = WALL
    labels[36:44, 44:48] = WINDOW
    labels[33:50, door : door + 10] = DOOR
    if clouded:
        labels[0:30:5] = GROUND
    return labels


def found(*labels: torch.Tensor):
    images = torch.rand(len(labels), 3, 64, 64, generator=torch.Generator().manual_seed(1))
    return find_places(images, torch.stack(labels), Labelled(), SETTINGS, CELL)


def test_one_place_is_in_the_wall_beside_the_door_and_the_other_in_the_sky_above_it():
    places = found(scene())
    labels = places.labels[0]
    rows, columns = places.box(0, FITS)
    assert (rows.stop, rows.stop - rows.start, columns.stop - columns.start) == (48, 16, 8)
    assert set(labels[rows, columns].unique().tolist()) <= {WALL, WINDOW}
    above, same = places.box(0, UNFIT)
    assert same == columns and above.stop <= rows.start
    assert set(labels[above, same].unique().tolist()) == {SKY}
    own = labels[places.box(0, OWN)]
    assert (own == DOOR).all()


def test_images_without_a_door_a_wall_or_sky_have_no_places():
    bare = scene()
    bare[bare == DOOR] = WALL
    narrow = scene()
    narrow[30:50, 8:20] = narrow[30:50, 30:56] = GROUND
    assert found(bare, scene(), narrow, scene(clouded=True), scene(40)).rows == (1, 4)
    assert len(found(bare)) == 0


def test_masks_and_shares_are_those_of_the_place():
    places = found(scene(), scene(40))
    assert places.pixels(FITS).sum((1, 2)).tolist() == [128, 128]
    assert places.masks(FITS, 16).sum((1, 2)).tolist() == [8, 8]  # 4 x 2 cells of 4 pixels
    assert places.share(places.pixels(FITS), FITS).tolist() == [1, 1]
    assert places.share(places.pixels(FITS), UNFIT).tolist() == [0, 0]
    assert places.part([1]).corners == places.corners[1:]


def test_carried_pixels_replace_the_own_door_and_no_other():
    places = found(scene(), scene(40))
    changed = torch.rand(2, 3, 64, 64, requires_grad=True)
    carried = places.carried(changed, UNFIT)
    for i in range(2):
        own, place = places.box(i, OWN), places.box(i, UNFIT)
        assert (carried[i][:, *own] == changed[i][:, *place]).all()
        kept = ~places.pixels(OWN)[i]
        assert (carried[i][:, kept] == places.images[i][:, kept]).all()
    carried.sum().backward()
    assert (changed.grad[:, 0].bool() == places.pixels(UNFIT)).all()
    copied = places.own_copied(FITS)
    assert (copied[0][:, *places.box(0, FITS)] == places.images[0][:, *places.box(0, OWN)]).all()


def test_a_class_that_the_segmenter_lacks_is_named():
    other = SETTINGS.model_copy(update={"unfit": "sea"})
    with pytest.raises(ParameterError, match="no class 'sea'"):
        find_places(torch.zeros(1, 3, 64, 64), scene()[None], Labelled(), other, CELL)
