"""The standard samples are one stream, however many are asked for at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palimpsest.generators.samples import standard_normal, standard_normal_batches


@pytest.mark.parametrize("batch", [1, 3, 10, 64])
def test_batches_are_parts_of_the_whole(batch: int) -> None:
    parts = list(standard_normal_batches(10, 7, seed=5, batch=batch))
    assert {len(part) for part in parts[:-1]} <= {batch}
    assert torch.equal(torch.cat(parts), standard_normal(10, 7, seed=5))


def test_the_stream_is_that_of_the_original() -> None:
    drawn = np.random.RandomState(5).standard_normal(70).astype(np.float32).reshape(10, 7)
    assert np.array_equal(standard_normal(10, 7, seed=5).numpy(), drawn)
    assert torch.equal(standard_normal(4, 7, seed=5), standard_normal(10, 7, seed=5)[:4])


def test_no_samples_are_an_error() -> None:
    with pytest.raises(ValueError, match="n = 0"):
        standard_normal(0, 7)
