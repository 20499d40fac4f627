"""Generators and instruments on another device than the CPU: what they bring there, and from there.

The device is one that is not there (`elsewhere`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator, sample_z
from palimpsest.instruments.classifiers.published import FaceAttribute, SlimNet
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.distances.perceptual import LpipsAlex, PerceptualDistance
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.instruments.segmenters.face_parser import BiSeNet, FaceParser
from palimpsest.instruments.segmenters.unified_parser import (
    ParsingLabels,
    ParsingNetwork,
    UnifiedParser,
)
from palimpsest.pipeline.devices import computing_device
from tests.devices.elsewhere import MixedDevices, elsewhere

MINI = Path(__file__).parents[2] / "data/weights/mini"
LABELS, SMILE = MINI / "church-segmenter.safetensors", MINI / "face-smile.safetensors"


@pytest.mark.parametrize("file", ["church.safetensors", "church_progressive.safetensors"])
def test_a_generator_brings_its_samples_to_where_it_lies(file: str) -> None:
    here = load_generator(MINI / file)
    z = sample_z(here, 2)
    number = here.layers[4]
    with torch.no_grad(), elsewhere() as place:
        there = load_generator(MINI / file).to(place)
        assert there.device == place and here.device.type == "cpu"
        images = there(z)
        assert images.device == place and torch.equal(images.cpu(), here(z))
        layer, own = there.layer(number), here.layer(number)
        keys, own_keys = layer.keys(z), own.keys(z)
        assert keys.k.device == place and torch.equal(keys.k.cpu(), own_keys.k)
        window = (1, 2, 5, 7)
        alone = layer.render(layer.values(keys.crop(*window)))
        assert torch.equal(alone.cpu(), own.render(own.values(own_keys.crop(*window))))


def face_parser() -> FaceParser:
    return FaceParser(BiSeNet())


def unified_parser() -> UnifiedParser:
    labels = ParsingLabels(
        ("-", "wall", "sky", "door"),
        ("street",),
        ("-", "brick"),
        {"wall": ("-", "door"), "sky": ("-", "cloud")},
    )
    return UnifiedParser(ParsingNetwork(labels), labels)


@pytest.mark.parametrize(
    "load",
    [lambda: load_segmenter(LABELS), face_parser, unified_parser],
    ids=["own", "face", "upp"],
)
def test_a_segmenter_brings_images_to_where_it_lies_and_tells_labels_on_the_cpu(
    load: Callable[[], Any],
) -> None:
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    torch.manual_seed(1)
    segmenter = load()
    labels = segmenter.labels(images)
    with torch.no_grad():
        distance = PerceptualDistance(segmenter)(images[:1], images[1:])
    pooled = segmenter.pooled(images)
    with torch.no_grad(), elsewhere() as place:
        assert segmenter.to(place) is segmenter and segmenter.device == place
        for shown in (images, images.to(place)):
            found = segmenter.labels(shown)
            assert found.device.type == "cpu" and torch.equal(found, labels)
            apart = PerceptualDistance(segmenter)(shown[:1], shown[1:])
            assert apart.device == place and torch.equal(apart.cpu(), distance)
            np.testing.assert_array_equal(segmenter.pooled(shown), pooled)


@pytest.mark.parametrize(
    "load",
    [lambda: load_classifier(SMILE), lambda: FaceAttribute(SlimNet(), "smile")],
    ids=["own", "slimnet"],
)
def test_a_classifier_tells_on_the_cpu(load: Callable[[], Any]) -> None:
    images = torch.rand(2, 3, 128, 128) * 2 - 1
    torch.manual_seed(1)
    classifier = load()
    wanted = classifier.probability(images)
    with elsewhere() as place:
        assert classifier.to(place) is classifier and classifier.device == place
        for shown in (images, images.to(place)):
            assert torch.equal(classifier.probability(shown), wanted)
            assert classifier.shows(shown).device.type == "cpu"


def test_lpips_measures_where_it_lies() -> None:
    import lpips

    distance = LpipsAlex.__new__(LpipsAlex)
    settings = {"net": "alex", "spatial": True, "verbose": False, "pnet_rand": True}
    distance._network = lpips.LPIPS(**settings).eval().requires_grad_(False)
    a, b = torch.rand(2, 1, 3, 64, 64)
    wanted = distance(a, b)
    with elsewhere() as place:
        found = distance.to(place)(a, b.to(place))
        assert found.device == place and torch.equal(found.cpu(), wanted)


class Means(torch.nn.Module):
    """In Inception's place: the mean of each channel of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(3))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.scale * pictures.float().mean((2, 3)),)


def test_inception_features_are_arrays_wherever_it_lies() -> None:
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    inception = InceptionFeatures(Means())
    with torch.no_grad():
        wanted = inception.pooled(images)
        with elsewhere() as place:
            assert inception.to(place) is inception
            for shown in (images, images.to(place)):
                np.testing.assert_array_equal(inception.pooled(shown), wanted)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "mps", "", "meta"])
def test_a_device_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="none of cpu, cuda"):
        computing_device(name)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert computing_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="--device: cuda requested, but PyTorch sees none"):
        computing_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ParameterError, match="cuda:1 requested, but PyTorch sees 1 of them"):
        computing_device("cuda:1")


def test_tensors_there_meet_no_others() -> None:
    with elsewhere() as place:
        here, there = torch.ones(3), torch.ones(3).to(place)
        assert there.device == place and torch.zeros(2, device=place).device == place
        assert torch.equal((2 * there + there[0]).cpu(), torch.full((3,), 3.0))
        assert torch.equal(there[torch.tensor([0, 2])].cpu(), torch.ones(2))
        with pytest.raises(MixedDevices):
            here + there
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
