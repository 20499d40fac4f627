"""How many images go through a generator at once: by their size, on a GPU by its free memory.

    batch = fitted_batch(g, 16)             # 16 images of 128 pixels on the CPU, or as fits
    images_that_fit(free_bytes=10**9, image_bytes=10**8, most=16)       # 4

Results depend on the batch by rounding only.
"""

from __future__ import annotations

from math import prod

import torch

from palimpsest.generators.base import Generator
from palimpsest.generators.samples import images_at_once

MAPS = 5
"""Maps of the largest layer that one more image needs at once: 4.0 and 4.1 in the StyleGAN2 of 256
and 1024 pixels, 5.0 and 5.1 in the Progressive GANs (docs/benchmarks.md, on a GPU)."""


def fitted_batch(g: Generator, at_128: int) -> int:
    """Batch size for ``g``: `images_at_once` on the CPU; on a GPU as many images, at most
    ``at_128``, as its free memory holds."""
    if g.device.type != "cuda":
        return images_at_once(g.resolution, at_128)
    free, _ = torch.cuda.mem_get_info(g.device)
    return images_that_fit(free, image_bytes(g), at_128)


def told_batch(g: Generator, asked: int | None, at_128: int) -> str:
    """The batch as a fact of measurements: that `fitted_batch` chose, unless one was ``asked`` for.

    It is the same for shards on GPUs with more or less free memory, which belong together.
    """
    if asked is None and g.device.type == "cuda":
        return "by free memory"
    return str(asked or fitted_batch(g, at_128))


def images_that_fit(free_bytes: int, image_bytes: int, most: int) -> int:
    """The largest power of two of images that take at most half of ``free_bytes``.

    The other half is for what looks at the images. At least 1 and at most ``most``.
    """
    fit = free_bytes // 2 // image_bytes
    return max(1, min(most, 2 ** (fit.bit_length() - 1))) if fit else 1


def image_bytes(g: Generator) -> int:
    """Bytes of maps that an image of ``g`` needs while it is generated (float32)."""
    layers = map(g.layer, g.layers)
    return MAPS * 4 * max(layer.weight.shape[0] * prod(layer.value_shape) for layer in layers)
