"""The standard samples divided among jobs, so that it cannot be seen how many there were.

    shard = Shard.called("3-of-20")
    shard.samples(10_000)                   # range(992, 1488)
    list(batches(range(992, 1488), 12))     # range(992, 1004), range(1004, 1008), range(1008, 1020)

What a network says of an image depends, in its last bits, on the images beside it in the batch. So
samples are cut at the same places whoever measures them: a shard takes whole blocks of `BLOCK`, and
a batch never reaches from one block into the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from palimpsest.errors import ParameterError

BLOCK = 16
"""Samples that no division takes apart: as many images as go through an instrument together."""


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``of`` shards, counted from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def called(cls, name: str) -> Shard:
        """The shard of a name such as "3-of-20". Raises `ParameterError` for what names none."""
        found = re.fullmatch(r"(\d+)-of-(\d+)", name)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise ParameterError(f"shard {name!r}: is no shard, such as 3-of-20")
        return cls(number, of)

    @property
    def name(self) -> str:
        return f"{self.number}-of-{self.of}"

    def samples(self, n: int) -> range:
        """Which of the first ``n`` standard samples this shard takes; all shards take each once.

        Raises `ParameterError` where there are more shards than blocks.
        """
        blocks = most_shards(n)
        if self.of > blocks:
            raise ParameterError(
                f"shard {self.name}: {n} samples are {blocks} blocks of {BLOCK}, and make "
                f"{blocks} shards at most"
            )
        first, stop = (
            BLOCK * (blocks * place // self.of) for place in (self.number - 1, self.number)
        )
        return range(first, min(stop, n))


def most_shards(n: int) -> int:
    """Into how many shards ``n`` samples can be divided."""
    return -(-n // BLOCK)


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
