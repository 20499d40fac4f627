"""The common PyTorch layout of StyleGAN2: ``{"g_ema": {name: tensor}, "latent_avg": mean of w}``.

The paper's published StyleGAN2 files have it. Names are those of `StyleGAN2`, under any key or none
(`networks_in_file`); convolution weights have a leading axis of one more, or none; low-pass kernels
and noise maps are optional.

    generator = build(path, content)           # read
    content = layout_tensors(generator)        # write: what torch.save takes
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.assembly import assemble, sized
from palimpsest.generators.checkpoints.containers import READABLE, Content
from palimpsest.generators.checkpoints.mean_latent import MEAN_NAMES, as_vector
from palimpsest.generators.checkpoints.other_networks import WRAP, known_network
from palimpsest.generators.checkpoints.stylegan2_variants import variant_of
from palimpsest.generators.noise import layer_noise
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.generators.stylegan2_parts import blur_kernel

KERNEL_NAME = re.compile(r"(convs\.\d+\.conv\.blur|to_rgbs\.\d+\.upsample)\.kernel")
LEADING_AXIS_NAME = re.compile(r"(conv1|to_rgb1|(convs|to_rgbs)\.\d+)\.conv\.weight")


MARKS = tuple(
    f"{name}.conv.modulation.weight" for name in ("conv1", "convs.0", "to_rgb1", "to_rgbs.0")
)
"""Tensors by which a network of this layout is recognised."""


def build(path: Path, content: Content) -> StyleGAN2:
    """The StyleGAN2 of the file. Raises `CheckpointError` for incomplete or unknown tensors."""
    if other := known_network(content.tensors):
        raise CheckpointError(f"{path}: {other}; {WRAP}")
    given, file_name = dict(content.tensors), content.file_name
    for name in [name for name in given if KERNEL_NAME.fullmatch(name)]:
        _check_kernel(path, file_name(name), given.pop(name))
    style = [name for name in given if re.fullmatch(r"style\.\d+\.weight", name)]
    convs = [name for name in given if re.fullmatch(r"convs\.\d+\.conv\.weight", name)]
    style_dim, inputs = sized(path, given, "style.1.weight", file_name, 2).shape
    convolutions = [name for name in given if LEADING_AXIS_NAME.fullmatch(name)]
    ours = not content.names and all(given[name].ndim == 4 for name in convolutions)
    if ours and inputs != style_dim and "embed.weight" not in given:
        raise CheckpointError(
            f"{path}: its mapping network reads {inputs} numbers for {style_dim}, and its "
            "convolutions have no leading axis: probably a file of this project that lost its "
            "metadata, so how z is encoded is not known"
        )
    for name in convolutions:
        given[name] = _without_leading_axis(path, file_name(name), given[name])
    channels = {4: len(sized(path, given, "conv1.conv.weight", file_name, 4))}
    doublings = (len(convs) + 1) // 2
    for i in range(doublings):
        weight = sized(path, given, f"convs.{2 * i}.conv.weight", file_name, 4)
        channels[8 * 2**i] = len(weight)
    if not doublings:
        lacking = file_name("convs.0.conv.weight")
        raise CheckpointError(f"{path}: no tensor {lacking}; {READABLE}")
    means = [given.pop(name) for name in MEAN_NAMES if name in given]
    mean = as_vector(means[0], style_dim) if means else None
    if mean is not None:
        given["latent_avg"] = mean
    resolution, variant = 4 * 2**doublings, variant_of(path, given, file_name)
    return assemble(
        path,
        lambda: StyleGAN2(resolution, channels, style_dim, len(style), **variant),
        given,
        file_name,
        content.metadata,
    )


def layout_tensors(generator: StyleGAN2) -> dict[str, Any]:
    """``generator`` in this layout: {"g_ema": {name: tensor}, "latent_avg": (style_dim,)}.

    The mean is left out where it is unknown. The layout's strict loading expects low-pass kernels
    and a noise map for every layer: a layer without its own map gets the fixed noise.
    """
    tensors = {name: on_cpu(tensor) for name, tensor in generator.state_dict().items()}
    mean = tensors.pop("latent_avg")
    for name in tensors:
        if name.endswith(".conv.weight"):
            tensors[name] = tensors[name][None]
    for i in range(len(generator.to_rgbs)):
        tensors[f"convs.{2 * i}.conv.blur.kernel"] = blur_kernel()
        if generator.architecture == "skip":
            tensors[f"to_rgbs.{i}.upsample.kernel"] = blur_kernel()
    own_maps = dict(generator.noises.named_buffers())
    for number in generator.layers:
        name, shape = f"noise_{number - 2}", generator.layer(number).value_shape
        fixed = layer_noise("single", 1, shape, (0, 0, *shape), None)
        tensors[f"noises.{name}"] = on_cpu(own_maps.get(name, fixed))
    return {"g_ema": tensors} | ({"latent_avg": mean} if mean.isfinite().all() else {})


def on_cpu(tensor: Tensor) -> Tensor:
    """A contiguous copy of ``tensor`` on the CPU."""
    return tensor.detach().cpu().contiguous().clone()


def _without_leading_axis(path: Path, name: str, weight: Tensor) -> Tensor:
    """(out, in, k, k): some codes store the weight so, with or without an axis of one before it."""
    if weight.ndim == 4:
        return weight
    if weight.ndim != 5 or weight.shape[0] != 1:
        raise CheckpointError(
            f"{path}: tensor {name} has shape {tuple(weight.shape)}; (1, out, in, k, k) is needed"
        )
    return weight[0]


def _check_kernel(path: Path, name: str, kernel: Tensor) -> None:
    """Only one low-pass filter is implemented: with another the images would be wrong."""
    wanted, found = blur_kernel(), kernel.float()
    if found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-3):
        return
    total = float(found.sum())
    if found.shape == wanted.shape and torch.allclose(found * (4 / total), wanted, atol=1e-3):
        raise CheckpointError(
            f"{path}: tensor {name} is the low-pass filter [1, 3, 3, 1] with a sum of {total:.3g}; "
            "only the sum of 4 is supported, which keeps the size of what it doubles"
        )
    raise CheckpointError(
        f"{path}: tensor {name} is another low-pass filter than [1, 3, 3, 1], "
        "the only one that is supported"
    )
