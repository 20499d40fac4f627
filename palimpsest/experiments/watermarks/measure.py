"""Measure which watermarks are left after edits, image by image (paper, section 5.2).

    methods = [load_method("rank_one", "rank_one.safetensors", g), ...]
    table = measure_marks(g, segmenter, PerceptualDistance(segmenter), methods, n=1000, seed=3)
    write_marks(table, "watermarks.parquet", grade_detectors(segmenter, world, blurred=0.7), facts)
    table, errors = read_marks("watermarks.parquet")

The paper counted visible marks by hand, in 1,000 images of every method. Here detectors count
(`instruments.detectors.watermarks`), and the file also holds their error rates, so that a table can
correct for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.estimates.error_rates import Errors
from palimpsest.experiments.comparison.measure import (
    RewrittenGenerator,
    before_and_after,
)
from palimpsest.files.measurements import (
    measured_facts,
    read_measurements,
    write_measurements,
)
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.detectors.watermarks import (
    MARKS,
    SHARES,
    DetectorErrors,
    Shares,
    mark_shares,
)
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.label_changes import source_region
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs
from palimpsest.methods.registry import UNMODIFIED

ERRORS = "detector_errors"
WHAT = "the watermarks"
COLUMNS = (
    "sample",
    "seed",
    "method",
    "middle",
    "bottom",
    "middle_share",
    "bottom_share",
    "perceptual_outside",
    "units",
    "scale",
    "perceptual",
    "segmenter",
)


def measure_marks(
    generator: Generator,
    segmenter: Segmenter,
    distance: PerceptualDistance,
    methods: Sequence[RewrittenGenerator],
    *,
    n: int,
    seed: int,
    units: Mapping[str, int] | None = None,
    shares: Shares = SHARES,
    batch: int = 16,
    scale: str = "",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """One row for each (sample, method), `unmodified` first, on the first ``n`` standard samples.

    Columns: sample, seed, method; ``middle`` and ``bottom``, whether the detectors see the mark;
    ``middle_share`` and ``bottom_share``, the share of the image's pixels labelled as it;
    ``perceptual_outside``: mean distance to the unmodified image over the pixels without a mark
    there (NaN if there are none); ``units``: number of units that a method silenced, 0 for a method
    not in ``units``; scale, as given; the names of the perceptual distance and the segmenter.

    Raises `ParameterError` for a segmenter without the marks' classes, a method given twice, and n
    or batch below 1.
    """
    names = [UNMODIFIED, *(method.name for method in methods)]
    if len(set(names)) < len(names):
        raise ParameterError(f"methods {', '.join(names)}: each can be measured only once")
    if n < 1 or batch < 1:
        raise ParameterError(f"samples = {n}, batch = {batch}; each must be at least 1")
    samples = sample_z(generator, n, seed)
    marks = [segmenter.index(name) for name in MARKS.values()]
    parts = []
    for first in range(0, n, batch):
        z = samples[first : first + batch]
        before, afters = before_and_after(generator, methods, z)
        outputs = CachedOutputs(segmenter, before)
        outside = ~_marked(outputs.labels, marks)
        prepared = distance.prepare(outputs)
        for name, after in afters:
            now = outputs if after is before else CachedOutputs(segmenter, after)
            compared = prepared if after is before else distance.prepare(now)
            apart = distance.masked(prepared, compared, outside)
            seen = mark_shares(segmenter, now)
            parts.append(_rows(first, name, seen, shares, apart))
        if progress is not None:
            progress(len(z))
    table = pd.concat(parts, ignore_index=True)
    place = table["method"].map({name: i for i, name in enumerate(names)})
    order = table.assign(place=place).sort_values(["sample", "place"], kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    table["seed"], table["scale"] = seed, scale
    table["units"] = table["method"].map(dict(units or {})).fillna(0).astype("int64")
    table["perceptual"] = distance.name_for(generator.image_size)
    table["segmenter"] = segmenter.name
    return table[list(COLUMNS)]


def _marked(labels: Tensor, marks: Sequence[int]) -> Tensor:
    """Pixels (B, H, W) bool of any mark larger than specks."""
    return torch.stack([source_region(labels, [mark]) for mark in marks]).any(0)


def _rows(first: int, method: str, seen: np.ndarray, shares: Shares, apart: Tensor) -> pd.DataFrame:
    hits = seen >= np.array(shares)
    return pd.DataFrame(
        {
            "sample": range(first, first + len(seen)),
            "method": method,
            "middle": hits[:, 0],
            "bottom": hits[:, 1],
            "middle_share": seen[:, 0],
            "bottom_share": seen[:, 1],
            "perceptual_outside": apart.double().cpu().numpy(),
        }
    )


def write_marks(
    table: pd.DataFrame,
    path: str | PathLike[str],
    errors: DetectorErrors,
    facts: Mapping[str, str],
) -> None:
    """Write the rows as parquet, atomically; the metadata holds the detectors' error rates."""
    told = {mark: error.facts() for mark, error in errors._asdict().items()}
    write_measurements(table, path, {**facts, ERRORS: json.dumps(told, sort_keys=True)})


def read_marks(path: str | PathLike[str]) -> tuple[pd.DataFrame, DetectorErrors]:
    """The rows and the detectors' error rates that `write_marks` wrote.

    Raises `PalimpsestError` for a file that is missing, damaged or of another kind.
    """
    table = read_measurements(path, COLUMNS, WHAT)
    try:
        told = json.loads(measured_facts(path, WHAT).get(ERRORS, ""))
        errors = DetectorErrors(*(Errors.from_facts(told[mark]) for mark in MARKS))
    except (ValueError, KeyError, TypeError) as problem:
        raise PalimpsestError(
            f"{path}: has no error rates of the detectors; measure the watermarks again"
        ) from problem
    return table, errors
