"""The older published layout of Progressive GAN: ``features.I.conv.weight``, ``output.*``.

Layer N of `ProgressiveGAN` is ``features.{N-1}`` here. The names are at the top level of the file
or within ``state_dict``; the tensors are those of `progressive_layers`.
"""

from __future__ import annotations

import re
from pathlib import Path

from palimpsest.generators.checkpoints.assembly import below
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.progressive_layers import (
    PREFIXES,
    build_from_layers,
    check_names,
    resolution_of,
)
from palimpsest.generators.progressive import ProgressiveGAN

NAME = re.compile(r"(features\.\d+|output)\.(conv\.weight|wscale\.b)")


def matches(content: Content) -> bool:
    """Whether the tensors carry this layout's names."""
    return _prefix(content) is not None


def build(path: Path, content: Content) -> ProgressiveGAN:
    """The Progressive GAN of the file.

    Raises `CheckpointError` for incomplete or unknown tensors.
    """
    prefix = _prefix(content)
    tensors = below(content.tensors, prefix)
    check_names(path, tensors, NAME, prefix)
    numbers = {int(n) for name in tensors for n in re.findall(r"^features\.(\d+)", name)}
    resolution = resolution_of(path, numbers, first=0)

    def own_name(name: str) -> str:
        name = re.sub(r"^features\.(\d+)", lambda m: f"layer{int(m.group(1)) + 1}", name)
        return re.sub(r"^output\.", f"output_{resolution}x{resolution}.", name)

    def file_name(name: str) -> str:
        name = re.sub(r"^layer(\d+)", lambda m: f"features.{int(m.group(1)) - 1}", name)
        return prefix + re.sub(r"^output_\d+x\d+", "output", name)

    given = {own_name(name): tensor for name, tensor in tensors.items()}
    return build_from_layers(path, given, resolution, file_name, content.metadata)


def _prefix(content: Content) -> str | None:
    found = (p for p in PREFIXES if f"{p}features.0.conv.weight" in content.tensors)
    return next(found, None)
