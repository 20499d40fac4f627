"""A state dict of NVIDIA's StyleGAN2 (`nvidia_names`).

generator = build(path, content)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from palimpsest.generators.checkpoints import stylegan2_pytorch
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.nvidia_names import NamedNetwork, in_common_names
from palimpsest.generators.stylegan2 import StyleGAN2

MARKS = ("synthesis.b4.const", "synthesis.b4.conv1.weight")


def build(path: Path, content: Content) -> StyleGAN2:
    """The StyleGAN2 of the file. Raises `CheckpointError` for incomplete or unknown tensors."""
    given = dict(content.tensors)
    outside = {name: given.pop(name) for name in ("latent_avg",) if name in given}
    tensors = outside | in_common_names(NamedNetwork(path, given))
    return stylegan2_pytorch.build(path, replace(content, tensors=tensors, prefix="", names={}))
