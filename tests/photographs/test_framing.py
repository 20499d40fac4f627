"""The network that finds a face: what it learned in a minute, and where its square lies."""

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest.errors import CheckpointError
from palimpsest.photographs.framing import FramingNetwork, normalised, overlap
from palimpsest.photographs.framing_training import (
    CUT,
    ComposedWindows,
    FramingTraining,
    compose,
    grade_framing,
)
from palimpsest.photographs.settings import FramingRecipe

RECIPE = FramingRecipe(steps=150, batch=8, backgrounds=6)


def drawn_faces(n, seed=0):
    """uint8 (n, 64, 64): a bright disc with two dark eyes and a dark mouth, at one place."""
    stream = np.random.RandomState(seed)
    y, x = np.mgrid[:64, :64]
    faces = []
    for _ in range(n):
        face = 60.0 + stream.randint(60) + 90 * (np.hypot(x - 32, y - 32) < 28)
        for column in (21, 43):
            face[np.hypot(x - column, y - 24) < 5] = 10
        face[(abs(x - 32) < 12) & (abs(y - 48) < 3)] = 10
        faces.append(face + stream.normal(0, 5, face.shape))
    return np.clip(faces, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def network():
    training = FramingTraining(RECIPE, drawn_faces(20))
    training.run()
    return training.finished()


def test_a_face_in_a_larger_picture_is_found(network):
    face = drawn_faces(1, seed=9)[0].astype(np.float32) / 127.5 - 1
    for size, left, top in ((100, 300, 40), (180, 20, 150)):
        pixels = compose(face, np.full((360, 480), -0.2, np.float32), left, top, size)
        picture = Image.fromarray(((pixels + 1) * 127.5).astype(np.uint8))
        box = network.find(picture)
        own = np.array([left, top, size], float)
        assert overlap(own[None], np.array([box.left, box.top, box.size], float))[0] > 0.5


def test_the_grade_counts_what_is_found(network):
    grade = grade_framing(network, drawn_faces(8, seed=3), 6)
    assert grade["photographs"] == 6 and 0 <= grade["found"] <= 1
    assert grade["found"] > 0.5
    blind = FramingNetwork()
    with torch.no_grad():
        blind.layers[-1].weight.zero_()
    assert grade_framing(blind, drawn_faces(8, seed=3), 6)["found"] < grade["found"]


@pytest.mark.parametrize("size", [(16, 16), (40, 16), (33, 90)])
def test_the_square_lies_inside_a_small_picture(network, size):
    box = network.find(Image.new("RGB", size, "grey"))
    assert 0 <= box.left <= size[0] - box.size and 0 <= box.top <= size[1] - box.size


def test_each_batch_is_the_same_again():
    batches = ComposedWindows(RECIPE, drawn_faces(5))
    one, two, other = batches[3], batches[3], batches[4]
    assert torch.equal(one.windows, two.windows) and not torch.equal(one.windows, other.windows)
    assert one.windows.shape == (CUT * RECIPE.batch, 1, 32, 32)
    assert one.truth.sum() == RECIPE.batch


def test_contrast_does_not_count():
    windows = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)) - 0.5
    assert torch.allclose(normalised(windows), normalised(1.5 * windows + 0.2), atol=0.1)


def test_a_saved_network_finds_the_same(tmp_path, network):
    network.save(tmp_path / "framing.safetensors")
    read = FramingNetwork.load(tmp_path / "framing.safetensors")
    picture = Image.fromarray(drawn_faces(1)[0]).resize((200, 200))
    a, b = network.find(picture), read.find(picture)
    assert abs(a.left - b.left) <= 4 and abs(a.size - b.size) <= 4
    with pytest.raises(CheckpointError, match="no such file"):
        FramingNetwork.load(tmp_path / "none.safetensors")


def test_overlap_is_intersection_over_union():
    boxes = np.array([[0, 0, 10], [5, 0, 10], [20, 20, 5]], float)
    assert overlap(boxes, np.array([0.0, 0, 10])) == pytest.approx([1, 1 / 3, 0])
