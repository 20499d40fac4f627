"""Shards: the standard samples divided among jobs; results do not depend on the number of jobs.

    shard = Shard.called("3-of-20")
    shard.samples(10_000)                   # range(992, 1488)

A shard takes whole blocks of samples (`palimpsest.sample_blocks`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from palimpsest.errors import ParameterError
from palimpsest.sample_blocks import BLOCK


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``of`` shards, counted from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def called(cls, name: str) -> Shard:
        """The shard called, for example, "3-of-20". Raises `ParameterError` for any other text."""
        found = re.fullmatch(r"(\d+)-of-(\d+)", name)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise ParameterError(f"shard {name!r}: is not a shard, such as 3-of-20")
        return cls(number, of)

    @property
    def name(self) -> str:
        return f"{self.number}-of-{self.of}"

    def samples(self, n: int) -> range:
        """The part of the first ``n`` standard samples in this shard; the shards do not overlap.

        Raises `ParameterError` if there are more shards than blocks.
        """
        blocks = most_shards(n)
        if self.of > blocks:
            raise ParameterError(
                f"shard {self.name}: {n} samples are {blocks} blocks of {BLOCK}; use at most "
                f"{blocks} shards"
            )
        first, stop = (
            BLOCK * (blocks * place // self.of) for place in (self.number - 1, self.number)
        )
        return range(first, min(stop, n))


def most_shards(n: int) -> int:
    """Largest number of shards that ``n`` samples can be divided into."""
    return -(-n // BLOCK)
