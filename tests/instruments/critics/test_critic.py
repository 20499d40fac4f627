"""A critic: maps and drops as promised, its file, and the segmenter that it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palimpsest.errors import CheckpointError
from palimpsest.instruments.critics.critic import Critic, CriticArchitecture, described
from palimpsest.instruments.loading import load_segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter
from palimpsest.worlds import get_world
from tests.doubles.small_networks import untrained_segmenter


@pytest.fixture(scope="module")
def critic(random_segmenter: WorldSegmenter) -> Critic:
    torch.manual_seed(5)
    architecture = CriticArchitecture(random_segmenter.feature_channels[:4], width=4, hidden=6)
    return Critic(
        architecture.build(), architecture, random_segmenter, "church", {"grades": [{"n": 3}]}
    )


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(20, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1


def test_each_cell_has_a_probability_whatever_the_batch(critic: Critic, images) -> None:
    whole = critic.naturalness(images)
    assert whole.shape == (20, 16, 16)
    assert 0 < whole.min() and whole.max() < 1 and whole.std() > 0
    single = torch.cat([critic.naturalness(image[None]) for image in images])
    torch.testing.assert_close(whole, single, rtol=1e-4, atol=1e-5)
    cached = critic.naturalness(CachedOutputs(critic.segmenter, images))
    assert torch.equal(cached, whole)


def test_a_drop_is_the_mean_fall_within_the_place(critic: Critic, images) -> None:
    before, after = images[:3], images[3:6]
    place = torch.zeros(3, 64, 64, dtype=torch.bool)
    place[0, 8:24, 4:40] = True
    place[1, :, :32] = True
    drops = critic.drop(before, after, place)
    fall = critic.naturalness(before) - critic.naturalness(after)
    assert drops[0].item() == pytest.approx(fall[0, 2:6, 1:10].mean().item(), abs=1e-6)
    assert drops[1].item() == pytest.approx(fall[1, :, :8].mean().item(), abs=1e-6)
    assert drops[2].isnan(), "an image without a place has no drop"
    back = critic.drop(after, before, place)
    torch.testing.assert_close(back[:2], -drops[:2])
    assert torch.equal(critic.drop(before, before, place)[:2], torch.zeros(2, dtype=torch.float64))


def test_a_file_gives_the_same_critic_on_its_segmenter(
    critic: Critic, images, tmp_path: Path
) -> None:
    segmenter = tmp_path / "church-segmenter.safetensors"
    critic.segmenter.save(segmenter, torch.float32)
    file = tmp_path / "church-critic.safetensors"
    critic.save(file, torch.float32)
    again = load_segmenter(segmenter, file)
    assert again.critic is not None and load_segmenter(segmenter).critic is None
    expected = critic.naturalness(images)
    torch.testing.assert_close(again.critic.naturalness(images), expected, rtol=1e-5, atol=1e-6)
    assert again.critic.name == "church-critic"
    assert described(file)["facts"] == critic.facts


def test_files_that_do_not_fit_are_refused(critic: Critic, tmp_path: Path) -> None:
    file = tmp_path / "church-critic.safetensors"
    critic.save(file)
    face = untrained_segmenter(get_world("face"))
    with pytest.raises(CheckpointError, match="on the features of church-segmenter, not of face"):
        Critic.load(file, face)
    other = tmp_path / "face-segmenter.safetensors"
    face.save(other)
    with pytest.raises(CheckpointError, match="not a critic"):
        Critic.load(other, face)
    with pytest.raises(CheckpointError, match="not a critic"):
        described(other)
    with pytest.raises(CheckpointError, match="no such file"):
        Critic.load(tmp_path / "none.safetensors", face)
