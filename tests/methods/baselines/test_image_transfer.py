"""Transfer: the region comes where it belongs, and what is not the region stays."""

import pytest
import torch
import torch.nn.functional as F

from palimpsest.errors import ParameterError
from palimpsest.methods.baselines.best_buddies_settings import MatchingSettings, TransferSettings
from palimpsest.methods.baselines.image_transfer import (
    BestBuddiesTransfer,
    copy_blend,
    laplacian_blend,
    look_up,
)
from palimpsest.methods.baselines.moving_least_squares import deformation_field
from palimpsest.settings import validated
from tests.doubles.square_session import SIDE, drawn, features, pictures


def spot(top=24, left=20, height=14, width=18):
    mask = torch.zeros(SIDE, SIDE)
    mask[top : top + height, left : left + width] = 1
    return mask


@pytest.fixture(scope="module")
def edited():
    """(before, after, mask) of a picture in which a spot turned red."""
    before, mask = pictures(1), spot()
    red = torch.tensor([1.0, -1.0, -1.0])[None, :, None, None]
    return before, torch.where(mask > 0, red, before), mask


def test_the_region_comes_where_the_image_shows_its_place():
    wide, mask = pictures(1, side=96), spot()
    # the same scene through a window 16 pixels further up and left, so that all lies lower; laid
    # on the second image as it lies in the donor, the region would miss its place altogether
    images = torch.cat([wide[:, :, 24:88, 24:88], wide[:, :, 8:72, 8:72]])
    transfer = BestBuddiesTransfer(features, images[:1] + 0.1 * mask, mask)
    aligned = transfer.align(images)
    made, found = transfer.transfer(images, "copy")
    assert found.tolist() == aligned.found.tolist() == [True, True]
    lighter = (made - images).mean(1) > 0.05
    for i, there in enumerate((mask > 0, mask.roll((16, 16), (0, 1)) > 0)):
        for region in (lighter[i], aligned.mask[i, 0] > 0.5):
            assert (region & there).sum() / (region | there).sum() > 0.9


def test_copying_changes_nothing_outside(edited):
    before, after, mask = edited
    transfer = BestBuddiesTransfer(features, after, mask)
    aligned = transfer.align(before)
    made = transfer.blend(before, aligned, "copy")
    outside = (aligned.mask == 0).expand_as(made)
    assert 0.5 < outside.float().mean() < 1
    assert torch.equal(made[outside], before[outside])


def test_an_image_without_correspondences_stays_as_it_is(edited):
    before, after, mask = edited
    flat = torch.full_like(before, 0.3)
    images = torch.cat([flat, before])
    transfer = BestBuddiesTransfer(features, after, mask)
    for blend in ("copy", "laplace"):
        made, found = transfer.transfer(images, blend)
        assert found.tolist() == [False, True]
        assert torch.equal(made[0], images[0]) and not torch.equal(made[1], images[1])
        made, found = transfer.transfer(flat, blend)
        assert torch.equal(made, flat) and not found.any()


def test_images_do_not_depend_on_their_batch(edited):
    _, after, mask = edited
    transfer = BestBuddiesTransfer(features, after, mask)
    images = pictures(4, seed=20)
    together, found = transfer.transfer(images, "laplace")
    for i in range(4):
        alone, alone_found = transfer.transfer(images[i : i + 1], "laplace")
        assert torch.allclose(together[i], alone[0], atol=1e-5)
        assert bool(found[i]) == bool(alone_found[0])


def test_a_constant_offset_stays_in_the_mask():
    images = pictures(2)
    mask = spot().expand(2, 1, -1, -1)
    copied = copy_blend(images, images + 0.5, mask)
    assert torch.equal(copied, torch.where(mask > 0, images + 0.5, images))
    # two levels: no band is softer than a few pixels, so that further off nothing changes
    blended = laplacian_blend(images, images + 0.5, mask, levels=2)
    reach = F.max_pool2d(mask, 13, 1, 6) == 0
    assert (blended - images)[reach.expand_as(images)].abs().max() < 1e-5
    inner = -F.max_pool2d(-mask, 9, 1, 4) == 1
    assert inner.any()
    assert ((blended - images)[inner.expand_as(images)] - 0.5).abs().max() < 1e-5


def test_laplacian_is_softer_for_more_levels():
    images, mask = torch.zeros(1, 3, SIDE, SIDE), spot()[None, None]
    one, two, many = (laplacian_blend(images, images + 1, mask, levels=n)[0, 0] for n in (1, 2, 6))
    assert torch.allclose(one, mask[0, 0])
    edges = [(x[:, 1:] - x[:, :-1]).abs().max() for x in (one, two, many)]
    assert edges[0] > edges[1] > edges[2]
    for made in (one, two, many):
        assert made.min() > -1e-5 and made.max() < 1 + 1e-5


@pytest.mark.parametrize("side", [(64, 64), (30, 47), (3, 5)])
def test_laplacian_of_an_image_with_itself_is_that_image(side):
    images, mask = drawn(2, 3, *side) * 2 - 1, drawn(2, 1, *side, seed=1)
    assert (laplacian_blend(images, images, mask, 6) - images).abs().max() < 1e-5


def test_laplacian_with_a_full_mask_is_the_donor():
    images, donor = pictures(2), pictures(2, seed=9)
    for mask, expected in (
        (torch.ones(2, 1, SIDE, SIDE), donor),
        (torch.zeros_like(donor), images),
    ):
        made = laplacian_blend(images, donor, mask[:, :1], 6)
        assert (made - expected).abs().max() < 1e-5


def test_looking_up_a_translation_moves_by_whole_pixels():
    image = pictures(1)
    source = torch.tensor([[10.0, 10.0], [40.0, 50.0], [30.0, 12.0]], dtype=torch.float64)
    where = deformation_field(source, source + torch.tensor([5.0, -7.0]), (SIDE, SIDE), 8.6)
    moved = look_up(image, where[None], "zeros")
    assert (moved[:, :, :-5, 7:] - image[:, :, 5:, :-7]).abs().max() < 1e-3
    assert (moved[:, :, :, :6] == 0).all() and (moved[:, :, -4:] == 0).all()


def test_donors_that_cannot_be_used_are_refused(edited):
    before, after, mask = edited
    with pytest.raises(ParameterError, match="covers no pixel"):
        BestBuddiesTransfer(features, after, torch.zeros_like(mask))
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        BestBuddiesTransfer(features, after, 2 * mask)
    with pytest.raises(ValueError, match="its mask"):
        BestBuddiesTransfer(features, after, mask[:32])
    with pytest.raises(ValueError, match="one donor"):
        BestBuddiesTransfer(features, pictures(2), mask)
    with pytest.raises(ValueError, match="floats"):
        BestBuddiesTransfer(features, after.to(torch.uint8), mask)


def test_images_and_blends_that_cannot_be_used_are_refused(edited):
    before, after, mask = edited
    transfer = BestBuddiesTransfer(features, after, mask)
    with pytest.raises(ParameterError, match="'poisson' is none of copy, laplace"):
        transfer.transfer(before, "poisson")
    with pytest.raises(ValueError, match="images of"):
        transfer.transfer(before[:, :, :32])
    with pytest.raises(ValueError, match="floats"):
        transfer.transfer(before[0])


@pytest.mark.parametrize(
    ("given", "says"),
    [({"alpha": 0.0}, "alpha"), ({"grid": 0.0}, "grid"), ({"levels": 0}, "levels")],
)
def test_settings_out_of_range_are_refused(given, says):
    with pytest.raises(ParameterError, match=says):
        validated("best_buddies", given, TransferSettings)
    defaults = TransferSettings().model_dump()
    assert MatchingSettings().model_dump().items() <= defaults.items()
