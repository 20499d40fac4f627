"""The layouts of generator weights that can be read; tensor names and metadata identify them.

    generator = layout_of(path, content).build(path, content)

One module holds one layout. To add a layout: write a module with `matches` and `build`, and add it
to `LAYOUTS`. NVIDIA's pickles are converted to the layout of `stylegan2_pytorch` as they are read
(`stylegan2_nvidia`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.base import Generator
from palimpsest.generators.checkpoints import (
    palimpsest_safetensors,
    progressive_features,
    progressive_layers,
    stylegan2_pytorch,
    stylegan3_nvidia,
)
from palimpsest.generators.checkpoints.containers import READABLE, Content


class Layout(NamedTuple):
    """One layout: a function that recognises it, and one that builds a generator from it.

    ``build`` raises `CheckpointError` for content that is incomplete or damaged.
    """

    matches: Callable[[Content], bool]
    build: Callable[[Path, Content], Generator]


LAYOUTS: Mapping[str, Layout] = {
    "palimpsest_safetensors": Layout(palimpsest_safetensors.matches, palimpsest_safetensors.build),
    "stylegan3_nvidia": Layout(stylegan3_nvidia.matches, stylegan3_nvidia.build),
    "stylegan2_pytorch": Layout(stylegan2_pytorch.matches, stylegan2_pytorch.build),
    "progressive_layers": Layout(progressive_layers.matches, progressive_layers.build),
    "progressive_features": Layout(progressive_features.matches, progressive_features.build),
}


def layout_of(path: Path, content: Content) -> Layout:
    """The layout of a file's content. Raises `CheckpointError` for an unknown one."""
    for layout in LAYOUTS.values():
        if layout.matches(content):
            return layout
    raise CheckpointError(f"{path}: {_summary(content.tensors)}; {READABLE}")


def _summary(tensors: Mapping[str, Tensor]) -> str:
    if not tensors:
        return "no tensors in it"
    names = ", ".join(list(tensors)[:3])
    return f"{len(tensors)} tensors of an unknown network ({names} ...)"
