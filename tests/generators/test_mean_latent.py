"""The mean latent is read in any shape that files have it in, and estimated where they do not."""

import numpy as np
import pytest
import torch

from palimpsest.errors import CheckpointError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.checkpoints.mean_latent import ESTIMATED_FROM, MEAN_NAMES


@pytest.fixture
def content(golden):
    return torch.load(golden / "sg2_checkpoint.pt", weights_only=True)


@pytest.fixture
def whole(golden):
    return load_generator(golden / "sg2_checkpoint.pt", truncation=0.5)


SHAPES = {
    "one row": lambda mean: mean[None],
    "rows": lambda mean: mean[None].repeat(10, 1),
    "rows that share their numbers": lambda mean: mean[None].expand(10, -1),
    "a batch of rows": lambda mean: mean[None, None].repeat(1, 10, 1),
    "a list": lambda mean: mean.tolist(),
    "a list of rows": lambda mean: [mean.tolist()] * 3,
    "an array": lambda mean: mean.numpy(),
    "an array of the other byte order": lambda mean: mean.numpy().astype(">f4"),
    "double": lambda mean: mean.double(),
    "a parameter": torch.nn.Parameter,
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(content, whole, tmp_path, shape, zipped):
    content["latent_avg"] = SHAPES[shape](content["latent_avg"])
    torch.save(content, tmp_path / "g.pt", _use_new_zipfile_serialization=zipped)
    g = load_generator(tmp_path / "g.pt", truncation=0.5)
    assert torch.equal(g.latent_avg, whole.latent_avg)
    assert g.weights_sha256 == whole.weights_sha256


@pytest.mark.parametrize("name", MEAN_NAMES)
def test_places(content, whole, tmp_path, name):
    mean, ema = content["latent_avg"], content["g_ema"]
    inside = {"g_ema": {**ema, name: mean}}
    beside = {"state_dict": {"g_ema": ema, name: mean}}
    above = {"state_dict": {"g_ema": ema}, name: mean}
    for place in (inside, beside, above, {**ema, name: mean}):
        torch.save(place, tmp_path / "g.pt")
        assert load_generator(tmp_path / "g.pt").weights_sha256 == whole.weights_sha256


def test_rows_that_differ_are_no_mean_latent(content, tmp_path):
    """Averaging them would be another truncation than the file's."""
    rows = content["latent_avg"][None].repeat(10, 1)
    rows[3] += 1
    torch.save(content | {"latent_avg": rows}, tmp_path / "g.pt")
    assert load_generator(tmp_path / "g.pt").latent_avg.isnan().all()
    with pytest.raises(CheckpointError, match="needs the mean latent"):
        load_generator(tmp_path / "g.pt", truncation=0.5)


# --- estimated -----------------------------------------------------------------------------------


@pytest.fixture
def without(content, tmp_path):
    torch.save({"g_ema": content["g_ema"]}, tmp_path / "without.pt")
    return tmp_path / "without.pt"


def test_estimated_on_request(without):
    with pytest.raises(CheckpointError, match="--estimate-mean"):
        load_generator(without, truncation=0.5)
    plain = load_generator(without)
    g = load_generator(without, truncation=0.5, estimate_mean=True)
    mean = plain.mapping(sample_z(plain, ESTIMATED_FROM)).double().mean(0)
    assert (g.latent_avg - mean).abs().max() < 1e-6 * mean.abs().max()
    assert g.provenance["mean latent"] == "estimated from 10,000 samples of seed 1"
    assert g(sample_z(g, 2)).isfinite().all()
    assert g.weights_sha256 == plain.weights_sha256  # the file's model: edits of it fit
    again = load_generator(without, truncation=0.5, estimate_mean=True)
    assert torch.equal(again.latent_avg, g.latent_avg)


def test_a_file_with_its_own_mean_keeps_it(golden, whole):
    g = load_generator(golden / "sg2_checkpoint.pt", estimate_mean=True)
    assert torch.equal(g.latent_avg, whole.latent_avg)
    assert "mean latent" not in g.provenance


def test_an_estimate_is_saved_with_the_weights(without, tmp_path):
    g = load_generator(without, estimate_mean=True)
    save_generator(g, tmp_path / "g.safetensors", g.provenance)
    again = load_generator(tmp_path / "g.safetensors", truncation=0.5)
    assert torch.equal(again.latent_avg, g.latent_avg)
    assert again.provenance["mean latent"].startswith("estimated")


def test_other_generators_have_no_mean_latent(golden):
    g = load_generator(golden / "pg_checkpoint.pth", estimate_mean=True)
    assert "mean latent" not in g.provenance


def test_numbers_under_other_names_are_not_read(content, whole, tmp_path):
    """A list of numbers is a mean latent by its name only."""
    torch.save({**content, "losses": [0.5] * 64, "fids": np.zeros(64)}, tmp_path / "g.pt")
    assert load_generator(tmp_path / "g.pt").weights_sha256 == whole.weights_sha256
