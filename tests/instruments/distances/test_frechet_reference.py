"""Fréchet distance to photographs by their statistics alone, and its floor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palimpsest.errors import CheckpointError
from palimpsest.instruments.distances.frechet import frechet_distance, frechet_estimate
from palimpsest.instruments.distances.frechet_reference import FrechetReference

MINI = Path(__file__).parents[3] / "data/weights/mini"


@pytest.fixture(scope="module")
def features() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    mixing = random.normal(size=(5, 5))
    return [random.normal(size=(200, 5)) @ mixing + shift for shift in (0, 0, 0.8)]


def test_it_equals_the_distance_to_the_photographs_themselves(features, tmp_path) -> None:
    held_out, others, samples = features
    made = FrechetReference.of(held_out, others, "network")
    made.save(tmp_path / "reference.safetensors")
    reference = FrechetReference.load(tmp_path / "reference.safetensors")
    assert reference.network == "network" and reference.count == 200
    assert reference.distance(samples) == frechet_estimate(samples, held_out)
    assert reference.floor == frechet_estimate(others, held_out)
    assert reference.floor.estimate == pytest.approx(frechet_distance(others, held_out))
    assert reference.floor.high < reference.distance(samples).low


def test_a_floor_of_another_number_of_photographs_is_refused(features) -> None:
    with pytest.raises(ValueError, match="199 others for 200"):
        FrechetReference.of(features[0], features[1][:199], "network")


def test_another_file_is_refused(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="not a Fréchet reference"):
        FrechetReference.load(MINI / "face-smile.safetensors")
    with pytest.raises(CheckpointError, match="no such file"):
        FrechetReference.load(tmp_path / "missing.safetensors")


def test_the_shipped_floor_is_of_the_held_out_photographs() -> None:
    reference = FrechetReference.load(MINI / "photo_faces-reference.safetensors")
    assert reference.count == 1647
    assert 0 < reference.floor.low < reference.floor.estimate < reference.floor.high
    assert np.linalg.eigvalsh(reference.covariance).min() > -1e-9
