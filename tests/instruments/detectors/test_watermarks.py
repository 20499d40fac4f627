from pathlib import Path

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.instruments import load_segmenter
from palimpsest.instruments.detectors.watermarks import (
    SHARES,
    Shares,
    best_cut,
    choose_shares,
    detect_watermarks,
    grade_detectors,
    mark_shares,
)
from palimpsest.worlds.church.painting import overlay_watermarks
from tests.doubles.plain_segmenter import PlainSegmenter

SHIPPED = Path(__file__).parents[3] / "data/weights/mini/church-segmenter.safetensors"
needs_the_segmenter = pytest.mark.skipif(
    not SHIPPED.exists(), reason=f"{SHIPPED.name} is not in this checkout"
)


class Painted(PlainSegmenter):
    """Reads an image's first channel as the labels themselves."""

    name = "painted"
    classes = ("sky", "watermark_middle", "watermark_strip")

    def labels(self, images):
        return images[:, 0].long()


@pytest.fixture(scope="module")
def shipped():
    return load_segmenter(SHIPPED)


def test_a_mark_is_there_from_its_share_of_the_pixels_on():
    images = torch.zeros(4, 3, 20, 20)
    images[0, 0, 0, :8] = 1  # 2 % of 400
    images[1, 0, 0, :7] = 1
    images[2, 0, 19] = 2  # 5 %
    images[3, 0, :2] = 1
    images[3, 0, 19] = 2
    assert np.allclose(mark_shares(Painted(), images)[:, 0], [0.02, 0.0175, 0, 0.1])
    hits = detect_watermarks(Painted(), images, Shares(middle=0.02, strip=0.05))
    assert hits.middle.tolist() == [True, False, False, True]
    assert hits.strip.tolist() == [False, False, True, True]


def test_a_segmenter_without_watermarks(brightness):
    with pytest.raises(ParameterError, match="no class watermark_middle"):
        detect_watermarks(brightness, torch.zeros(1, 3, 8, 8))


def test_the_best_cut_errs_least_and_stands_in_the_widest_gap():
    values = np.array([0.0, 0.1, 0.2, 0.8, 0.9])
    truth = np.array([False, False, False, True, True])
    assert best_cut(values, truth) == pytest.approx(0.5)
    # one that cannot be told apart is given up
    assert best_cut(np.array([0.0, 0.1, 0.2, 0.8, 0.9]), truth[[0, 3, 1, 3, 4]]) == pytest.approx(
        0.5
    )
    with pytest.raises(ValueError, match="all values are the same"):
        best_cut(np.ones(3), truth[:3])


@needs_the_segmenter
def test_errors_are_within_what_the_tables_need(shipped, church):
    for blurred in (0.0, 0.7):
        errors = grade_detectors(shipped, church, n=100, blurred=blurred)
        for mark in errors:
            assert mark.negatives + mark.positives == 100 and mark.positives >= 10
            assert mark.false_positive.estimate <= 0.01
            assert mark.false_negative.estimate <= 0.03
    # a threshold that nothing reaches misses every mark
    blind = grade_detectors(shipped, church, n=30, shares=Shares(0.9, 0.9))
    assert blind.middle.false_negative.estimate == blind.strip.false_negative.estimate == 1


@needs_the_segmenter
def test_thresholds_are_those_chosen_on_other_renders(shipped, church):
    chosen = choose_shares(shipped, church, n=60)
    assert chosen.middle == pytest.approx(SHARES.middle, rel=0.1)
    assert chosen.strip == pytest.approx(SHARES.strip, rel=0.1)


@needs_the_segmenter
def test_marks_laid_over_one_picture(shipped, church):
    z = np.random.RandomState(5).standard_normal((1, church.z_dim))
    bare = church.scene(z).with_(watermark=False)
    image, labels = (part[0] for part in church.render(bare))
    wanted = [(False, False), (True, False), (False, True), (True, True)]
    laid = [overlay_watermarks(image, labels, *marks)[0] for marks in wanted]
    images = torch.from_numpy(np.stack(laid)).permute(0, 3, 1, 2) / 127.5 - 1
    hits = detect_watermarks(shipped, images)
    assert hits.middle.tolist() == [middle for middle, _ in wanted]
    assert hits.strip.tolist() == [strip for _, strip in wanted]
