"""NVIDIA's tensor names of StyleGAN2, and those of `StyleGAN2` for them.

    mapping.fcI.*           style.{I+1}.*            synthesis.b4.const      input.input
    synthesis.b4.conv1.*    conv1.*                  synthesis.b4.torgb.*    to_rgb1.*
    synthesis.bR.conv0.*    convs.{2i}.*, R = 8 2^i  synthesis.bR.torgb.*    to_rgbs.{i}.*
    synthesis.bR.conv1.*    convs.{2i+1}.*           mapping.w_avg           latent_avg
    synthesis.bR.skip.*     skips.{i}.*              mapping.embed.*         embed.*

Both store weights before their run-time scale, upsample with an unflipped transposed convolution
and a [1, 3, 3, 1] filter of sum 4, and initialise the styles' bias with one, so no tensor needs
conversion. (NVIDIA adds demodulation's 1e-8 before that scale, this project after it: a relative
difference of about 1e-8.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.stylegan2 import ARCHITECTURES, MAPPING_RATE
from palimpsest.generators.stylegan2_parts import blur_kernel


class NamedNetwork:
    """The tensors of a network by NVIDIA's names; each is taken once.

    A state dict holds no attributes of the modules: they are then NVIDIA's defaults.
    """

    def __init__(self, path: Path, tensors: Mapping[str, Any]) -> None:
        self.path = path
        self.tensors = dict(tensors)

    def attribute(self, module: str, name: str, otherwise: Any = None) -> Any:
        """An attribute of a module; ``otherwise`` if it is not known."""
        return otherwise

    def read(self, stored: Any) -> Tensor:
        """The tensor of an entry of `tensors`."""
        return stored

    def take(self, name: str) -> Tensor:
        """The tensor ``name``, which is then no longer there. Raises `CheckpointError`."""
        if name not in self.tensors:
            raise CheckpointError(
                f"{self.path}: tensor {name} is missing; the file is incomplete, so export or "
                "fetch it again"
            )
        return self.read(self.tensors.pop(name))

    def refusal(self, what: str) -> CheckpointError:
        """The error for ``what`` is in the network and not in `StyleGAN2`."""
        return CheckpointError(
            f"{self.path}: {what}, which has no place in the StyleGAN2 that is opened here"
        )


def in_common_names(network: NamedNetwork) -> dict[str, Tensor]:
    """All tensors of a network by the names of `stylegan2_pytorch`.

    Raises `CheckpointError` for a tensor that is missing or has no place in `StyleGAN2`, and for
    other settings than `StyleGAN2` has.
    """
    tensors = _mapping(network)
    tensors["input.input"] = network.take("synthesis.b4.const")[None]
    sizes = {int(n) for t in network.tensors for n in re.findall(r"^synthesis\.b(\d{1,4})\.", t)}
    last = max(sizes, default=4)
    architecture = _architecture(network, sizes)
    for i, size in enumerate(2**power for power in range(2, last.bit_length())):
        block = f"synthesis.b{size}"
        if size == 4:
            layers = {"conv1": ("conv1", 0)}
        else:
            first = 2 * i - 2
            layers = {
                "conv0": (f"convs.{first}", first + 1),
                "conv1": (f"convs.{first + 1}", first + 2),
            }
        for name, (own, number) in layers.items():
            tensors |= _styled(network, f"{block}.{name}", own, number)
        if architecture == "skip" or size == last:
            to_rgb = "to_rgb1" if size == 4 else f"to_rgbs.{i - 1}"
            tensors |= _modulated(network, f"{block}.torgb", to_rgb)
            tensors[f"{to_rgb}.bias"] = network.take(f"{block}.torgb.bias").reshape(1, -1, 1, 1)
        if architecture == "resnet" and size > 4:
            tensors[f"skips.{i - 1}.weight"] = network.take(f"{block}.skip.weight")
            _check_filter(network, f"{block}.skip")
        _check_filter(network, block)
    if network.tensors:
        raise network.refusal(f"tensor {next(iter(network.tensors))[:80]}")
    return tensors


def _mapping(network: NamedNetwork) -> dict[str, Tensor]:
    """Tensors of the mapping network, of the embedding of classes, and the mean latent."""
    tensors: dict[str, Tensor] = {}
    count = sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", name)) for name in network.tensors)
    for i in range(count):
        tensors |= _linear(network, f"mapping.fc{i}", f"style.{i + 1}", MAPPING_RATE)
    classes = network.attribute("", "c_dim", 0)
    if "mapping.embed.weight" in network.tensors:
        tensors |= _linear(network, "mapping.embed", "embed", 1.0)
    elif classes:
        raise network.refusal(
            f"a class-conditional network (c_dim {str(classes)[:40]}) without the embedding of its "
            "classes (mapping.embed.weight)"
        )
    if "mapping.w_avg" in network.tensors:
        tensors["latent_avg"] = network.take("mapping.w_avg")
    return tensors


def _linear(network: NamedNetwork, name: str, own: str, usual: float) -> dict[str, Tensor]:
    """Weight and bias of a linear layer, scaled so that its learning rate is the usual one."""
    rate = network.attribute(name, "bias_gain", usual)
    if not isinstance(rate, (int, float)):
        raise network.refusal(f"bias_gain of {name}, not a number")
    found = {part: network.take(f"{name}.{part}") for part in ("weight", "bias")}
    if rate != usual:
        found = {part: tensor * (rate / usual) for part, tensor in found.items()}
    return {f"{own}.{part}": tensor for part, tensor in found.items()}


def _architecture(network: NamedNetwork, sizes: set[int]) -> str:
    """One of `ARCHITECTURES`: as the blocks say, or else as the names tell."""
    if any(re.fullmatch(r"synthesis\.b\d+\.skip\.weight", name) for name in network.tensors):
        told = "resnet"
    else:
        rgbs = sum(name.endswith(".torgb.weight") for name in network.tensors)
        told = "orig" if rgbs == 1 and len(sizes) > 1 else "skip"
    for size in sorted(sizes):
        name = f"synthesis.b{size}"
        found = network.attribute(name, "architecture", told)
        if found not in ARCHITECTURES:
            raise network.refusal(f"architecture {str(found)[:40]!r} of {name}")
        if found != told:
            raise network.refusal(f"architecture {found!r} of {name} with the tensors of {told!r}")
    return told


def _styled(network: NamedNetwork, name: str, own: str, number: int) -> dict[str, Tensor]:
    """Tensors of one styled convolution; ``number``: of its noise map in the common layout."""
    tensors = _modulated(network, name, own)
    tensors[f"{own}.activate.bias"] = network.take(f"{name}.bias")
    noisy = f"{name}.noise_strength" in network.tensors or f"{name}.noise_const" in network.tensors
    if network.attribute(name, "use_noise", noisy):
        tensors[f"{own}.noise.weight"] = network.take(f"{name}.noise_strength").reshape(-1)
        tensors[f"noises.noise_{number}"] = network.take(f"{name}.noise_const")[None, None]
    else:
        tensors[f"{own}.noise.weight"] = torch.zeros(1)
    _check_filter(network, name)
    return tensors


def _modulated(network: NamedNetwork, name: str, own: str) -> dict[str, Tensor]:
    return {
        f"{own}.conv.weight": network.take(f"{name}.weight")[None],
        f"{own}.conv.modulation.weight": network.take(f"{name}.affine.weight"),
        f"{own}.conv.modulation.bias": network.take(f"{name}.affine.bias"),
    }


def _check_filter(network: NamedNetwork, name: str) -> None:
    """Only one low-pass filter is implemented; NVIDIA's sums to one and has a gain of four."""
    if f"{name}.resample_filter" not in network.tensors:
        return
    found, wanted = 4 * network.take(f"{name}.resample_filter").float(), blur_kernel()
    if found.shape != wanted.shape or not torch.allclose(found, wanted, atol=1e-3):
        raise network.refusal(f"tensor {name}.resample_filter, another filter than [1, 3, 3, 1]")
