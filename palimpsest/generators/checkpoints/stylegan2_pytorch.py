"""The common PyTorch layout of StyleGAN2: ``{"g_ema": {name: tensor}, "latent_avg": mean of w}``.

The paper's published StyleGAN2 files have it. Names are those of `StyleGAN2`, also without the
dictionary ``g_ema`` around them; convolution weights have a leading axis of one more; low-pass
kernels and noise maps are optional.

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
from palimpsest.generators.base import layer_noise
from palimpsest.generators.checkpoints.assembly import assemble, below, sized
from palimpsest.generators.checkpoints.containers import READABLE, Content
from palimpsest.generators.stylegan2 import StyleGAN2, blur_kernel

KERNEL_NAME = re.compile(r"(convs\.\d+\.conv\.blur|to_rgbs\.\d+\.upsample)\.kernel")
LEADING_AXIS_NAME = re.compile(r"(conv1|to_rgb1|(convs|to_rgbs)\.\d+)\.conv\.weight")


def matches(content: Content) -> bool:
    """Whether the tensors carry this layout's names."""
    names = content.tensors
    return "conv1.conv.modulation.weight" in names or any(n.startswith("g_ema.") for n in names)


def build(path: Path, content: Content) -> StyleGAN2:
    """The StyleGAN2 of the file. Raises `CheckpointError` for incomplete or unknown tensors."""
    tensors = content.tensors
    prefix = "g_ema." if any(name.startswith("g_ema.") for name in tensors) else ""
    given = below(tensors, prefix)

    def file_name(name: str) -> str:
        return name if name == "latent_avg" else prefix + name

    for name in [name for name in given if KERNEL_NAME.fullmatch(name)]:
        _check_kernel(path, prefix + name, given.pop(name))
    style = [name for name in given if re.fullmatch(r"style\.\d+\.weight", name)]
    convs = [name for name in given if re.fullmatch(r"convs\.\d+\.conv\.weight", name)]
    style_dim, z_dim = sized(path, given, "style.1.weight", file_name, 2).shape
    channels = {4: sized(path, given, "conv1.conv.weight", file_name, 5).shape[1]}
    doublings = (len(convs) + 1) // 2
    for i in range(doublings):
        weight = sized(path, given, f"convs.{2 * i}.conv.weight", file_name, 5)
        channels[8 * 2**i] = weight.shape[1]
    if not doublings:
        raise CheckpointError(f"{path}: no tensor {prefix}convs.0.conv.weight; {READABLE}")
    for name in [n for n in given if LEADING_AXIS_NAME.fullmatch(n)]:
        given[name] = _without_leading_axis(path, prefix + name, given[name])
    given.pop("latent_avg", None)
    mean = tensors.get("latent_avg")
    if mean is not None and mean.ndim:  # a single number, as in old versions, is not a mean latent
        given["latent_avg"] = mean.reshape(-1)
    resolution = 4 * 2**doublings
    return assemble(
        path,
        lambda: StyleGAN2(resolution, channels, style_dim, len(style), z_dim=z_dim),
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
        tensors[f"to_rgbs.{i}.upsample.kernel"] = blur_kernel()
    own_maps = dict(generator.noises.named_buffers())
    for number in generator.layers:
        name, size = f"noise_{number - 2}", generator.layer(number).value_size
        fixed = layer_noise("single", 1, size, (0, 0, size, size), None)
        tensors[f"noises.{name}"] = on_cpu(own_maps.get(name, fixed))
    return {"g_ema": tensors} | ({"latent_avg": mean} if mean.isfinite().all() else {})


def on_cpu(tensor: Tensor) -> Tensor:
    """A contiguous copy of ``tensor`` on the CPU."""
    return tensor.detach().cpu().contiguous().clone()


def _without_leading_axis(path: Path, name: str, weight: Tensor) -> Tensor:
    if weight.ndim != 5 or weight.shape[0] != 1:
        raise CheckpointError(
            f"{path}: tensor {name} has shape {tuple(weight.shape)}; (1, out, in, k, k) is needed"
        )
    return weight[0]


def _check_kernel(path: Path, name: str, kernel: Tensor) -> None:
    """Only one low-pass filter is implemented: with another the images would be wrong."""
    wanted = blur_kernel()
    if kernel.shape != wanted.shape or not torch.allclose(kernel.float(), wanted, atol=1e-3):
        raise CheckpointError(
            f"{path}: tensor {name} is another low-pass filter than [1, 3, 3, 1], "
            "the only one that is supported"
        )
