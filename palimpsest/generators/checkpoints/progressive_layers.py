"""The published layout of Progressive GAN: ``layerN.conv.weight``, ``layerN.wscale.b``.

The image is made by ``output_RxR.conv.weight`` and ``output_RxR.wscale.b``. The names are those of
`ProgressiveGAN` itself, under any key or none (`networks_in_file`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.assembly import assemble, sized
from palimpsest.generators.checkpoints.containers import READABLE, Content
from palimpsest.generators.progressive import ProgressiveGAN

MARKS = ("layer1.wscale.b", "layer2.wscale.b", "layer1.conv.weight", "layer2.conv.weight")
NAME = re.compile(r"(layer\d+|output_\d+x\d+)\.(conv\.weight|wscale\.b)")


def build(path: Path, content: Content) -> ProgressiveGAN:
    """The Progressive GAN of the file. Raises `CheckpointError` for incomplete or unknown tensors.

    The other layout of Progressive GAN has the same tensors under other names: see
    `progressive_features`.
    """
    tensors = content.tensors
    check_names(path, content, NAME)
    numbers = {int(n) for name in tensors for n in re.findall(r"^layer(\d+)", name)}
    resolution = resolution_of(path, numbers)
    return build_from_layers(path, tensors, resolution, content.file_name, content.metadata)


def check_names(path: Path, content: Content, names: re.Pattern[str]) -> None:
    """Raises `CheckpointError` for the first tensor whose name is not among ``names``."""
    for name in content.tensors:
        if not names.fullmatch(name):
            raise CheckpointError(
                f"{path}: tensor {content.file_name(name)} has no place in a Progressive GAN; "
                f"{READABLE}"
            )


def resolution_of(path: Path, numbers: set[int], first: int = 1) -> int:
    """Side of the images of a network with the layers ``numbers``, counted from ``first``.

    Raises `CheckpointError` for a gap, an odd number of layers, or fewer than four.
    """
    count = len(numbers)
    if numbers != set(range(first, first + count)) or count % 2 or count < 4:
        raise CheckpointError(
            f"{path}: Progressive GAN with layers {sorted(numbers)}; an even number of layers "
            "without a gap is needed, so export or fetch it again"
        )
    return 2 ** (count // 2 + 1)


def build_from_layers(
    path: Path,
    tensors: Mapping[str, Tensor],
    resolution: int,
    file_name: Callable[[str], str],
    provenance: Mapping[str, str],
) -> ProgressiveGAN:
    """The network of tensors under `ProgressiveGAN`'s names; other arguments as for `assemble`."""
    z_dim = sized(path, tensors, "layer1.conv.weight", file_name, 4).shape[1]
    count = 2 * (resolution.bit_length() - 2)  # layers: two for each of 4, 8, ..., resolution
    channels = {
        2 ** (n // 2 + 1): sized(path, tensors, f"layer{n}.conv.weight", file_name, 4).shape[0]
        for n in range(2, count + 1, 2)
    }
    return assemble(
        path,
        lambda: ProgressiveGAN(resolution, channels, z_dim=z_dim),
        tensors,
        file_name,
        provenance,
    )
