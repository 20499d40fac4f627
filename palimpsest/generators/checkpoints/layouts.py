"""The published layouts of generator weights: which network, which sizes, which tensor where.

Each reader looks at tensor names and shapes alone.

- StyleGAN2, the common PyTorch port: ``g_ema.<name>`` and ``latent_avg`` (or the bare names),
  convolution weights with a leading axis of one, blur kernels and noise maps optional.
- Progressive GAN: ``layerN.conv.weight``, ``layerN.wscale.b``, ``output_RxR.*``, bare or in a
  ``state_dict``; and the older ``features.{N-1}.*``, ``output.*``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.base import Generator
from palimpsest.generators.checkpoints.assembly import assemble
from palimpsest.generators.checkpoints.reading import READABLE
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import StyleGAN2, blur_kernel

KERNEL_NAME = re.compile(r"(convs\.\d+\.conv\.blur|to_rgbs\.\d+\.upsample)\.kernel")
LEADING_AXIS_NAME = re.compile(r"(conv1|to_rgb1|(convs|to_rgbs)\.\d+)\.conv\.weight")
PROGRESSIVE_NAME = re.compile(r"(layer\d+|output_\d+x\d+)\.(conv\.weight|wscale\.b)")
OLD_PROGRESSIVE_NAME = re.compile(r"(features\.\d+|output)\.(conv\.weight|wscale\.b)")


def build_from_tensors(path: object, tensors: Mapping[str, Tensor]) -> Generator:
    """The generator whose published layout ``tensors`` follow. Raises `CheckpointError`."""
    if any(name.startswith("g_ema.") for name in tensors):
        return _stylegan2(path, tensors, "g_ema.")
    if "conv1.conv.modulation.weight" in tensors:
        return _stylegan2(path, tensors, "")
    for prefix in ("", "state_dict."):
        if f"{prefix}layer1.conv.weight" in tensors or f"{prefix}layer2.conv.weight" in tensors:
            return _progressive(path, _below(tensors, prefix), PROGRESSIVE_NAME, prefix)
        if f"{prefix}features.0.conv.weight" in tensors:
            return _progressive(path, _below(tensors, prefix), OLD_PROGRESSIVE_NAME, prefix)
    raise CheckpointError(f"{path}: {_summary(tensors)}; {READABLE}")


def _summary(tensors: Mapping[str, Tensor]) -> str:
    if not tensors:
        return "no tensors in it"
    names = ", ".join(list(tensors)[:3])
    return f"{len(tensors)} tensors of a network that is not known here ({names} ...)"


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}


def _sized(
    path: object,
    tensors: Mapping[str, Tensor],
    name: str,
    file_name: Callable[[str], str],
    axes: int,
) -> Tensor:
    """A tensor that tells a size of the network, checked for its number of axes."""
    if name not in tensors:
        raise CheckpointError(
            f"{path}: tensor {file_name(name)} is missing; the file is incomplete, so export or "
            "fetch it again"
        )
    if tensors[name].ndim != axes:
        raise CheckpointError(
            f"{path}: tensor {file_name(name)} has shape {tuple(tensors[name].shape)}; "
            f"{axes} axes are needed"
        )
    return tensors[name]


def _stylegan2(path: object, tensors: Mapping[str, Tensor], prefix: str) -> StyleGAN2:
    given = _below(tensors, prefix)

    def file_name(name: str) -> str:
        return name if name == "latent_avg" else prefix + name

    kernels = [name for name in given if KERNEL_NAME.fullmatch(name)]
    for name in kernels:
        _check_kernel(path, prefix + name, given.pop(name))
    style = [name for name in given if re.fullmatch(r"style\.\d+\.weight", name)]
    convs = [name for name in given if re.fullmatch(r"convs\.\d+\.conv\.weight", name)]
    first = _sized(path, given, "style.1.weight", file_name, 2)
    style_dim, z_dim = first.shape
    channels = {4: _sized(path, given, "conv1.conv.weight", file_name, 5).shape[1]}
    doublings = (len(convs) + 1) // 2
    for i in range(doublings):
        weight = _sized(path, given, f"convs.{2 * i}.conv.weight", file_name, 5)
        channels[8 * 2**i] = weight.shape[1]
    if not doublings:
        raise CheckpointError(f"{path}: no tensor {prefix}convs.0.conv.weight; {READABLE}")
    for name in [n for n in given if LEADING_AXIS_NAME.fullmatch(n)]:
        given[name] = _without_leading_axis(path, prefix + name, given[name])
    given.pop("latent_avg", None)
    mean = tensors.get("latent_avg")
    if mean is not None and mean.ndim:  # old versions kept one number of it: as good as none
        given["latent_avg"] = mean.reshape(-1)
    resolution = 4 * 2**doublings
    return assemble(
        path,
        lambda: StyleGAN2(resolution, channels, style_dim, len(style), z_dim=z_dim),
        given,
        file_name,
    )


def _without_leading_axis(path: object, name: str, weight: Tensor) -> Tensor:
    if weight.ndim != 5 or weight.shape[0] != 1:
        raise CheckpointError(
            f"{path}: tensor {name} has shape {tuple(weight.shape)}; (1, out, in, k, k) is needed"
        )
    return weight[0]


def _check_kernel(path: object, name: str, kernel: Tensor) -> None:
    """The low-pass filter is fixed here; a network trained with another would draw wrongly."""
    wanted = blur_kernel()
    if kernel.shape != wanted.shape or not torch.allclose(kernel.float(), wanted, atol=1e-3):
        raise CheckpointError(
            f"{path}: tensor {name} is another low-pass filter than [1, 3, 3, 1], "
            "the only one that is supported"
        )


def _progressive(
    path: object, tensors: Mapping[str, Tensor], layout: re.Pattern[str], prefix: str
) -> ProgressiveGAN:
    unknown = [name for name in tensors if not layout.fullmatch(name)]
    if unknown:
        raise CheckpointError(
            f"{path}: tensor {prefix}{unknown[0]} has no place in a Progressive GAN; {READABLE}"
        )
    numbers = {int(n) for name in tensors for n in re.findall(r"^(?:layer|features\.)(\d+)", name)}
    count = len(numbers)
    resolution = 2 ** (count // 2 + 1)
    old = layout is OLD_PROGRESSIVE_NAME

    def file_name(name: str) -> str:
        """Name in the file of this project's tensor ``name``."""
        if old:
            name = re.sub(r"^layer(\d+)", lambda m: f"features.{int(m.group(1)) - 1}", name)
            name = re.sub(r"^output_\d+x\d+", "output", name)
        return prefix + name

    def own_name(name: str) -> str:
        name = re.sub(r"^features\.(\d+)", lambda m: f"layer{int(m.group(1)) + 1}", name)
        return re.sub(r"^output\.", f"output_{resolution}x{resolution}.", name)

    if numbers != set(range(1 - old, count + 1 - old)) or count % 2 or count < 4:
        raise CheckpointError(
            f"{path}: Progressive GAN with layers {sorted(numbers)}; an even number of layers "
            "without a gap is needed, so export or fetch it again"
        )
    given = {own_name(name): tensor for name, tensor in tensors.items()}
    z_dim = _sized(path, given, "layer1.conv.weight", file_name, 4).shape[1]
    channels = {
        2 ** (n // 2 + 1): _sized(path, given, f"layer{n}.conv.weight", file_name, 4).shape[0]
        for n in range(2, count + 1, 2)
    }
    return assemble(
        path,
        lambda: ProgressiveGAN(resolution, channels, z_dim=z_dim),
        given,
        file_name,
    )
