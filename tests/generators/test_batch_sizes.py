"""Batches by the size of images, and on a GPU by its free memory."""

from __future__ import annotations

import pytest
import torch

from palimpsest.generators.batch_sizes import fitted_batch, image_bytes, images_that_fit, told_batch
from palimpsest.generators.samples import images_at_once
from palimpsest.generators.stylegan2 import StyleGAN2


@pytest.mark.parametrize(
    ("free", "image", "most", "batch"),
    [
        (1000, 100, 16, 4),  # five fit into half of it
        (1600, 100, 16, 8),
        (1599, 100, 16, 4),
        (10**12, 100, 16, 16),
        (10**12, 100, 12, 12),
        (100, 100, 16, 1),  # not even one: it is tried
        (0, 100, 16, 1),
    ],
)
def test_the_largest_power_of_two_that_half_the_memory_holds(free, image, most, batch) -> None:
    assert images_that_fit(free, image, most) == batch


def test_on_the_cpu_the_batch_depends_on_the_size_alone(monkeypatch) -> None:
    g = StyleGAN2(32, {4: 4, 8: 4, 16: 4, 32: 2})
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: pytest.fail("not asked"))
    assert fitted_batch(g, 16) == images_at_once(32, 16)
    assert told_batch(g, None, 16) == "16" and told_batch(g, 3, 16) == "3"


def test_on_a_gpu_free_memory_decides(monkeypatch) -> None:
    g = StyleGAN2(256, {4: 4, 8: 4, 16: 4, 32: 2, 64: 2, 128: 2, 256: 2})
    monkeypatch.setattr(StyleGAN2, "device", torch.device("cuda:1"))
    assert image_bytes(g) == 5 * 4 * 2 * 256 * 256
    for images, batch in ((1, 1), (4, 4), (7, 4), (1000, 16)):
        free = 2 * images * image_bytes(g)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 2 * free))
        assert fitted_batch(g, 16) == batch
    assert told_batch(g, None, 16) == "by free memory"  # the same on a GPU with less
    assert told_batch(g, 3, 16) == "3"
