"""The older published layout of Progressive GAN: ``features.I.conv.weight``, ``output.*``.

Layer N of `ProgressiveGAN` is ``features.{N-1}`` here; the tensors are those of
`progressive_layers`.
"""

from __future__ import annotations

import re
from pathlib import Path

from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.progressive_layers import (
    build_from_layers,
    check_names,
    resolution_of,
)
from palimpsest.generators.progressive import ProgressiveGAN

NAME = re.compile(r"(features\.\d+|output)\.(conv\.weight|wscale\.b)")


MARKS = ("features.0.conv.weight", "features.0.wscale.b")


def build(path: Path, content: Content) -> ProgressiveGAN:
    """The Progressive GAN of the file.

    Raises `CheckpointError` for incomplete or unknown tensors.
    """
    tensors = content.tensors
    check_names(path, content, NAME)
    numbers = {int(n) for name in tensors for n in re.findall(r"^features\.(\d+)", name)}
    resolution = resolution_of(path, numbers, first=0)

    def own_name(name: str) -> str:
        name = re.sub(r"^features\.(\d+)", lambda m: f"layer{int(m.group(1)) + 1}", name)
        return re.sub(r"^output\.", f"output_{resolution}x{resolution}.", name)

    def file_name(name: str) -> str:
        name = re.sub(r"^layer(\d+)", lambda m: f"features.{int(m.group(1)) - 1}", name)
        return content.prefix + re.sub(r"^output_\d+x\d+", "output", name)

    given = {own_name(name): tensor for name, tensor in tensors.items()}
    return build_from_layers(path, given, resolution, file_name, content.metadata)
