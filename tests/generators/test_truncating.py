"""A generator at another truncation is the one that is loaded with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.truncating import can_truncate, with_truncation

WEIGHTS = Path(__file__).parents[2] / "data" / "weights" / "mini"


def test_it_is_the_generator_loaded_with_it_and_shares_the_weights() -> None:
    g = load_generator(WEIGHTS / "photo_faces.safetensors")
    other = with_truncation(g, 0.6)
    z = sample_z(g, 2)
    loaded = load_generator(WEIGHTS / "photo_faces.safetensors", truncation=0.6)
    assert torch.equal(other(z), loaded(z)) and not torch.equal(other(z), g(z))
    assert g.truncation == 1.0 and other.weights_sha256 == g.weights_sha256
    assert other.conv1.conv.weight is g.conv1.conv.weight


def test_a_generator_without_a_mean_latent_is_refused() -> None:
    g = load_generator(WEIGHTS / "kitchen.safetensors")
    assert not can_truncate(g)
    with pytest.raises(ParameterError, match="mean latent"):
        with_truncation(g, 0.5)
    assert with_truncation(g, 1.0).truncation == 1.0
    lacking = load_generator(WEIGHTS / "photo_faces.safetensors")
    lacking.latent_avg.fill_(torch.nan)
    assert not can_truncate(lacking)
