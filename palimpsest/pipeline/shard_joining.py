"""Shards of measurements joined into the rows and facts that one job would have written.

    joined = join_shards(["1-of-2.parquet", "2-of-2.parquet"])
    joined.write("dome2spire.parquet")

Both tables of `stages.measure` are ordered by sample and, within a sample, by method, so that the
shards in their order are the whole table. All shards must have the same facts, each must be given
exactly once, and each must hold all of its samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
import pyarrow as pa

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.files.measurements import Stored
from palimpsest.pipeline.shards import Shard

FACT = "shard"
"""The fact that names the shard; all others are the same for all shards."""


@dataclass(frozen=True)
class Part:
    """One shard, read from the file ``path``."""

    path: str
    shard: Shard
    stored: Stored


def join_shards(paths: Sequence[str | PathLike[str]]) -> Stored:
    """The rows of all shards in order, with the facts of an undivided measurement.

    ``paths`` may be in any order. Raises `PalimpsestError` for a file that is not a shard or not of
    the same measurement as the others, a shard that is missing or given twice, and missing rows.
    """
    parts = sorted((_read(path) for path in paths), key=lambda part: part.shard.number)
    first = parts[0]
    for part in parts[1:]:
        _check_alike(first, part)
    _check_complete(parts)
    methods = _methods(first)
    for part in parts:
        _check_rows(part, methods)
    rows = pa.concat_tables([part.stored.rows for part in parts]).combine_chunks()
    return Stored(rows, {**first.stored.facts, FACT: Shard().name})


def _read(path: str | PathLike[str]) -> Part:
    stored = Stored.read(path)
    try:
        shard = Shard.called(stored.facts[FACT])
        shard.samples(int(stored.facts["samples"]))
    except (KeyError, ValueError, ParameterError):
        raise PalimpsestError(
            f"{path}: has no shard and number of samples in its facts; measure it again"
        ) from None
    if not ({"sample", "method"} <= set(stored.rows.column_names) and stored.rows.num_rows):
        raise PalimpsestError(f"{path}: has no rows of samples and methods; measure it again")
    return Part(str(path), shard, stored)


def _check_alike(first: Part, other: Part) -> None:
    if other.shard.of != first.shard.of:
        raise PalimpsestError(
            f"{other.path}: is shard {other.shard.name}, but {first.path} is "
            f"{first.shard.name}; join shards of one division"
        )
    ours, theirs = first.stored.facts, other.stored.facts
    for fact in sorted((ours.keys() | theirs.keys()) - {FACT}):
        if ours.get(fact) != theirs.get(fact):
            raise PalimpsestError(
                f"{other.path}: {fact} is {theirs.get(fact)!r}, but {ours.get(fact)!r} in "
                f"{first.path}; measure both alike"
            )
    if not other.stored.rows.schema.equals(first.stored.rows.schema):
        raise PalimpsestError(
            f"{other.path}: has other columns than {first.path}; measure both alike"
        )


def _check_complete(parts: Sequence[Part]) -> None:
    for one, other in zip(parts, parts[1:], strict=False):
        if one.shard == other.shard:
            raise PalimpsestError(
                f"{other.path}: is shard {other.shard.name}, as {one.path} is; give each once"
            )
    of = parts[0].shard.of
    if missing := sorted(set(range(1, of + 1)) - {part.shard.number for part in parts}):
        raise PalimpsestError(
            f"{parts[0].path}: shard {Shard(missing[0], of).name} of the same measurement is "
            "missing; give all shards"
        )


def _methods(part: Part) -> list[str]:
    """The methods of the first sample, in their order."""
    samples = part.stored.rows["sample"].to_numpy()
    return part.stored.rows["method"].to_pylist()[: int((samples == samples[:1]).sum())]


def _check_rows(part: Part, methods: Sequence[str]) -> None:
    samples = part.shard.samples(int(part.stored.facts["samples"]))
    rows = part.stored.rows
    if not (
        np.array_equal(rows["sample"].to_numpy(), np.repeat(samples, len(methods)))
        and rows["method"].to_pylist() == [*methods] * len(samples)
    ):
        raise PalimpsestError(
            f"{part.path}: is not {', '.join(methods)} of the samples {samples.start} to "
            f"{samples.stop - 1}, each once and in order; measure it again"
        )
