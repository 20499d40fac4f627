"""Grades of a mini generator: its images compared with the world that it learned.

    grades = grade_generator(g, segmenter, world, n=1000, seed=4)
    grades.table                    # one row for each figure; see `grade_generator`
    grades.generated, grades.rendered       # the first images, side by side, uint8

The generator distils a renderer, so each image has a ground truth: the render of the same z, with
exact labels. The column ``world`` holds the same figures for the renders, measured with the same
segmenter: errors of the segmenter lower both columns, so they do not count against the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.estimates.columns import estimate_columns
from palimpsest.estimates.intervals import (
    NOTHING,
    Estimate,
    bootstrap_mean,
    percent,
    resampled,
    wilson,
)
from palimpsest.generators import Generator, sample_z
from palimpsest.generators.pictures import as_input, as_picture
from palimpsest.generators.samples import standard_normal
from palimpsest.instruments.classifiers.base import Classifier
from palimpsest.instruments.distances.frechet import frechet_distance
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.label_changes import class_pixels
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs
from palimpsest.worlds.scene import World

PRESENT_SHARE = 1 / 512
"""Least share of an image's pixels from which it shows a class (32 pixels at 128 x 128)."""

PRESENT_PART = 0.5
"""Share of a class's least area in renders from which an image shows the class. Areas that a
segmenter mistakes for it at the soft edges of other things are smaller."""

LEAST_QUANTILE = 0.01
"""Quantile of a class's areas in renders that counts as the least: it ignores hidden things."""

FLOOR_SEED_STEP = 1_000_003
"""Added to the seed for the second set of renders, the reference of the Fréchet distances."""

SHOWN = 24
"""Pairs of images kept for the figure."""

Seen = dict[str, np.ndarray]


@dataclass(frozen=True)
class Grades:
    """``table``: a row for each figure; ``generated``, ``rendered``: (S, H, W, 3) uint8, same z."""

    table: pd.DataFrame
    generated: np.ndarray
    rendered: np.ndarray


def least_pixels(pixels: np.ndarray, image_size: int) -> np.ndarray:
    """Pixels from which an image shows each class, (classes,) float64.

    ``pixels`` (n, classes): counts in exact labels of ``image_size`` pixels. `PRESENT_SHARE` of the
    image for every class, and `PRESENT_PART` of its least area for a class that some image has.
    """
    floor = PRESENT_SHARE * image_size
    least = np.full(pixels.shape[1], floor)
    for i, column in enumerate(pixels.T):
        if (shown := column[column > 0]).size:
            least[i] = max(floor, PRESENT_PART * np.quantile(shown, LEAST_QUANTILE))
    return least


def grade_generator(
    generator: Generator,
    segmenter: Segmenter,
    world: World,
    *,
    n: int,
    seed: int,
    classifiers: Sequence[Classifier] = (),
    batch: int = 32,
    level: float = 0.95,
    resamples: int = 2000,
    progress: Callable[[int], None] | None = None,
) -> Grades:
    """Grades on the first ``n`` standard samples of ``seed``.

    The table's rows, by ``figure``, each with columns generator, world and truth (from the
    segmenter's labels of generated images; of the renders of the same z; from their exact labels;
    each with ``*_low`` and ``*_high``, NaN where undefined), then n, perceptual, segmenter:

    - ``<class>_percent``: images that show the class (`least_pixels`), for classes that only some
      scenes have;
    - ``<attribute>_percent``: images classified as having it, for each classifier given;
    - ``<name>_agreement_percent``: images that show the class or attribute if and only if their
      scene does;
    - ``<class>_iou``, ``mean_iou``, ``pixel_accuracy``: of the labels against the exact ones;
    - ``frechet``: distance of the pooled features to those of renders of other z; for the renders
      this is the floor, the distance of two sets of that size by chance;
    - ``l1``, ``perceptual``: mean distance to the render of the same z;
    - ``edge_energy``: mean absolute difference of neighbouring pixels.

    Raises `ParameterError` if generator, segmenter and world do not belong together, or n < 2.
    """
    _check_fit(generator, segmenter, world, n, classifiers)
    distance = PerceptualDistance(segmenter)
    z = sample_z(generator, n, seed).split(batch)
    spare = standard_normal(n, world.z_dim, seed + FLOOR_SEED_STEP).split(batch)
    of_made, of_drawn, pairs, shown = [], [], [], []
    for part, spare_part in zip(z, spare, strict=True):
        with torch.no_grad():
            made = generator(part)
        picture = world.render(world.scene(part.numpy()), generator.resolution)
        other = world.render(world.scene(spare_part.numpy()), generator.resolution)
        drawn, truth = as_input(picture.images), torch.from_numpy(picture.labels)
        told = world.attribute_presence(world.scene(part.numpy()))
        both = CachedOutputs(segmenter, made), CachedOutputs(segmenter, drawn)
        of_made.append(_look(segmenter, classifiers, both[0], truth))
        of_drawn.append(_look(segmenter, classifiers, both[1], truth))
        with torch.no_grad():
            pairs.append(
                {
                    "truth": class_pixels(truth, len(world.classes)),
                    "l1": (made - drawn).abs().mean((1, 2, 3)).numpy(),
                    "perceptual": distance(*map(distance.prepare, both)).numpy(),
                    "others": segmenter.pooled(as_input(other.images)),
                    **{f"{one.name}_truth": told[one.attribute] for one in classifiers},
                    "areas": class_pixels(torch.from_numpy(other.labels), len(world.classes)),
                }
            )
        if sum(map(len, shown)) < SHOWN:
            shown.append(np.stack([as_picture(made), picture.images], axis=1))
        if progress is not None:
            progress(len(part))
    figures = _Figures(
        generator.resolution**2,
        world.classes,
        {one.name: one.attribute for one in classifiers},
        level,
        resamples,
    )
    table = figures.table(_joined(of_made), _joined(of_drawn), _joined(pairs))
    table["n"], table["perceptual"], table["segmenter"] = n, distance.name, segmenter.name
    first = np.concatenate(shown)[:SHOWN]
    return Grades(table, first[:, 0], first[:, 1])


def _look(
    segmenter: Segmenter,
    classifiers: Sequence[Classifier],
    outputs: CachedOutputs,
    truth: Tensor,
) -> Seen:
    """Measures of a batch, one row for each image.

    Pixels of each class (B, classes): ``pixels`` labelled as it, ``both`` labelled and true,
    ``either`` of the two; pooled ``features`` (B, C); ``edges`` (B,), mean absolute difference of
    neighbouring pixels; the result of each classifier, (B,) bool by its name.
    """
    classes = len(segmenter.classes)
    images, labels = outputs.images, outputs.labels
    pixels = class_pixels(labels, classes)
    # wrong pixels are counted under an extra class, which is then dropped
    right = torch.where(labels == truth, labels, classes)
    both = class_pixels(right, classes + 1)[:, :classes]
    along_x = (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3))
    along_y = (images[..., 1:, :] - images[..., :-1, :]).abs().mean((1, 2, 3))
    return {
        "pixels": pixels,
        "both": both,
        "either": pixels + class_pixels(truth, classes) - both,
        "features": segmenter.pooled(outputs),
        "edges": ((along_x + along_y) / 2).numpy(),
        **{one.name: one.shows(images).numpy() for one in classifiers},
    }


def _joined(batches: list[Seen]) -> Seen:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


@dataclass(frozen=True)
class _Figures:
    """Estimates from the measures of images; ``size``: pixels of an image; ``told``: the attribute
    of each classifier, by its name."""

    size: int
    classes: tuple[str, ...]
    told: dict[str, str]
    level: float
    resamples: int

    def table(self, made: Seen, drawn: Seen, pairs: Seen) -> pd.DataFrame:
        """The rows of `grade_generator`."""
        rows = self._presence(made, drawn, pairs)
        for i, name in enumerate(self.classes):
            rows.append((f"{name}_iou", *(self._iou(s, [i]) for s in (made, drawn)), None))
        every = list(range(len(self.classes)))
        rows.append(("mean_iou", *(self._iou(s, every) for s in (made, drawn)), None))
        right = [self._mean(s["both"].sum(1) / self.size) for s in (made, drawn)]
        rows.append(("pixel_accuracy", *right, None))
        apart = [frechet_distance(s["features"], pairs["others"]) for s in (made, drawn)]
        rows.append(("frechet", *(Estimate(value, np.nan, np.nan) for value in apart), None))
        rows.append(("l1", self._mean(pairs["l1"]), None, None))
        rows.append(("perceptual", self._mean(pairs["perceptual"]), None, None))
        rows.append(("edge_energy", *(self._mean(s["edges"]) for s in (made, drawn)), None))
        return _as_table(rows)

    def _presence(self, made: Seen, drawn: Seen, pairs: Seen) -> list[tuple]:
        """Rates and agreements of the classes that only some scenes have."""
        least = least_pixels(pairs["areas"], self.size)
        there = pairs["truth"] >= least
        seen = [pixels >= least for pixels in (made["pixels"], drawn["pixels"])]
        varying = [i for i in range(len(self.classes)) if 0 < there[:, i].mean() < 1]
        looks = {self.classes[i]: [s[:, i] for s in (*seen, there)] for i in varying}
        for name, attribute in self.told.items():
            looks[attribute] = [made[name], drawn[name], pairs[f"{name}_truth"]]
        rates, agreements = [], []
        for name, (of_made, of_drawn, truth) in looks.items():
            shares = [self._percent(shows) for shows in (of_made, of_drawn, truth)]
            rates.append((f"{name}_percent", *shares))
            agree = [self._percent(shows == truth) for shows in (of_made, of_drawn)]
            agreements.append((f"{name}_agreement_percent", *agree, None))
        return rates + agreements

    def _percent(self, which: np.ndarray) -> Estimate:
        return percent(wilson(int(which.sum()), len(which), self.level))

    def _mean(self, values: np.ndarray) -> Estimate:
        return bootstrap_mean(values, self.level, self.resamples, seed=0)

    def _iou(self, seen: Seen, classes: list[int]) -> Estimate:
        """Mean over ``classes`` of the IoU of all pixels together, with whole images resampled."""
        both, either = seen["both"][:, classes], seen["either"][:, classes]

        def mean(above: np.ndarray, below: np.ndarray) -> np.ndarray:
            iou = np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
            counted = (below > 0).sum(-1)  # classes that are nowhere are left out
            return np.divide(
                iou.sum(-1), counted, out=np.full(counted.shape, np.nan), where=counted > 0
            )

        pairs = [
            (drawn @ both, drawn @ either) for drawn in resampled(len(both), self.resamples, 0)
        ]
        means = mean(*map(np.concatenate, zip(*pairs, strict=True)))
        tails = [(1 - self.level) / 2, (1 + self.level) / 2]
        low, high = np.nanquantile(means, tails) if np.isfinite(means).any() else (np.nan, np.nan)
        return Estimate(float(mean(both.sum(0), either.sum(0))), float(low), float(high))


def _as_table(rows: list[tuple]) -> pd.DataFrame:
    table = []
    for figure, *estimates in rows:
        columns = zip(("generator", "world", "truth"), estimates, strict=True)
        found = {column: estimate or NOTHING for column, estimate in columns}
        table.append({"figure": figure} | estimate_columns(found))
    return pd.DataFrame(table)


def _check_fit(
    generator: Generator,
    segmenter: Segmenter,
    world: World,
    n: int,
    classifiers: Sequence[Classifier],
) -> None:
    if n < 2:
        raise ParameterError(f"samples = {n}; at least 2 are needed")
    if generator.z_dim != world.z_dim:
        raise ParameterError(
            f"the generator reads z of {generator.z_dim} numbers, the {world.name} world of "
            f"{world.z_dim}; grade a generator that learned this world"
        )
    if segmenter.classes != world.classes:
        raise ParameterError(
            f"{segmenter.name} does not have the classes of the {world.name} world"
        )
    for classifier in classifiers:
        if classifier.world != world.name:
            raise ParameterError(f"{classifier.name} is not a classifier of the {world.name} world")
