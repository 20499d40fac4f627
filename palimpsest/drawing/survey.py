"""A survey of samples: their pictures, their labels, and the connected things in them.

A `Survey` holds pictures and per-pixel labels of samples 0 to n - 1. The labels come from a
segmenter (generated samples) or from a world's renderer (scenes). `things` finds the connected
parts of a class, and `brush` paints over a shape as a person would. `Survey.px` scales lengths that
are given in pixels of a 128-pixel picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage

from palimpsest.errors import SessionError
from palimpsest.generators.base import Generator
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.samples import sample_z
from palimpsest.instruments.segmenters.base import Segmenter

Anchor = tuple[float, float]


@dataclass(frozen=True)
class Survey:
    """Pictures (n, R, R, 3) uint8 and labels (n, R, R) of the first n samples of a stream.

    ``classes``: name of each label. ``cells``: side of the layer's value grid that selections are
    copied on; a cell is R / cells pixels. ``probabilities``: by attribute of a whole image, (n,) in
    [0, 1], for a segmenter that gives them.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    cells: int
    probabilities: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, side = self.labels.shape[:2]
        if self.labels.shape != (n, side, side) or self.images.shape != (n, side, side, 3):
            raise ValueError(f"pictures {self.images.shape} and labels {self.labels.shape} differ")
        if side % self.cells:
            raise ValueError(f"{side} pixels are not a whole number of {self.cells} cells")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        """Width and height of a picture in pixels."""
        return self.labels.shape[1]

    @property
    def cell(self) -> int:
        """Width and height of a cell in pixels."""
        return self.side // self.cells

    def px(self, length: float) -> float:
        """A length in pixels of a 128-pixel picture, in pixels of these pictures."""
        return length * self.side / 128

    def probability(self, attribute: str) -> np.ndarray:
        """(n,) in [0, 1]: how surely each sample shows an attribute.

        Raises `SessionError` if the segmenter gives no such probability.
        """
        if attribute not in self.probabilities:
            raise SessionError(
                f"the segmenter gives no probability of {attribute!r}, which this session is about"
            )
        return self.probabilities[attribute]

    def numbers(self, names: Iterable[str]) -> list[int]:
        """Label numbers of classes. Raises `SessionError` for an unknown class."""
        found = []
        for name in names:
            if name not in self.classes:
                raise SessionError(
                    f"the labels have no class {name!r}, which this session is about; "
                    f"they have: {', '.join(self.classes)}"
                )
            found.append(self.classes.index(name))
        return found

    def where(self, names: Iterable[str]) -> np.ndarray:
        """(n, R, R) bool: pixels of any of these classes."""
        return np.isin(self.labels, self.numbers(names))

    def where_one(self, sample: int, names: Iterable[str]) -> np.ndarray:
        """(R, R) bool: pixels of any of these classes in one sample."""
        return np.isin(self.labels[sample], self.numbers(names))

    @cached_property
    def colours(self) -> np.ndarray:
        """Pictures as float32 in [0, 1]."""
        return self.images.astype(np.float32) / 255

    def tone(self, thing: Thing) -> np.ndarray:
        """(3,) mean colour of a thing, in [0, 1]."""
        return self.colours[thing.sample][thing.shape].mean(axis=0)


@dataclass(frozen=True)
class Thing:
    """One connected part in one sample: its pixels (R, R) bool, and its anchor.

    ``anchor`` (row, column): the point that two things share when one takes the other's place.
    ``width``: in pixels, its own or that of the thing it stands on.
    """

    sample: int
    shape: np.ndarray
    anchor: Anchor
    width: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right), half-open."""
        rows, columns = np.flatnonzero(self.shape.any(1)), np.flatnonzero(self.shape.any(0))
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def survey_samples(
    generator: Generator, segmenter: Segmenter, layer: int, n: int, seed: int, batch: int = 32
) -> Survey:
    """Survey of the first ``n`` standard samples, labelled by ``segmenter.labels(images)``."""
    z = sample_z(generator, n, seed)
    images, labels = [], []
    probabilities: dict[str, list[np.ndarray]] = {}
    with torch.no_grad():
        for part in z.split(batch):
            made = generator(part)
            labels.append(segmenter.labels(made).numpy().astype(np.int16))
            images.append(as_picture(made))
            for attribute, found in segmenter.probabilities(made).items():
                probabilities.setdefault(attribute, []).append(found.numpy())
    return Survey(
        np.concatenate(images),
        np.concatenate(labels),
        tuple(segmenter.classes),
        generator.layer(layer).value_size,
        {attribute: np.concatenate(parts) for attribute, parts in probabilities.items()},
    )


def things(survey: Survey, names: Iterable[str], least: float) -> Iterator[Thing]:
    """Connected parts of these classes with at least ``least`` pixels (of a 128-pixel picture).

    Smaller parts are dropped, holes are closed, and parts that touch the frame are left out. Sorted
    by sample, in each sample the largest first. The anchor is the middle of a part's lowest row.
    """
    area = least * (survey.side / 128) ** 2
    for sample, shape in enumerate(survey.where(names)):
        marked, count = ndimage.label(shape, np.ones((3, 3)))
        if not count:
            continue
        sizes = ndimage.sum_labels(shape, marked, range(1, count + 1))
        for number in sorted(range(count), key=lambda i: (-sizes[i], i)):
            if sizes[number] < area:
                break
            part = ndimage.binary_fill_holes(marked == number + 1)
            if part[0].any() or part[-1].any() or part[:, 0].any() or part[:, -1].any():
                continue
            rows, columns = np.nonzero(part)
            low = rows >= rows.max() - survey.px(2)
            anchor = (float(rows.max() + 1), float(columns[low].mean() + 0.5))
            yield Thing(sample, part, anchor, float(np.ptp(columns) + 1))


def brush(shape: np.ndarray, radius: float) -> np.ndarray:
    """The shape (R, R) bool painted over with a round brush: ``radius`` pixels wider, and smooth.

    Gaps narrower than the brush are closed.
    """
    if not shape.any():
        return shape.copy()
    rim = radius + 1.0
    margin = int(np.ceil(radius + rim)) + 1
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    top, left = rows[0] - margin, columns[0] - margin
    bottom, right = rows[-1] + 1 + margin, columns[-1] + 1 + margin
    near = np.pad(shape, margin)[top + margin : bottom + margin, left + margin : right + margin]
    wide = ndimage.distance_transform_edt(~near) <= radius + rim
    closed = ndimage.distance_transform_edt(np.pad(wide, 1, mode="edge"))[1:-1, 1:-1] > rim
    result = np.zeros_like(shape)
    t, le, b, r = max(0, top), max(0, left), min(len(shape), bottom), min(shape.shape[1], right)
    result[t:b, le:r] = closed[t - top : b - top, le - left : r - left]
    return result


def soften(shape: np.ndarray) -> np.ndarray:
    """The shape (R, R) bool as a float32 mask with a soft rim that stays inside the shape.

    The mask then covers the same cells as the shape, so that the boxes of copy and paste agree.
    """
    blurred = ndimage.gaussian_filter(shape.astype(np.float32), 0.6)
    return np.where(shape, np.clip(blurred, 0, 1), 0).round(3)


def moved(shape: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The shape (R, R) shifted down and right; pixels that leave the picture are lost."""
    result = np.zeros_like(shape)
    height, width = shape.shape
    t, b = max(0, rows), min(height, height + rows)
    left, right = max(0, columns), min(width, width + columns)
    if t < b and left < right:
        result[t:b, left:right] = shape[t - rows : b - rows, left - columns : right - columns]
    return result
