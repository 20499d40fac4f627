"""The letter detector: what it finds, how it is trained, and that its file reads back."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from palimpsest.errors import CheckpointError
from palimpsest.estimates.error_rates import Errors
from palimpsest.generators.pictures import as_input
from palimpsest.instruments import load_segmenter
from palimpsest.instruments.detectors.letter_training import (
    LetteredPictures,
    LetterTraining,
    chosen_shares,
)
from palimpsest.instruments.detectors.letters import LetterDetector, LetterNetwork, shares_of
from palimpsest.instruments.detectors.watermarks import SHARES, detect_watermarks
from palimpsest.training.instrument_recipes import LetterRecipe

SHIPPED = Path(__file__).parents[3] / "data/weights/mini/letters.safetensors"
FEW = LetterRecipe(batch=4, steps=2, tuned=20)


@pytest.fixture(scope="module")
def grey():
    """Smooth pictures without letters, (12, 128, 128) uint8."""
    coarse = np.random.default_rng(0).integers(40, 200, (12, 4, 4), dtype=np.uint8)
    return np.stack([cv2.resize(one, (128, 128)) for one in coarse])


def test_letters_in_the_middle_and_at_the_bottom_are_found(grey):
    """On text, font and pictures that the training did not have."""
    detector = load_segmenter(SHIPPED)
    assert isinstance(detector, LetterDetector) and SHIPPED.stat().st_size < 250_000
    images = np.repeat(grey[:8, :, :, None], 3, axis=3)
    for place, row in enumerate((74, 120)):
        for number in (2 * place, 2 * place + 1):
            at = (14, row)
            image = np.ascontiguousarray(images[number])
            cv2.putText(image, "Sample", at, cv2.FONT_HERSHEY_COMPLEX, 0.8, (250,) * 3, 2, 16)
            images[number] = image
    hits = detect_watermarks(detector, as_input(images), shares_of(detector))
    assert hits.middle.tolist() == [True, True, *[False] * 6]
    assert hits.strip.tolist() == [False, False, True, True, *[False] * 4]


def test_its_errors_stand_in_the_file():
    grades = load_segmenter(SHIPPED).facts["grades"]
    assert [grade["blur"] for grade in grades] == [0.0, 0.7]
    for grade in grades:
        for mark in ("middle", "strip"):
            errors = Errors.from_facts(grade[mark])
            assert errors.negatives + errors.positives == grade["n"]
            # a count can be corrected for them
            assert errors.false_positive.high + errors.false_negative.high < 1


def test_batches_are_repeatable_and_tell_where_letters_stand(grey):
    pictures = LetteredPictures(LetterRecipe(batch=24, lettered=0.5), grey)
    images, cells = pictures[3]
    again, _ = LetteredPictures(LetterRecipe(batch=24, lettered=0.5), grey)[3]
    assert torch.equal(images, again) and not torch.equal(images, pictures[4][0])
    assert images.shape == (24, 1, 128, 128) and cells.shape == (24, 1, 32, 32)
    assert images.abs().max() <= 1 and set(cells.unique().tolist()) == {0.0, 1.0}
    assert 0 < (cells.amax((1, 2, 3)) > 0).float().mean() < 1
    _, bears, lines = pictures.drawn(np.random.RandomState(1), 24)
    lower, upper = lines[:, 0, 100:].amax((1, 2)), lines[:, 0, 30:96].amax((1, 2))
    assert (upper > 0).tolist() == bears[:, 0].tolist()
    assert (lower > 0).tolist() == bears[:, 1].tolist()


def test_training_goes_to_a_file_that_reads_back(grey, tmp_path):
    training = LetterTraining(FEW, grey)
    assert training.run()
    detector = training.finished()
    detector.save(tmp_path / "letters.safetensors")
    loaded = load_segmenter(tmp_path / "letters.safetensors")
    assert loaded.shares == detector.shares and loaded.facts["steps"] == 2
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    labels = loaded.labels(images)
    assert labels.shape == (2, 64, 64) and labels.dtype == torch.int64
    assert [len(maps[0]) for maps in loaded.features(images)] == list(loaded.feature_channels)
    (tmp_path / "other.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError):
        LetterDetector.load(tmp_path / "other.safetensors")


def test_thresholds_are_the_usual_ones_where_nothing_is_found():
    blind = chosen_shares(np.zeros((6, 2)), np.zeros((6, 2), dtype=bool))
    assert blind == SHARES
    seen = np.array([[0.0, 0.01], [0.2, 0.01], [0.0, 0.03], [0.2, 0.03]])
    shares = chosen_shares(seen, seen > (0.1, 0.02))
    assert shares == pytest.approx((0.1, 0.02))


def test_the_network_takes_grey_and_coloured_pictures():
    network = LetterNetwork().eval()
    grey = torch.rand(1, 1, 128, 128)
    with torch.no_grad():
        found = network(grey), network(grey.expand(-1, 3, -1, -1))
    assert torch.allclose(*found, atol=1e-4)
