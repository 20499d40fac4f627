"""Watermark detectors: which images show letters in the middle, and which along the bottom.

    hits = detect_watermarks(segmenter, images)        # .middle, .strip: (B,) bool
    errors = grade_detectors(segmenter, world, n=1000, blurred=0.7)     # .middle, .strip: Errors
    corrected_count(int(hits.middle.sum()), len(images), errors.middle)

A mark is detected if the church segmenter labels enough pixels with its class: about half of a
whole mark, a threshold that `choose_shares` found on tuning renders. A correlation with the mark's
template detects marks equally well on renders and on generated images, but labels need no template.
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
"""Class of each mark, which is also the name of the scene's attribute."""


class Shares(NamedTuple):
    """Least share of an image's pixels at which each mark is detected."""

    middle: float
    strip: float


class WatermarkHits(NamedTuple):
    """Detections of each mark: two (B,) bool tensors."""

    middle: Tensor
    strip: Tensor


class DetectorErrors(NamedTuple):
    """Error rates of each detector."""

    middle: Errors
    strip: Errors


SHARES = Shares(middle=0.026, strip=0.026)
"""About half of a whole mark: 426 pixels of 128 × 128."""


def mark_shares(segmenter: Segmenter, images: Tensor | CachedOutputs) -> np.ndarray:
    """Share of the pixels labelled as each mark, (B, 2) in `MARKS` order; ``images`` (B, 3, H, W).

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
    """Detections in ``images`` (B, 3, H, W) in [-1, 1]; raises as `mark_shares`."""
    hits = mark_shares(segmenter, images) >= np.array(shares)
    return WatermarkHits(*torch.from_numpy(hits).unbind(1))


def _marks_of(
    segmenter: Segmenter, world: World, n: int, resolution: int, blurred: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the marks in held-out renders, and whether the scenes have them: (n, 2) each."""
    measured, truth = [], []
    for scene, images, _ in held_out(world, n, resolution, blurred, seed):
        shown = world.attribute_presence(scene)
        measured.append(mark_shares(segmenter, images))
        truth.append(np.stack([shown[name] for name in MARKS.values()], axis=1))
    return np.concatenate(measured), np.concatenate(truth)


def grade_detectors(
    segmenter: Segmenter,
    world: World,
    n: int = 1000,
    resolution: int = 128,
    blurred: float = 0.0,
    seed: int = GRADING_STREAM,
    shares: Shares = SHARES,
) -> DetectorErrors:
    """Error rates on ``n`` held-out renders, blurred by a Gaussian of sigma ``blurred`` pixels."""
    measured, truth = _marks_of(segmenter, world, n, resolution, blurred, seed)
    found = measured >= np.array(shares)
    return DetectorErrors(*(Errors.of(truth[:, i], found[:, i]) for i in range(len(MARKS))))


def choose_shares(
    segmenter: Segmenter,
    world: World,
    n: int = 300,
    resolution: int = 128,
    blurred: float = 0.0,
    seed: int = TUNING_STREAM,
) -> Shares:
    """The thresholds with the fewest errors on ``n`` renders, by `best_cut`."""
    measured, truth = _marks_of(segmenter, world, n, resolution, blurred, seed)
    return Shares(*(best_cut(measured[:, i], truth[:, i]) for i in range(len(MARKS))))


def best_cut(values: np.ndarray, truth: np.ndarray) -> float:
    """The threshold at which ``values >= cut`` (n,) differs least often from ``truth`` (n,) bool.

    Of several best thresholds, the middle of the widest gap between values. Raises `ValueError` if
    all values are equal.
    """
    levels = np.unique(values)
    if len(levels) < 2:
        raise ValueError("all values are the same, so no threshold lies between them")
    cuts, gaps = (levels[1:] + levels[:-1]) / 2, np.diff(levels)
    errors = ((values[None, :] >= cuts[:, None]) != truth[None, :]).sum(1)
    least = np.flatnonzero(errors == errors.min())
    return float(cuts[least[np.argmax(gaps[least])]])
