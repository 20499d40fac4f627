"""Grades of a generator of photographs: a copier is found out, a curve has a row per generator."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.experiments.grading.photograph_grades import grade_photographs, grading_images
from palimpsest.experiments.grading.settings import PhotographGrading
from palimpsest.experiments.grading.training_curve import curve_panel, training_curve
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.classifiers.contrast_network import ContrastArchitecture
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.segmenters.photograph_parts import (
    BackboneArchitecture,
    PhotographParts,
    parts_of,
)
from palimpsest.training.instrument_recipes import MouthRegion
from palimpsest.training.photograph_batches import grey_images
from palimpsest.training.photographs import Photographs
from tests.doubles.drawn_photographs import drawn_set

GRADED = PhotographGrading(compared=40, candidates=4, shown=3, seed=1)
ERRORS = {"false_positives": 5, "negatives": 100, "false_negatives": 5, "positives": 100}


class Shower:
    """A generator whose samples are given images (n, 3, R, R)."""

    classes = 0

    def __init__(self, images: torch.Tensor, shown: int | None = None) -> None:
        self.images, self.z_dim = images, 2
        self.resolution = images.shape[-1]
        self.provenance = {} if shown is None else {"images": shown}
        self.count = 0

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        self.count += len(z)
        return self.images[self.count - len(z) : self.count]


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    return Photographs(drawn_set(40), drawn_set(20, first=100))


@pytest.fixture(scope="module")
def parts() -> PhotographParts:
    torch.manual_seed(2)
    small, narrow = ContrastArchitecture(widths=(4, 6), hidden=4), BackboneArchitecture((4, 6, 8))
    smile = AttributeClassifier(small.build(), small, "", "smile", 64)
    facts = {"smile": {"grades": [ERRORS]}}
    return parts_of(smile, narrow.build(), narrow, MouthRegion(), facts)


@pytest.fixture(scope="module")
def reference(parts, photographs) -> FrechetReference:
    known, held_out = (
        parts.pooled(grey_images(some.images[:40]))
        for some in (photographs.training, photographs.held_out)
    )
    return FrechetReference.of(held_out, known, parts.backbone_sha256)


def test_a_generator_that_repeats_its_photographs_is_found_out(
    parts, reference, photographs
) -> None:
    mirrored = grey_images(photographs.training.images[:40]).flip(3)
    counted = []
    grades = grade_photographs(
        Shower(mirrored), parts, reference, photographs, GRADED, counted.append
    )
    (row,) = grades.table.to_dict("records")
    assert row["nearer_percent"] == 100 and row["copies_percent"] == 100
    assert np.isnan(row["images"]) and row["n"] == row["n_compared"] == 40
    assert sum(counted) == grading_images(reference, photographs, GRADED)
    samples, nearest = grades.sheet[::2], grades.sheet[1::2]
    assert samples.shape == (3, 3, 64, 64)
    torch.testing.assert_close(samples, nearest)  # the mirror image counts as the photograph


def test_photographs_of_the_same_kind_are_no_copies(parts, reference, photographs) -> None:
    others = Shower(grey_images(drawn_set(20, first=200).images), shown=5000)
    (row,) = grade_photographs(others, parts, reference, photographs, GRADED).table.to_dict(
        "records"
    )
    assert row["nearer_percent"] < 95
    assert row["copies_percent"] <= 10
    assert row["images"] == 5000 and row["held_out_smiling_percent"] == 50
    assert row["frechet"] < 20 * row["frechet_floor"]
    assert 0 <= row["smiling_percent_low"] <= row["smiling_percent_high"] <= 100


def test_the_curve_has_a_row_for_each_generator_by_photographs_shown(parts, reference) -> None:
    faces = grey_images(drawn_set(20, first=200).images)
    noise = torch.rand(faces.shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    small = torch.nn.functional.avg_pool2d(faces, 2)
    table = training_curve(
        [Shower(faces, 300), Shower(noise, 100), Shower(small, 200)], parts, reference, seed=1
    )
    assert table["images"].tolist() == [100, 200, 300]
    assert table["resolution"].tolist() == [64, 32, 64]
    assert table["frechet"].idxmax() == 0  # noise is no face
    assert (table["n"] == 40).all() and table["frechet_floor"].nunique() == 1
    arrays, facts = curve_panel(table.assign(model="faces"))
    assert arrays["frechet"].tolist() == table["frechet"].tolist()
    assert facts == {"model": "faces", "features": "photographs-parts", "n": 40}


def test_weights_that_do_not_say_how_long_they_trained_make_no_curve(parts, reference) -> None:
    table = training_curve(
        [Shower(grey_images(drawn_set(20, first=200).images))], parts, reference, seed=1
    )
    with pytest.raises(PalimpsestError, match="how many photographs"):
        curve_panel(table.assign(model="faces"))


def test_a_reference_of_another_backbone_is_refused(parts, reference) -> None:
    other = SimpleNamespace(network="0" * 64, count=40)
    with pytest.raises(ParameterError, match="another network than photographs-parts"):
        training_curve([Shower(torch.zeros(40, 3, 64, 64), 1)], parts, other, seed=1)
