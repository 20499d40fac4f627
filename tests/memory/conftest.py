"""The reference's small networks, its recorded results, and the problem of its session."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.base import Generator, Layer
from palimpsest.memory import (
    Clip,
    Goal,
    KeyStatistics,
    centre_of,
    copy_object,
    paste_goal,
)

GOLDEN = Path(__file__).parents[1] / "golden"
CONTEXT = (5, 9, 12, 20)
OBJECT, QUERY = 3, 9
CELLS = 100 * 16 * 16


@dataclass(frozen=True)
class Recorded:
    """One network at one layer, set as the reference runs it, beside what the reference gave."""

    network: str
    number: int
    paste = 5  # samples of the recorded session: the one pasted into, and one beside it
    other = 7

    @cached_property
    def g(self) -> Generator:
        g = load_generator(GOLDEN / f"{self.network}_checkpoint.safetensors", truncation=0.5)
        g.noise = "original"
        return g

    @property
    def layer(self) -> Layer:
        return self.g.layer(self.number)

    @cached_property
    def arrays(self) -> dict[str, Tensor]:
        return load_file(GOLDEN / f"{self.network}_algo_layer{self.number}.safetensors")

    def array(self, name: str) -> Tensor:
        """A recorded array; weights without their leading axis of one."""
        found = self.arrays[name]
        return found[0] if found.ndim == 5 else found

    @cached_property
    def stats(self) -> KeyStatistics:
        """Statistics from the recorded second moment, so that each step is tested alone."""
        return KeyStatistics(self.array("C"), CELLS)

    @cached_property
    def collected(self) -> KeyStatistics:
        return KeyStatistics.collect(self.g, self.number, n=100)

    @cached_property
    def z(self) -> Tensor:
        return sample_z(self.g, 100)

    def keys(self, number: int):
        return self.layer.keys(self.z[number : number + 1])

    @cached_property
    def context(self) -> tuple[list[Tensor], list[Tensor]]:
        keys = [self.keys(number).k[0] for number in CONTEXT]
        return keys, [self.array(f"area_k.key{i}") for i in range(len(CONTEXT))]

    @cached_property
    def query_mask(self) -> Tensor:
        session = json.loads((GOLDEN / f"{self.network}_session.json").read_text())
        png = base64.b64decode(session["query"][1].split(",")[1])
        size = (self.layer.key_size,) * 2
        mask = Image.open(io.BytesIO(png)).convert("RGB").resize(size, Image.Resampling.BILINEAR)
        return torch.from_numpy(np.asarray(mask)[:, :, 0].astype(np.float32) / 255)

    @cached_property
    def clip(self) -> Clip:
        values = self.layer.values(self.keys(OBJECT))
        return copy_object(values, self.array("area_v.object"))

    def goal(self, **options) -> Goal:
        centre = centre_of(self.array("area_v.paste"))
        settings = {"halo": 0, **options}
        return paste_goal(self.layer, self.keys(self.paste), self.clip, centre, **settings)

    def directions(self, rank: int = 1) -> Tensor:
        return self.array(f"dir_zca_rank{rank}")

    def query(self) -> tuple[Tensor, Tensor]:
        """Keys (N, h, w) and mask (h, w) of the session's query."""
        return self.keys(QUERY).k[0], self.query_mask

    @staticmethod
    def off(found: Tensor, expected: Tensor) -> float:
        """Norm of the difference over the norm of what is expected."""
        return float((found.double() - expected.double()).norm() / expected.double().norm())


RECORDED = [Recorded("sg2", 6), Recorded("sg2", 7), Recorded("pg", 6)]


@pytest.fixture(params=RECORDED, ids=lambda r: f"{r.network}-layer{r.number}")
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """StyleGAN2 at a plain and an upsampling layer, and Progressive GAN."""
    return request.param


@pytest.fixture(params=RECORDED[:2], ids=lambda r: f"{r.network}-layer{r.number}")
def styled(request: pytest.FixtureRequest) -> Recorded:
    """StyleGAN2 at a plain and an upsampling layer."""
    return request.param


@pytest.fixture
def progressive() -> Recorded:
    """Progressive GAN, whose layers are linear."""
    return RECORDED[2]
