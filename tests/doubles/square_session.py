"""A small random StyleGAN2, a session drawn on it, and pictures whose features can be matched."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import Exemplar, Selection, Session

LAYER = 6
SIDE = 64


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


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(n, seed=0, side=SIDE):
    """Smooth coloured noise (n, 3, side, side) in [-1, 1]: every place looks different."""
    fine = F.interpolate(drawn(n, 3, side // 4, side // 4, seed=seed), side, mode="bicubic")
    coarse = F.interpolate(drawn(n, 3, side // 12, side // 12, seed=seed + 1), side, mode="bicubic")
    return (fine + coarse - 1).clamp(-1, 1)


def features(images):
    """Maps at strides 2, 4, 8 and 16: random filters, the same every time."""
    maps, x = [], images
    for i, channels in enumerate((12, 16, 24, 32)):
        filters = drawn(channels, x.shape[1], 3, 3, seed=100 + i) - 0.5
        x = F.avg_pool2d(F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), filters).relu(), 2)
        maps.append(x)
    return maps
