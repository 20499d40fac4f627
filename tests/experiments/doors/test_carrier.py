"""Places carried to where a segmenter knows the thing, on pictures to check by hand."""

from __future__ import annotations

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.experiments.doors.carrier import Carrier
from tests.doubles.plain_segmenter import PlainSegmenter


class Reds(PlainSegmenter):
    """Labels: `door` where a pixel is red and the one to its left is white, else `rest`.

    As a real segmenter, it knows a door by what surrounds it.
    """

    classes = ("rest", "door")

    def labels(self, images: torch.Tensor) -> torch.Tensor:
        white = (images > 0.9).all(dim=1)
        red = (images[:, 0] > 0.9) & (images[:, 2] < -0.9)
        return (red & white.roll(1, dims=2)).to(torch.int64)


def picture(colour: tuple[float, float, float], side: int = 8) -> torch.Tensor:
    return torch.tensor(colour)[:, None, None].expand(3, side, side).clone()


WHITE, RED, BLUE = (1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, -1.0, 1.0)


@pytest.fixture
def carrier() -> Carrier:
    donor = picture(WHITE)
    donor[:, 5:7, 3] = torch.tensor(RED)[:, None]
    source = torch.zeros(8, 8, dtype=torch.bool)
    source[5:7, 3] = True
    return Carrier(donor, source, (-4, 2))


def test_only_the_source_is_covered_and_only_with_the_place(carrier: Carrier) -> None:
    images = torch.rand(3, 3, 8, 8) * 2 - 1
    carried = carrier.carry(images)
    assert torch.equal(carried[:, :, 5:7, 3], images[:, :, 1:3, 5])
    assert torch.equal(
        carried[:, :, ~carrier.source], carrier.donor[:, ~carrier.source].expand(3, -1, -1)
    )
    assert carrier.donor[:, 5, 3].tolist() == list(RED)  # the donor itself stays as it was


def test_a_door_is_known_where_it_was_copied_though_not_where_it_stands(carrier: Carrier) -> None:
    sky = picture(BLUE)
    with_door = sky.clone()
    with_door[:, 1:3, 5] = torch.tensor(RED)[:, None]
    half = sky.clone()
    half[:, 1, 5] = torch.tensor(RED)
    images = torch.stack([sky, with_door, half])
    assert Reds().labels(images).sum() == 0
    assert carrier.pixels_seen(images, Reds(), "door").tolist() == [0, 2, 1]


def test_what_cannot_be_carried_is_refused(carrier: Carrier) -> None:
    with pytest.raises(ParameterError, match="out of the picture"):
        Carrier(carrier.donor, carrier.source, (-6, 0))
    with pytest.raises(ParameterError, match="0 pixels"):
        Carrier(carrier.donor, torch.zeros(8, 8, dtype=torch.bool), (0, 0))
    with pytest.raises(ParameterError, match="window"):
        carrier.pixels_seen(carrier.donor[None], Reds(), "window")
