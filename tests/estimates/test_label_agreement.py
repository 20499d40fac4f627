import numpy as np
import pytest

from palimpsest.estimates.label_agreement import confusion_matrix, intersection_over_union


def test_confusion_and_iou_of_four_pixels():
    truth = np.array([[[0, 0], [1, 1]]])
    predicted = np.array([[[0, 1], [1, 1]]], dtype=np.uint8)
    table = confusion_matrix(truth, predicted, classes=3)
    assert table.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    iou = intersection_over_union(table)
    assert iou[0] == 1 / 2 and iou[1] == 2 / 3 and np.isnan(iou[2])


def test_tables_of_batches_add_up():
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 5, (2, 6, 8, 8))
    whole = confusion_matrix(truth, predicted, 5)
    parts = [confusion_matrix(truth[i : i + 2], predicted[i : i + 2], 5) for i in (0, 2, 4)]
    assert (whole == sum(parts)).all() and whole.sum() == truth.size


def test_what_is_refused():
    with pytest.raises(ValueError, match="do not match"):
        confusion_matrix(np.zeros((1, 2, 2), int), np.zeros((1, 2, 3), int), 2)
    with pytest.raises(ValueError, match="outside 0 to 1"):
        confusion_matrix(np.zeros((1, 2, 2), int), np.full((1, 2, 2), 2), 2)
