"""Best buddies as rows of a table: a session's pasted picture brought into other images."""

import pytest
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators import sample_z
from palimpsest.methods.baselines.pasting import paste_image
from palimpsest.methods.baselines.session_transfer import transfer_methods, transfer_settings

SMALL = {"patches": [3, 3], "radii": [2, None], "levels": 3}


def test_settings_by_name():
    settings = transfer_settings({**SMALL, "border": 0.1, "alpha": 1.5})
    assert settings.matching.patches == (3, 3) and settings.matching.radii == (2, None)
    assert settings.matching.border == 0.1 and settings.alpha == 1.5 and settings.levels == 3
    with pytest.raises(ParameterError, match="no setting 'patch'"):
        transfer_settings({"patch": 3})
    with pytest.raises(ParameterError, match="alpha"):
        transfer_settings({"alpha": 0})


class Means:
    """Two maps of plain averages, as features."""

    def features(self, images):
        pool = torch.nn.functional.avg_pool2d
        return [pool(images, 2), pool(images, 4)]


def test_the_pasted_object_comes_into_its_own_target(generator, session):
    methods = transfer_methods(
        generator, session, Means(), ("copy", "laplace"), transfer_settings(SMALL)
    )
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

    settings = transfer_settings(SMALL)
    methods = transfer_methods(generator, session, Counted(), ("copy", "laplace"), settings)
    asked.clear()  # the donor
    batches = generator(sample_z(generator, 5, 9)).split(3)
    together = [[change(images) for change in methods.values()] for images in batches]
    assert asked == [3, 2]
    for images, edited in zip(batches, together, strict=True):
        for blend, found in zip(("copy", "laplace"), edited, strict=True):
            alone = transfer_methods(generator, session, Means(), (blend,), settings)
            assert torch.equal(alone[f"nbb_{blend}"](images), found)
