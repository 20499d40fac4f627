"""Watermarks counted by people: the key of a count, the raters' files, and what they found.

    shown = deal_images(["rank_one", "unmodified"], samples=1000, images=1000, seed=0)
    count = Count("5f0c…", seed=3, images=shown)        # the key; only it names methods
    marks = read_marks_of_people(["ann.csv", "bob.csv"], count)
    people_columns(count, marks, "rank_one", n=1000, intervals=Intervals())

The paper counted visible marks by hand in 1,000 images of every method (section 5.2, Table 3). Here
a page (`count_page`) shows images of all methods in random order without naming them, and each
rater marks those with letters in the middle and at the bottom. The raters' files and the key are
CSV.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.columns import estimate_columns
from palimpsest.estimates.intervals import NOTHING, Estimate, Intervals, wilson_share
from palimpsest.estimates.rater_agreement import agreement, kappa_interval
from palimpsest.files.tables import write_table
from palimpsest.files.typed_rows import Text, TypedRow, read_typed_rows

PLACES = ("middle", "bottom")


class CountKeyRow(TypedRow):
    """A row of the key; ``count`` and ``seed`` are the same in all rows."""

    count: Text
    image: Text
    method: Text
    sample: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]


class MarkedRow(TypedRow):
    """A row of a rater's file: whether the rater sees letters at either place of an image."""

    count: Text
    image: Text
    middle: bool
    bottom: bool
    rater: Text


@dataclass(frozen=True)
class ShownImage:
    """An image of the page: its neutral name ``id``, the method that made it, and its sample."""

    id: str
    method: str
    sample: int


@dataclass(frozen=True)
class Count:
    """The key of a count; the page and every rater's file carry the same ``id``."""

    id: str
    seed: int
    images: tuple[ShownImage, ...]


@dataclass(frozen=True)
class PeoplesMarks:
    """What people saw: (images, raters, 2) float64 in `PLACES` order, 1 for letters, 0 for none,
    NaN for an image that the rater did not look at."""

    raters: tuple[str, ...]
    seen: np.ndarray


def deal_images(
    methods: Sequence[str], *, samples: int, images: int, seed: int
) -> tuple[ShownImage, ...]:
    """``images`` images in random order, equally many of each method, give or take one.

    A sample is shown by several methods only where there are more images than ``samples``. The
    same arguments give the same images.

    Raises `ParameterError` for no method, one given twice, or more images than there are.
    """
    if not methods or len(set(methods)) < len(methods):
        raise ParameterError(
            f"methods {', '.join(methods) or '(none)'}: a count needs at least one, each once"
        )
    if not 1 <= images <= samples * len(methods):
        raise ParameterError(
            f"images = {images}: there are {samples} samples of {len(methods)} methods; give 1 to "
            f"{samples * len(methods)}"
        )
    random = np.random.default_rng([seed, 2])
    order = random.permutation(samples)
    # each round shows all samples, and starts with the next method: no pair comes twice
    pairs = [
        (methods[(place + turn) % len(methods)], int(sample))
        for turn in range(len(methods))
        for place, sample in enumerate(order)
    ]
    width = len(str(images))
    return tuple(
        ShownImage(f"i{number + 1:0{width}d}", *pairs[place])
        for number, place in enumerate(random.permutation(images))
    )


def write_count_key(count: Count, path: str | Path) -> None:
    """Write the key as CSV, atomically, one row for each image."""
    rows = [(count.id, image.id, image.method, image.sample, count.seed) for image in count.images]
    write_table(pd.DataFrame(rows, columns=list(CountKeyRow.model_fields)), path)


def read_count_key(path: str | Path) -> Count:
    """The key that `write_count_key` wrote.

    Raises `PalimpsestError`, naming file and row, for a file that is missing, empty, of several
    counts, or has an invalid row.
    """
    images: dict[str, ShownImage] = {}
    first: tuple[str, int] | None = None
    for place, row in read_typed_rows(path, CountKeyRow, remedy="make the count again"):
        first = first or (row.count, row.seed)
        if (row.count, row.seed) != first:
            raise PalimpsestError(f"{place}: is of another count than the rows above")
        if row.image in images:
            raise PalimpsestError(f"{place}: image {row.image!r} is in the key twice")
        images[row.image] = ShownImage(row.image, row.method, row.sample)
    assert first is not None  # as an empty file is an error
    return Count(*first, tuple(images.values()))


def read_marks_of_people(paths: Iterable[str | Path], count: Count) -> PeoplesMarks:
    """What raters marked, from any number of files.

    Names that differ only in capitals and spaces are one rater. Raises `PalimpsestError`, naming
    file and row, for a file that is missing, empty or lacks a column, an invalid row, another
    count, an unknown image, and an image that one rater marked twice.
    """
    row_of = {image.id: row for row, image in enumerate(count.images)}
    spelling: dict[str, str] = {}
    found: dict[tuple[str, int], tuple[bool, bool]] = {}
    for path in paths:
        rows = read_typed_rows(path, MarkedRow, remedy="ask the rater to save the file again")
        for place, row in rows:
            if row.count != count.id:
                raise PalimpsestError(
                    f"{place}: is of count {row.count!r}, but the key is of {count.id!r}; give the "
                    "key that was made with the rater's page"
                )
            if row.image not in row_of:
                raise PalimpsestError(f"{place}: image {row.image!r} is not in the key")
            name = " ".join(row.rater.split())
            rater = spelling.setdefault(name.casefold(), name)
            if (rater, row_of[row.image]) in found:
                raise PalimpsestError(
                    f"{place}: {rater!r} marked image {row.image!r} before; give each file once, "
                    "and two raters two names"
                )
            found[rater, row_of[row.image]] = row.middle, row.bottom
    raters = tuple(sorted({rater for rater, _ in found}))
    seen = np.full((len(count.images), len(raters), len(PLACES)), np.nan)
    for (rater, row), places in found.items():
        seen[row, raters.index(rater)] = places
    return PeoplesMarks(raters, seen)


def people_columns(
    count: Count, marks: PeoplesMarks, method: str, n: int, intervals: Intervals
) -> dict[str, float]:
    """What people saw of a method, as columns of Table 3.

    - ``middle_people_count``, ``bottom_people_count``: of ``n`` images, those with letters: the
      mean over images of the share of raters who see some, with its Wilson interval over images;
    - ``people_images``, ``raters``: images of the method that somebody looked at, and raters;
    - ``middle_kappa``, ``bottom_kappa``: agreement of the raters over the images of all methods
      (Cohen's for two, Fleiss's for more), with a bootstrap interval for two.

    NaN where there is nothing to estimate from.
    """
    of_method = np.array([image.method == method for image in count.images])
    judged = (~np.isnan(marks.seen[:, :, 0])).sum(1) > 0
    mine = marks.seen[of_method & judged]
    columns: dict[str, float] = {}
    for place, name in enumerate(PLACES):
        share = float(np.nanmean(mine[:, :, place], axis=1).mean()) if len(mine) else np.nan
        found = wilson_share(share, len(mine), intervals.level) if len(mine) else NOTHING
        scaled = Estimate(*(n * number for number in found))
        columns |= estimate_columns({f"{name}_people_count": scaled})
    columns |= {"people_images": len(mine), "raters": len(marks.raters)}
    for place, name in enumerate(PLACES):
        seen = marks.seen[:, :, place]
        kappa = (
            kappa_interval(seen, intervals.level, intervals.resamples, intervals.seed)
            if seen.shape[1] == 2
            else Estimate(agreement(seen)[1], np.nan, np.nan)
            if seen.shape[1]
            else NOTHING
        )
        columns |= estimate_columns({f"{name}_kappa": kappa})
    return columns
