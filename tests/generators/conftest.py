"""The golden files: small random networks, run through the original code (see their README)."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

from palimpsest.generators import load_generator

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def golden():
    """Folder of the golden files."""
    return GOLDEN


@pytest.fixture(scope="session")
def forward():
    """Golden tensors of a forward pass, by the prefix of their network."""
    return {name: load_file(GOLDEN / f"{name}_forward.safetensors") for name in ("sg2", "pg")}


@pytest.fixture
def stylegan2():
    """The golden StyleGAN2 at truncation 0.5."""
    return load_generator(GOLDEN / "sg2_checkpoint.pt", truncation=0.5)


@pytest.fixture
def progressive():
    """The golden Progressive GAN."""
    return load_generator(GOLDEN / "pg_checkpoint.pth")


@pytest.fixture(params=["stylegan2", "progressive"])
def generator(request):
    """Each golden generator in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def exact(generator):
    """Each golden generator in float64: identities hold without the rounding of a processor."""
    return generator.double()
