"""The layouts of generator weights that can be read; tensor names and metadata identify them.

    layout, network = network_in(path, content)
    generator = layout.build(path, network)

One module holds one layout. To add a layout: write a module with `MARKS` and `build`, and add it
to `LAYOUTS`. NVIDIA's pickles are converted to the layout of `stylegan2_pytorch` as they are read
(`stylegan2_nvidia`). The keys that may stand before a layout's names are in `networks_in_file`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.base import Generator
from palimpsest.generators.checkpoints import (
    nvidia_state_dict,
    palimpsest_safetensors,
    progressive_features,
    progressive_genforce,
    progressive_layers,
    stylegan2_genforce,
    stylegan2_pytorch,
    stylegan2_seq,
    stylegan3_nvidia,
)
from palimpsest.generators.checkpoints.containers import READABLE, Content
from palimpsest.generators.checkpoints.networks_in_file import chosen_network, prefixes_of
from palimpsest.generators.checkpoints.other_networks import WRAP, known_network


class Layout(NamedTuple):
    """One layout: tensors that only it has, and a function that builds a generator from it.

    ``marks``: names of tensors; one of them is enough. ``build`` raises `CheckpointError` for
    content that is incomplete or damaged.
    """

    marks: tuple[str, ...]
    build: Callable[[Path, Content], Generator]


LAYOUTS: Mapping[str, Layout] = {
    name.__name__.rpartition(".")[2]: Layout(name.MARKS, name.build)
    for name in (
        stylegan2_pytorch,
        stylegan2_seq,
        stylegan2_genforce,
        nvidia_state_dict,
        stylegan3_nvidia,
        progressive_layers,
        progressive_features,
        progressive_genforce,
    )
}
"""Layouts of other codes by the name of their module. Ours is `palimpsest_safetensors`."""


def network_in(path: Path, content: Content) -> tuple[Layout, Content]:
    """The layout of the network in a file, and the network's content under its own names.

    Raises `CheckpointError` that says what the file holds, if it is no generator known here.
    """
    if palimpsest_safetensors.matches(content):
        return Layout((), palimpsest_safetensors.build), content
    found = {name: prefixes_of(content.tensors, one.marks) for name, one in LAYOUTS.items()}
    found = {name: _outermost(name, found) for name in found}
    if not any(found.values()):
        raise CheckpointError(f"{path}: {content.container}{_summary(content.tensors)}; {READABLE}")
    name, network = chosen_network(path, content, found)
    return LAYOUTS[name], network


def _outermost(layout: str, found: Mapping[str, set[str]]) -> set[str]:
    """The prefixes of a layout that do not lie within the network of another one."""
    others = {prefix for name, many in found.items() if name != layout for prefix in many}
    return {
        prefix
        for prefix in found[layout]
        if not any(prefix != other and prefix.startswith(other) for other in others)
    }


def _summary(tensors: Mapping[str, Tensor]) -> str:
    if not tensors:
        return "no tensors in it"
    if kind := known_network(tensors):
        return f"{kind}; {WRAP}"
    names = ", ".join(name[-60:] or "one without a name" for name in list(tensors)[:3])
    return f"{len(tensors)} tensors of an unknown network ({names} ...); {WRAP}"
