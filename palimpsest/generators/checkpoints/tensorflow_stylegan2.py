"""StyleGAN2 of NVIDIA's TensorFlow code: variables under the names of NVIDIA's PyTorch code.

    mapping/DenseI/*       mapping.fcI.*             weights are transposed
    mapping/LabelEmbed/*   mapping.embed.*           likewise
    dlatent_avg            mapping.w_avg
    synthesis/noiseI       the noise map of layer I  two leading axes
    synthesis/4x4/Const    synthesis.b4.const        a leading axis
    synthesis/RxR/Conv     synthesis.bR.conv1        (3, 3, in, out), also under Conv1
    synthesis/RxR/Conv0_up synthesis.bR.conv0        the same, turned by 180°, also Skip
    synthesis/RxR/ToRGB    synthesis.bR.torgb        in configurations B to D under ToRGB_lodK,
                                                     where R is the image's side / 2^K

``mod_weight`` and ``mod_bias`` of a layer are ``affine``: the weight is transposed, the bias is one
less. Configurations E and F differ in their widths alone; B to D are the architecture ``orig``.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from palimpsest.generators.checkpoints.nvidia_names import NamedNetwork, in_common_names
from palimpsest.generators.checkpoints.tensorflow_networks import TensorFlowNetwork
from palimpsest.generators.stylegan2 import MAPPING_RATE

LAYERS = {"Conv": "conv1", "Conv1": "conv1", "Conv0_up": "conv0", "ToRGB": "torgb", "Skip": "skip"}
CLAMP = "conv_clamp"
TURNED = ("Conv0_up", "Skip")
USUAL = {
    "normalize_latents": (True,),
    "nonlinearity": ("lrelu",),
    "mapping_nonlinearity": ("lrelu",),
    "resample_kernel": ([1, 3, 3, 1], (1, 3, 3, 1)),
    "use_noise": (True, False),
    "mapping_func": ("G_mapping",),
    "synthesis_func": ("G_synthesis_stylegan2", "G_synthesis_stylegan_revised", "G_synthesis"),
}


def matches(network: TensorFlowNetwork) -> bool:
    """Whether the variables carry the names of a StyleGAN2's generator."""
    return "synthesis/4x4/Conv/mod_weight" in network.variables


def common_tensors(network: TensorFlowNetwork) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors in the layout of `stylegan2_pytorch`, and notes: the limit on activations.

    Raises `CheckpointError` for other settings than are opened here, for a variable that is missing
    and for one that has no place.
    """
    network.require(USUAL)
    network.require_grown("lod", "synthesis/lod")
    if "mapping/LabelConcat/weight" in network.variables:
        raise network.refuse("classes that are concatenated with z (LabelConcat)")
    scopes = [re.match(r"synthesis/(\d{1,4})x\1/", name) for name in network.variables]
    resolution = max(int(scope[1]) for scope in scopes if scope)
    tensors: dict[str, Tensor] = {}
    for name in list(network.variables):
        own, tensor = _renamed(network, name, resolution)
        if own in tensors:
            raise network.refuse(f"variable {name[:80]} beside another one in its place")
        if own:
            tensors[own] = tensor
    clamp = network.setting(CLAMP)
    notes = {CLAMP: str(float(clamp))} if isinstance(clamp, (int, float)) else {}
    return in_common_names(_Named(network, tensors)), notes


class _Named(NamedNetwork):
    """The tensors by NVIDIA's names, and what its PyTorch code would note of the same network."""

    def __init__(self, network: TensorFlowNetwork, tensors: dict[str, Tensor]) -> None:
        super().__init__(network.path, tensors)
        self.known = {
            "c_dim": network.setting("label_size", 0),
            "architecture": network.setting("architecture"),
            "use_noise": network.setting("use_noise"),
        }
        self.rate = network.setting("mapping_lrmul", MAPPING_RATE)

    def attribute(self, module: str, name: str, otherwise: Any = None) -> Any:
        known = self.known.get(name)
        if name == "bias_gain" and module.startswith("mapping.fc"):
            known = self.rate
        return otherwise if known is None else known


def _renamed(network: TensorFlowNetwork, name: str, resolution: int) -> tuple[str, Tensor | None]:
    """Name in NVIDIA's PyTorch code and tensor of one variable; "" for one that has no use."""
    take = network.take
    if name == "dlatent_avg":
        return "mapping.w_avg", take(name, 1)
    if name == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", _without(network, name, 1)
    if found := re.fullmatch(r"synthesis/noise(\d{1,2})", name):
        number = int(found[1])
        block = f"synthesis.b{2 ** ((number + 5) // 2)}"
        return f"{block}.conv{1 - number % 2}.noise_const", _without(network, name, 2)
    if found := re.fullmatch(r"mapping/(?:Dense(\d{1,3})|LabelEmbed)/(weight|bias)", name):
        layer = "embed" if found[1] is None else f"fc{found[1]}"
        tensor = take(name, 2).T if found[2] == "weight" else take(name, 1)
        return f"mapping.{layer}.{found[2]}", tensor
    if found := re.fullmatch(r"synthesis/ToRGB_lod(\d{1,2})/(\w+)", name):
        if int(found[1]):  # it was used while the network grew
            del network.variables[name]
            return "", None
        return _part(network, name, f"synthesis.b{resolution}", "ToRGB", found[2])
    if found := re.fullmatch(r"synthesis/([1-9]\d{0,3})x\1/(\w+)/(\w+)", name):
        if found[2] in LAYERS and int(found[1]).bit_count() == 1:
            return _part(network, name, f"synthesis.b{found[1]}", found[2], found[3])
    raise network.refuse(f"variable {name[:80]}")


def _part(
    network: TensorFlowNetwork, name: str, block: str, layer: str, part: str
) -> tuple[str, Tensor]:
    """Name and tensor of one variable of a layer."""
    own = f"{block}.{LAYERS[layer]}"
    if part == "weight":
        weight = network.take(name, 4).permute(3, 2, 0, 1)
        return f"{own}.weight", weight.flip(2, 3) if layer in TURNED else weight
    if part == "bias":
        return f"{own}.bias", network.take(name, 1)
    if part == "mod_weight":
        return f"{own}.affine.weight", network.take(name, 2).T
    if part == "mod_bias":
        return f"{own}.affine.bias", network.take(name, 1) + 1
    if part == "noise_strength":
        strength = network.take(name, network.variables[name].ndim)
        if strength.numel() != 1:
            raise network.refuse(f"variable {name} of shape {tuple(strength.shape)}")
        return f"{own}.noise_strength", strength.reshape(torch.Size(()))
    raise network.refuse(f"variable {name[:80]}")


def _without(network: TensorFlowNetwork, name: str, leading: int) -> Tensor:
    """The variable ``name`` (1, ..., h, w) without so many ``leading`` axes, each of one."""
    tensor = network.take(name, 4)
    if tensor.shape[:leading].numel() != 1:
        raise network.refuse(f"variable {name} of shape {tuple(tensor.shape)}")
    return tensor.reshape(tensor.shape[leading:])
