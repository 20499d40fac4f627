"""The stages of one's own photograph: encoder, framing network, inversion."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from palimpsest.generators import save_generator
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.framing import FramingNetwork
from stages import invert_photograph, train_encoder, train_framing
from tests.doubles.report_sources import call
from tests.training.test_adversarial import archive

ENCODER = json.dumps({"widths": [4], "hidden": 4, "steps": 4, "batch": 2})
FRAMING = json.dumps({"steps": 4, "batch": 2, "backgrounds": 3})


@pytest.fixture
def files(tmp_path, generator, random_segmenter):
    save_generator(generator, tmp_path / "tiny.safetensors")
    random_segmenter.save(tmp_path / "parts.safetensors")
    return tmp_path


def test_an_encoder_is_trained_in_two_parts_as_in_one(files, generator):
    given = {"weights": files / "tiny.safetensors", "recipe": ENCODER}
    assert call(train_encoder, **given, out=files / "one.safetensors") == 0
    two = {**given, "out": files / "two.safetensors"}
    assert call(train_encoder, **two, minutes=0) == 0
    assert not two["out"].exists()
    assert call(train_encoder, **two) == 0
    one = Encoder.load(files / "one.safetensors")
    assert one.identity == Encoder.load(two["out"]).identity
    assert one.weights_sha256 == generator.weights_sha256
    assert one.facts["samples"] == 8 and "face_limit" not in one.facts


def test_an_archive_without_a_segmenter_is_refused(files, capsys):
    given = {"weights": files / "tiny.safetensors", "out": files / "e.safetensors"}
    assert call(train_encoder, **given, archive=files / "set.zip") == 2
    assert "give both or neither" in capsys.readouterr().err


def test_a_framing_network_is_trained_and_graded(tmp_path):
    names = [f"smiling/{i}.jpg" for i in range(1, 20)]
    faces = archive(tmp_path / "set.zip", names)
    out = tmp_path / "framing.safetensors"
    assert call(train_framing, archive=faces, recipe=FRAMING, graded=2, out=out) == 0
    facts = FramingNetwork.load(out).facts
    assert facts["grade"]["photographs"] == 2 and facts["photographs"] == 17


def test_a_photograph_is_inverted(files):
    pixels = np.random.RandomState(0).randint(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(files / "me.png")
    out = files / "me.safetensors"
    given = {
        "photograph": files / "me.png",
        "weights": files / "tiny.safetensors",
        "segmenter": files / "parts.safetensors",
        "inversion": '{"candidates": 4, "starts": 1, "z_steps": 1, "w_steps": 1}',
        "adaptation": '{"steps": 1, "kept": 2}',
        "above": 5,
    }
    assert call(invert_photograph, **given, out=out) == 0
    assert InvertedPhotograph.load(out).above == 5
