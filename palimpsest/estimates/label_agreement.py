"""Agreement of two label maps of the same images: confusion matrix, intersection over union.

    table = confusion_matrix(truth, predicted, classes=16)
    iou = intersection_over_union(table)      # one for each class, NaN where neither has it

Pixels of all images are counted together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: int) -> np.ndarray:
    """Pixels by (true class, predicted class): (classes, classes) int64.

    ``truth`` and ``predicted`` are index maps of one shape; ``table.sum()`` is their pixel count.
    Tables of several batches can be added. Raises `ValueError` for maps of different shapes, or an
    index that is not a class.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise ValueError(f"label maps of shape {truth.shape} and {predicted.shape} do not match")
    if truth.size and not (
        0 <= min(truth.min(), predicted.min()) <= max(truth.max(), predicted.max()) < classes
    ):
        raise ValueError(f"label maps hold an index outside 0 to {classes - 1}")
    pairs = truth.astype(np.int64).ravel() * classes + predicted.ravel()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def intersection_over_union(table: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, (classes,) float64 in [0, 1].

    From a `confusion_matrix`: |true and predicted| / |true or predicted|; NaN for a class that
    neither map has.
    """
    both = np.diag(table).astype(np.float64)
    either = table.sum(0) + table.sum(1) - both
    return np.divide(both, either, out=np.full(len(table), np.nan), where=either > 0)
