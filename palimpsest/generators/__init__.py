"""Trained generators that can be read and changed at any layer, and their files.

g = load_generator("church.safetensors", truncation=0.5)
z = sample_z(g, n=16, seed=1)
state = g.layer(8).keys(z)                     # .k (16, N, h, w)
images = g.layer(8).render(g.layer(8).values(state))       # equals g(z)
"""

from palimpsest.errors import CheckpointError
from palimpsest.generators.base import Generator, KeyState, Layer, ValueState
from palimpsest.generators.checkpoints.loading import load_generator
from palimpsest.generators.checkpoints.palimpsest_safetensors import save_generator
from palimpsest.generators.samples import sample_z
from palimpsest.generators.wrapped import wrap

__all__ = [
    "CheckpointError",
    "Generator",
    "KeyState",
    "Layer",
    "ValueState",
    "load_generator",
    "sample_z",
    "save_generator",
    "wrap",
]
