"""Best buddies as rows of a table: a session's pasted picture brought into other images."""

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators import sample_z
from palimpsest.methods.baselines.pasting import paste_image
from palimpsest.methods.registry import image_changes, image_settings
from tests.doubles.plain_segmenter import PlainSegmenter

SMALL = {"patches": [3, 3], "radii": [2, None], "levels": 3}
BOTH = image_settings("--image-methods", {"nbb_copy": SMALL, "nbb_laplace": SMALL})


def test_settings_by_name():
    given = {**SMALL, "border": 0.1, "alpha": 1.5}
    settings = image_settings("--image-methods", {"nbb_copy": given})["nbb_copy"]
    assert settings.patches == (3, 3) and settings.radii == (2, None)
    assert settings.border == 0.1 and settings.alpha == 1.5 and settings.levels == 3
    with pytest.raises(ParameterError, match="--image-methods: nbb_copy: patch: there is no such"):
        image_settings("--image-methods", {"nbb_copy": {"patch": 3}})
    with pytest.raises(ParameterError, match="alpha"):
        image_settings("--image-methods", {"nbb_laplace": {"alpha": 0}})
    with pytest.raises(ParameterError, match="--image-methods: 'newton' is none of nbb_copy"):
        image_settings("--image-methods", {"newton": {}})


class Means(PlainSegmenter):
    """Two maps of plain averages, as features."""

    def features(self, images):
        pool = torch.nn.functional.avg_pool2d
        return [pool(images, 2), pool(images, 4)]


def test_the_pasted_object_comes_into_its_own_target(generator, session):
    methods = image_changes(generator, session, Means(), BOTH)
    assert list(methods) == ["nbb_copy", "nbb_laplace"]
    pasted = paste_image(generator, session)
    images = torch.cat([pasted.image, generator(sample_z(generator, 2, 9))])
    copied, blended = (change(images) for change in methods.values())
    assert copied.shape == blended.shape == images.shape
    # a picture that has the object already is matched with itself, and stays as it is
    assert (copied[0] - images[0]).abs().mean() < 0.02


def test_both_blends_of_a_batch_are_aligned_once(generator, session):
    asked = []

    class Counted(Means):
        def features(self, images):
            asked.append(len(images))
            return super().features(images)

    methods = image_changes(generator, session, Counted(), BOTH)
    assert asked == [1], "the donor, once for both"
    asked.clear()
    batches = generator(sample_z(generator, 5, 9)).split(3)
    together = [[change(images) for change in methods.values()] for images in batches]
    assert asked == [3, 2]
    for images, edited in zip(batches, together, strict=True):
        for name, found in zip(BOTH, edited, strict=True):
            alone = image_changes(generator, session, Means(), {name: BOTH[name]})
            assert torch.equal(alone[name](images), found)
