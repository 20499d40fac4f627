"""Watermark detectors: which images bear the word in the middle, which the strip at the bottom.

    hits = detect_watermarks(segmenter, images)        # .middle, .strip: (B,) bool
    errors = grade_detectors(segmenter, world, n=1000, blurred=0.7)     # .middle, .strip: Errors
    corrected_count(int(hits.middle.sum()), len(images), errors.middle)

A mark is there if the church segmenter labels enough pixels with its class: half as many as a whole
mark has, by `choose_shares` on renders that grade nothing. A correlation with the mark's template
tells just as well, on renders and on a generator's images, but labels need no template.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.estimates.error_rates import Errors
from palimpsest.instruments.label_changes import class_pixels
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs, cached_outputs
from palimpsest.training.renders import GRADING_STREAM, TUNING_STREAM, held_out
from palimpsest.worlds.scene import World

MARKS = {"middle": "watermark_middle", "strip": "watermark_strip"}
"""Mark → its class, which is also what the world says that scenes show."""


class Shares(NamedTuple):
    """Of an image's pixels: from so many on, a mark is there."""

    middle: float
    strip: float


class WatermarkHits(NamedTuple):
    """Which images bear which mark: two (B,) bool tensors."""

    middle: Tensor
    strip: Tensor


class DetectorErrors(NamedTuple):
    """How often each detector errs."""

    middle: Errors
    strip: Errors


SHARES = Shares(middle=0.027, strip=0.055)
"""Half of a whole mark: 442 and 901 pixels of 128 × 128."""


def mark_shares(segmenter: Segmenter, images: Tensor | CachedOutputs) -> np.ndarray:
    """Share of pixels that each mark has in ``images`` (B, 3, H, W): (B, 2), in `MARKS` order.

    Raises `ParameterError` for a segmenter without the classes of the marks.
    """
    missing = [name for name in MARKS.values() if name not in segmenter.classes]
    if missing:
        raise ParameterError(
            f"{segmenter.name} has no class {missing[0]}; give the segmenter of a world that has "
            "watermarks, such as church"
        )
    labels = cached_outputs(segmenter, images).labels
    wanted = [segmenter.index(name) for name in MARKS.values()]
    return class_pixels(labels, len(segmenter.classes))[:, wanted] / labels[0].numel()


def detect_watermarks(
    segmenter: Segmenter, images: Tensor, shares: Shares = SHARES
) -> WatermarkHits:
    """Which of ``images`` (B, 3, H, W) in [-1, 1] bear which mark; raises as `mark_shares`."""
    hits = mark_shares(segmenter, images) >= np.array(shares)
    return WatermarkHits(*torch.from_numpy(hits).unbind(1))


def _marks_of(
    segmenter: Segmenter, world: World, n: int, resolution: int, blurred: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the marks, and whether the scenes bear them, of held-out renders: (n, 2) each."""
    seen, truth = [], []
    for scene, images, _ in held_out(world, n, resolution, blurred, seed):
        shown = world.attribute_presence(scene)
        seen.append(mark_shares(segmenter, images))
        truth.append(np.stack([shown[name] for name in MARKS.values()], axis=1))
    return np.concatenate(seen), np.concatenate(truth)


def grade_detectors(
    segmenter: Segmenter,
    world: World,
    n: int = 1000,
    resolution: int = 128,
    blurred: float = 0.0,
    seed: int = GRADING_STREAM,
    shares: Shares = SHARES,
) -> DetectorErrors:
    """False positives and negatives on ``n`` held-out renders, blurred by ``blurred`` pixels."""
    seen, truth = _marks_of(segmenter, world, n, resolution, blurred, seed)
    said = seen >= np.array(shares)
    return DetectorErrors(*(Errors.of(truth[:, i], said[:, i]) for i in range(len(MARKS))))


def choose_shares(
    segmenter: Segmenter,
    world: World,
    n: int = 300,
    resolution: int = 128,
    blurred: float = 0.0,
    seed: int = TUNING_STREAM,
) -> Shares:
    """The thresholds that err least on ``n`` renders, by `best_cut`."""
    seen, truth = _marks_of(segmenter, world, n, resolution, blurred, seed)
    return Shares(*(best_cut(seen[:, i], truth[:, i]) for i in range(len(MARKS))))


def best_cut(values: np.ndarray, truth: np.ndarray) -> float:
    """The cut such that ``values >= cut`` (n,) errs least about ``truth`` (n,) bool.

    Of cuts that err equally little, the middle of the widest gap. Raises `ValueError` where there
    are fewer than two values to cut between.
    """
    levels = np.unique(values)
    if len(levels) < 2:
        raise ValueError("there is nothing to cut between: all values are the same")
    cuts, gaps = (levels[1:] + levels[:-1]) / 2, np.diff(levels)
    errors = ((values[None, :] >= cuts[:, None]) != truth[None, :]).sum(1)
    least = np.flatnonzero(errors == errors.min())
    return float(cuts[least[np.argmax(gaps[least])]])
