"""Blocks and batches of samples, cut at the same places whoever renders them.

    list(batches(range(992, 1488), 12))     # range(992, 1004), range(1004, 1008), range(1008, 1020)

The output of a network for one image depends, in its last bits, on the other images of the batch.
So a batch never crosses a block of `BLOCK` samples, and a shard takes whole blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from palimpsest.errors import ParameterError

BLOCK = 16
"""Samples that are never divided among jobs: as many as go through an instrument together."""


def batches(samples: range, batch: int) -> Iterator[range]:
    """``samples`` in order, at most ``batch`` at a time, each block cut for itself.

    Raises `ParameterError` where they begin within a block, or ``batch`` is below 1.
    """
    if batch < 1:
        raise ParameterError(f"batch = {batch}; it must be at least 1")
    if samples.start % BLOCK:
        raise ParameterError(
            f"samples from {samples.start} on: begin at a multiple of {BLOCK}, where a block does"
        )
    for block in range(samples.start, samples.stop, BLOCK):
        stop = min(block + BLOCK, samples.stop)
        for first in range(block, stop, batch):
            yield range(first, min(first + batch, stop))
