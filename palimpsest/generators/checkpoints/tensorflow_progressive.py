"""Progressive GAN of NVIDIA's TensorFlow code (2018): variables under `ProgressiveGAN`'s names.

    4x4/Dense    layer1    a matrix (z, M·4·4): the 4x4 kernel, turned by 180°
    4x4/Conv     layer2    (3, 3, in, out)
    RxR/Conv0_up layer     (3, 3, out, in): doubling and convolution in one transposed convolution
    RxR/Conv0    layer     (3, 3, in, out): convolution after doubling, in networks that came from
                           Theano
    RxR/Conv1    layer     (3, 3, in, out)
    ToRGB_lod0   output    the other ToRGB_lodK were used while the network grew

The transposed convolution of ``Conv0_up`` has a 4x4 kernel: the weight added to itself at four
places, one cell apart. That is nearest-neighbour doubling and a convolution with the weight turned
by 180° (`doubling`), so the network is the same. Scales of the equalised learning rate, pixel
norms and their order are those of `progressive` too.
"""

from __future__ import annotations

import math

from torch import Tensor

from palimpsest.generators.checkpoints.tensorflow_networks import TensorFlowNetwork

USUAL = {
    "label_size": (0, None),
    "normalize_latents": (True,),
    "use_pixelnorm": (True,),
    "pixelnorm_epsilon": (1e-8,),
    "use_leakyrelu": (True,),
    "use_wscale": (True, False),
    "use_batchnorm": (False, None),
    "use_layernorm": (False, None),
    "tanh_at_end": (None, False),
}


def matches(network: TensorFlowNetwork) -> bool:
    """Whether the variables carry the names of a Progressive GAN's generator."""
    return "4x4/Dense/weight" in network.variables


def progressive_tensors(network: TensorFlowNetwork) -> dict[str, Tensor]:
    """The tensors under the names of `progressive_layers`.

    Raises `CheckpointError` for other settings than the paper's, and for missing variables.
    """
    network.require(USUAL)
    network.require_grown("lod")
    weight, bias = network.take("4x4/Dense/weight", 2), network.take("4x4/Dense/bias", 1)
    if weight.shape[1] != 16 * len(bias):
        raise network.refuse(f"4x4/Dense/weight of shape {tuple(weight.shape)}")
    kernel = weight.reshape(-1, len(bias), 4, 4).transpose(0, 1)
    tensors = {"layer1.conv.weight": kernel.flip(2, 3), "layer1.wscale.b": bias}
    _add(tensors, network, "layer2", "4x4/Conv")
    size, number = 8, 3
    while f"{size}x{size}/Conv1/weight" in network.variables:
        scope = f"{size}x{size}"
        fused = f"{scope}/Conv0_up/weight" in network.variables
        _add(tensors, network, f"layer{number}", f"{scope}/{'Conv0_up' if fused else 'Conv0'}")
        _add(tensors, network, f"layer{number + 1}", f"{scope}/Conv1")
        size, number = 2 * size, number + 2
    output = f"output_{size // 2}x{size // 2}"
    _add(tensors, network, output, "ToRGB_lod0")
    if (shown := len(tensors[f"{output}.conv.weight"])) != 3:
        raise network.refuse(f"a Progressive GAN with images of {shown} channels")
    for name in network.variables:
        if not name.startswith("ToRGB_lod"):
            raise network.refuse(f"variable {name[:80]}")
    if not network.setting("use_wscale", True):
        for name in [name for name in tensors if name.endswith("conv.weight")]:
            tensors[name] = tensors[name] / _rate(name, tensors[name])
    return tensors


def _add(tensors: dict[str, Tensor], network: TensorFlowNetwork, own: str, scope: str) -> None:
    weight = network.take(f"{scope}/weight", 4)
    if scope.endswith("Conv0_up"):
        weight = weight.permute(2, 3, 0, 1).flip(2, 3)
    else:
        weight = weight.permute(3, 2, 0, 1)
    tensors[f"{own}.conv.weight"] = weight
    tensors[f"{own}.wscale.b"] = network.take(f"{scope}/bias", 1)


def _rate(name: str, weight: Tensor) -> float:
    """The scale that `progressive` applies at run time, gain / √(inputs · kernel²)."""
    gain = 1.0 if name.startswith("output") else math.sqrt(2.0)
    return gain / math.sqrt(weight[0].numel())
