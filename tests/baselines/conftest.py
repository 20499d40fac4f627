"""A small random StyleGAN2 and a session drawn on it."""

import numpy as np
import pytest
import torch

from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import Exemplar, Selection, Session

LAYER = 6


def square(top, left, bottom, right):
    mask = np.zeros((32, 32), np.float32)
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


@pytest.fixture(scope="session")
def generator():
    torch.manual_seed(0)
    network = StyleGAN2(32, {4: 12, 8: 12, 16: 12, 32: 8}, style_dim=16, mapping_layers=2, z_dim=6)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def session():
    return Session(
        model="tiny",
        name="patch",
        layer=LAYER,
        seed=1,
        n=20,
        exemplars=(
            Exemplar(
                object=Selection(sample=2, mask=square(4, 8, 14, 16)),
                paste=Selection(sample=5, mask=square(16, 12, 26, 20)),
            ),
        ),
        context=tuple(Selection(sample=i, mask=square(16, 12, 26, 20)) for i in (5, 7)),
    )
