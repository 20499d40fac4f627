"""`Conv2d` and `ConvTranspose2d` modules of any network as linear functions of their weight.

    convolve(module, k, weight, bias=False)     # the module's own forward pass with another weight

A weight is always (M, N, kh, kw): outputs, inputs, kernel. `ConvTranspose2d` stores its own as
(N, M, kh, kw), which `weight_of` and `stored` turn around. Stride, padding and its mode, dilation
and a subclass's own way of padding are the module's: its `forward` is what runs.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

Convolution = nn.Conv2d | nn.ConvTranspose2d


def convolutions(network: nn.Module) -> dict[str, Convolution]:
    """All convolutions of a network by their names in ``network.named_modules()``."""
    found = network.named_modules()
    return {name: one for name, one in found if isinstance(one, Convolution)}


def stored(weight: Tensor, module: Convolution) -> Tensor:
    """A weight (M, N, kh, kw) as ``module`` stores it."""
    return weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight


def weight_of(module: Convolution) -> Tensor:
    """The weight of ``module``, (M, N, kh, kw); it shares the module's memory."""
    return stored(module.weight, module)


def convolve(module: Convolution, k: Tensor, weight: Tensor, bias: bool) -> Tensor:
    """The output (B, M, H', W') of ``module`` for the input ``k`` (B, N, h, w) under ``weight``.

    ``bias``: add the module's own; without it ``weight`` may have any number of outputs. The module
    is not touched, so several threads may do this at once.
    """
    twin = copy.copy(module)
    tensors = dict(module._parameters, weight=stored(weight, module))
    if not bias and module.bias is not None:
        tensors["bias"] = weight.new_zeros(len(weight))
    twin._parameters = tensors
    return twin.forward(k)


def unusable(module: Convolution) -> str:
    """Why the weight of ``module`` cannot be edited; "" if it can, as far as its settings tell."""
    if module.groups != 1:
        return f"it has {module.groups} groups"
    if not isinstance(module._parameters.get("weight"), nn.Parameter):
        return (
            "its weight is computed from other tensors (spectral or weight norm); remove the norm "
            "first, with torch.nn.utils"
        )
    return ""


def unlike_its_weight(module: Convolution, k: Tensor, output: Tensor) -> str:
    """Why ``output`` is not the convolution of ``k`` by the weight of ``module``; "" if it is.

    The output must be linear in the weight, up to the bias, channel by channel.
    """
    weight = weight_of(module).detach()
    other = torch.roll(weight, 1, dims=1) * 0.5
    try:
        again = convolve(module, k, weight, bias=True)
        if again.shape != output.shape:
            return "it is called with an output size of its own"
        plain = convolve(module, k, weight, bias=False)
        both = convolve(module, k, weight + other, bias=False)
        one = convolve(module, k, other[:1], bias=False)
    except (RuntimeError, TypeError, ValueError) as problem:
        return f"its forward pass takes no other weight ({str(problem).splitlines()[0][:80]})"
    scale = 1e-3 * float(plain.abs().max()) + 1e-12
    if float((again - output).abs().max()) > scale:
        return "its output changes after the convolution"
    if one.shape[1] != 1 or float((both[:, :1] - plain[:, :1] - one).abs().max()) > scale:
        return "its output is not linear in its weight"
    return ""
