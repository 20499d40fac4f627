"""Blocks and batches of samples, with the same boundaries in every job.

    list(batches(range(992, 1488), 12))     # range(992, 1004), range(1004, 1008), range(1008, 1020)

A network's output for one image depends, in its last bits, on the other images of the batch. So a
batch never crosses the boundary of a block of `BLOCK` samples, and a shard takes whole blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from palimpsest.errors import ParameterError

BLOCK = 16
"""Samples in a block, which one job measures as a whole: the batch size of an instrument."""


def batches(samples: range, batch: int) -> Iterator[range]:
    """``samples`` in order, at most ``batch`` at a time; no batch crosses a block boundary.

    Raises `ParameterError` if the samples begin within a block, or ``batch`` is below 1.
    """
    if batch < 1:
        raise ParameterError(f"batch = {batch}; it must be at least 1")
    if samples.start % BLOCK:
        raise ParameterError(
            f"first sample {samples.start} must be a multiple of {BLOCK}, the size of a block"
        )
    for block in range(samples.start, samples.stop, BLOCK):
        stop = min(block + BLOCK, samples.stop)
        for first in range(block, stop, batch):
            yield range(first, min(first + batch, stop))
