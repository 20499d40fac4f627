import pytest
import torch

from palimpsest.instruments.label_changes import edit_effect, of_classes, source_region

SKY, DOME, SPIRE, TREE = 0, 1, 2, 3


def test_one_image_by_hand():
    before = torch.tensor([[[DOME, DOME, DOME, DOME], [SKY, SKY, SKY, TREE]]], dtype=torch.uint8)
    after = torch.tensor([[[SPIRE, SPIRE, SKY, DOME], [SKY, SPIRE, SKY, TREE]]], dtype=torch.uint8)
    effect = edit_effect(before, after, [DOME], [SPIRE])
    assert effect.source_pixels.tolist() == [4]
    assert effect.modified_pixels.tolist() == [2]
    assert effect.removed_pixels.tolist() == [3]
    assert effect.outside_pixels.tolist() == [4]
    assert effect.kept_pixels.tolist() == [3]  # one sky pixel became spire
    assert effect.converted.tolist() == [True]  # exactly 75 % gone, 50 % spire


@pytest.mark.parametrize(
    ("after", "converted"),
    [
        ([SPIRE, SPIRE, SKY, DOME], True),
        ([SPIRE, SPIRE, DOME, DOME], False),  # too much dome left
        ([SPIRE, SKY, SKY, SKY], False),  # gone, but to sky
        ([SPIRE, TREE, SKY, SKY], True),
        ([DOME, DOME, DOME, DOME], False),
    ],
)
def test_when_an_image_counts_as_converted(after, converted):
    before = torch.full((1, 1, 4), DOME)
    effect = edit_effect(before, torch.tensor(after).view(1, 1, 4), [DOME], [SPIRE, TREE])
    assert effect.converted.item() is converted


def test_nothing_changed():
    labels = torch.randint(0, 4, (5, 16, 16), generator=torch.Generator().manual_seed(0))
    effect = edit_effect(labels, labels, [DOME], [SPIRE])
    assert (effect.modified_pixels == 0).all() and (effect.removed_pixels == 0).all()
    assert torch.equal(effect.kept_pixels, effect.outside_pixels)
    assert torch.equal(effect.source_pixels + effect.outside_pixels, torch.full((5,), 256))
    assert not effect.converted.any()


def test_specks_are_no_dome():
    before = torch.zeros(2, 64, 64, dtype=torch.uint8)  # 1/1024 of it: 4 pixels
    before[0, 0, :3] = DOME
    before[1, 0, :4] = DOME
    assert source_region(before, [DOME]).sum((1, 2)).tolist() == [0, 4]
    effect = edit_effect(before, torch.full_like(before, SPIRE), [DOME], [SPIRE])
    assert effect.source_pixels.tolist() == [0, 4]
    assert effect.outside_pixels.tolist() == [4096, 4092]
    assert effect.converted.tolist() == [False, True]


def test_what_is_refused():
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match="before"):
        edit_effect(labels, labels[:, :2], [DOME], [SPIRE])


def test_a_source_within_a_target_is_modified_but_not_removed_where_it_stays():
    labels = torch.full((1, 2, 2), DOME)
    effect = edit_effect(labels, labels, [DOME], [SPIRE, DOME])
    assert effect.modified_pixels.tolist() == [4]
    assert effect.removed_pixels.tolist() == [0] and not effect.converted.any()


def test_several_sources_are_one_region():
    before = torch.tensor([[[DOME, SPIRE, SKY, TREE]]])
    after = torch.tensor([[[SPIRE, TREE, SKY, SKY]]])
    effect = edit_effect(before, after, [DOME, SPIRE], [TREE])
    assert effect.source_pixels.tolist() == [2] and effect.modified_pixels.tolist() == [1]
    assert effect.removed_pixels.tolist() == [1]  # what became another source did not go
    assert effect.outside_pixels.tolist() == [2] and effect.kept_pixels.tolist() == [1]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64])
def test_which_labels_are_of_some_classes(dtype):
    labels = torch.randint(0, 90, (3, 8, 8), generator=torch.Generator().manual_seed(0)).to(dtype)
    for numbers in ([], [7], [0, 88, 89], [250]):
        wanted = torch.isin(labels.long(), torch.tensor(numbers, dtype=torch.long))
        assert torch.equal(of_classes(labels, numbers), wanted)
        assert torch.equal(of_classes(labels, torch.tensor(numbers, dtype=torch.long)), wanted)
    assert of_classes(labels[:0], [1]).shape == (0, 8, 8)
