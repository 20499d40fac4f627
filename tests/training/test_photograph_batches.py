"""Batches of photographs for instruments: reproducible, moved, mirrored, half of them degraded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palimpsest.training.instrument_recipes import PhotographRecipe
from palimpsest.training.photograph_batches import InstrumentPhotographs, grey_images, shifted
from palimpsest.training.photographs import PhotographSet
from tests.doubles.drawn_photographs import drawn_face


@pytest.fixture(scope="module")
def photographs() -> PhotographSet:
    images = np.stack([drawn_face(i, i % 2 == 0) for i in range(10)])
    return PhotographSet(images, np.arange(10) % 2 == 0, tuple(map(str, range(10))))


def test_a_batch_is_a_function_of_the_seed_and_the_step(photographs) -> None:
    recipe = PhotographRecipe(batch=8)
    first = InstrumentPhotographs(recipe, photographs)[7]
    torch.rand(3)  # the global random state is not read
    again = InstrumentPhotographs(recipe, photographs)[7]
    other = InstrumentPhotographs(recipe, photographs)[8]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.images, other.images)


def test_half_are_degraded_and_labels_go_with_their_photographs(photographs) -> None:
    recipe = PhotographRecipe(batch=8, shift=0)
    batch = InstrumentPhotographs(recipe, photographs)[2]
    assert torch.equal(batch.images[:4], batch.clean[:4])
    assert (batch.images[4:] - batch.clean[4:]).abs().amax((1, 2, 3)).min() > 0.01
    known = grey_images(photographs.images)
    known = torch.cat([known, known.flip(3)])
    for image, smiling in zip(batch.clean, batch.smiling, strict=True):
        found = (known == image).flatten(1).all(1).nonzero()[0, 0] % 10
        assert photographs.smiling[found] == bool(smiling)


def test_images_are_moved_and_keep_their_size() -> None:
    images = torch.arange(2 * 64.0).reshape(2, 1, 8, 8)
    moved = shifted(images, np.array([[0, 3], [3, 3]]), most=3)
    assert moved.shape == images.shape
    assert torch.equal(moved[1], images[1])  # the middle window is the image itself
    assert torch.equal(moved[0, :, 3:], images[0, :, :5])
