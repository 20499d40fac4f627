"""What a StyleGAN2's tensors tell of its kind: architecture, channels, classes, constant input.

    StyleGAN2(resolution, channels, style_dim, depth, **variant_of(path, tensors, file_name))

Tensors have the names of `StyleGAN2`; to-RGB weights may still have the leading axis of the common
layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.assembly import sized

IMAGE_CHANNELS = (1, 3, 4)
TO_RGB = re.compile(r"to_rgb(1|s\.\d+)\.conv\.weight")


def variant_of(
    path: object, tensors: Mapping[str, Tensor], file_name: Callable[[str], str]
) -> dict[str, Any]:
    """Arguments of `StyleGAN2` by name: z_dim, classes, embedding and so on.

    Raises `CheckpointError` for a tensor that is missing, for images of other than 1, 3 or 4
    channels, and for a class-conditional network without its embedding.
    """
    style_dim, inputs = sized(path, tensors, "style.1.weight", file_name, 2).shape
    constant = sized(path, tensors, "input.input", file_name, 4)
    channels = [w.shape[-4] for n, w in tensors.items() if TO_RGB.fullmatch(n) and w.ndim >= 4]
    found = channels[0] if channels else 3  # the first missing to-RGB is named by `assemble`
    if found not in IMAGE_CHANNELS:
        raise CheckpointError(
            f"{path}: a network that draws images of {found} channels; those of 1 (grey), 3 (RGB) "
            "and 4 (RGBA) can be opened"
        )
    return {
        "first_shape": tuple(constant.shape[2:]),
        "image_channels": found,
        "architecture": _architecture(tensors),
        **_classes(path, tensors, style_dim, inputs, file_name),
    }


def _architecture(tensors: Mapping[str, Tensor]) -> str:
    if any(name.startswith("skips.") for name in tensors):
        return "resnet"
    rgbs = sum(bool(TO_RGB.fullmatch(name)) for name in tensors)
    return "orig" if rgbs == 1 and "to_rgb1.conv.weight" not in tensors else "skip"


def _classes(
    path: object,
    tensors: Mapping[str, Tensor],
    style_dim: int,
    inputs: int,
    file_name: Callable[[str], str],
) -> dict[str, Any]:
    if "embed.weight" in tensors:
        embedding, classes = sized(path, tensors, "embed.weight", file_name, 2).shape
        if embedding >= inputs:
            raise CheckpointError(
                f"{path}: tensor {file_name('embed.weight')} embeds a class in {embedding} "
                f"numbers, and {file_name('style.1.weight')} reads {inputs} in all; the network "
                "needs z beside it"
            )
        return {"z_dim": inputs - embedding, "classes": classes, "embedding": embedding}
    if inputs == 2 * style_dim:
        raise CheckpointError(
            f"{path}: {file_name('style.1.weight')} reads {inputs} numbers, twice the {style_dim} "
            "of the style: a class-conditional network, whose embedding of the classes is missing "
            f"({file_name('embed.weight')}, {file_name('embed.bias')}); convert it with them"
        )
    return {"z_dim": inputs}
