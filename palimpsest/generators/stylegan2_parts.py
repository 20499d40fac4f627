"""The parts that StyleGAN2 is made of, without anything that edits.

Weights are stored before their run-time scale (equalised learning rate). Modulation is applied to
the features by what uses `ModulatedConv`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

SQRT2 = math.sqrt(2.0)
NEGATIVE_SLOPE = 0.2  # of every leaky rectifier in the network


class PixelNorm(nn.Module):
    """Each sample divided by the root mean square of its numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Linear map whose weight is scaled at run time (equalised learning rate)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: float = 0.0,
        rate: float = 1.0,
        activate: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.scale = rate / math.sqrt(inputs)
        self.rate = rate
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x * self.scale, self.weight, self.bias * self.rate)
        return F.leaky_relu(x, NEGATIVE_SLOPE) * SQRT2 if self.activate else x


class ModulatedConv(nn.Module):
    """Weight and style of one modulated convolution; `StyledLayer` and `ToRGB` apply it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.modulation = EqualLinear(style_dim, inputs, bias=1.0)


class TapEnergy(torch.autograd.Function):
    """Σ w² over the taps of a weight: (M, N, kh, kw) to (M, N).

    Its gradient is one product; that of ``(w * w).sum()`` passes over the weight three times.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return (weight * weight).sum(dim=(2, 3))

    @staticmethod
    def backward(ctx: FunctionCtx, upstream: Tensor) -> Tensor:
        (weight,) = ctx.saved_tensors
        return weight * (2 * upstream)[:, :, None, None]


class NoiseWeight(nn.Module):
    """Strength of the noise input of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class ActivationBias(nn.Module):
    """Bias added before the leaky rectifier of one layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class StyledConv(nn.Module):
    """Parameters of one styled convolution; ``gain`` is that of its activation."""

    def __init__(
        self, inputs: int, outputs: int, style_dim: int, upsample: bool, gain: float = SQRT2
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style_dim)
        self.noise = NoiseWeight()
        self.activate = ActivationBias(outputs)
        self.upsample = upsample
        self.gain = gain


class ToRGB(nn.Module):
    """Addition to the running image: a 1x1 modulated convolution without demodulation."""

    def __init__(self, inputs: int, style_dim: int, channels: int = 3) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, channels, 1, style_dim)
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        style = self.conv.modulation(latent)
        weight = self.conv.weight[:, :, 0, 0] * (self.conv.scale * style)[:, None, :]  # (B, C, N)
        weight = weight.to(x.dtype)
        rows = x.permute(0, 2, 3, 1)  # (B, h, w, N)
        if len(x) == 1:
            # one sample is a plain matrix product, whose gradients take half the time of bmm's
            return F.linear(rows, weight[0]).permute(0, 3, 1, 2) + self.bias
        rgb = torch.bmm(rows.flatten(1, 2), weight.transpose(1, 2))
        return rgb.transpose(1, 2).unflatten(2, x.shape[2:]) + self.bias


class Branch(nn.Module):
    """What runs around the two layers of a resolution in a residual network, before upsampling."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.scale = 1 / math.sqrt(2 * inputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, (self.weight * self.scale).to(x.dtype))


class ConstantInput(nn.Module):
    """The learned map, 4x4 as a rule, that every image starts with."""

    def __init__(self, channels: int, shape: tuple[int, int] = (4, 4)) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, *shape))


def blur_kernel() -> Tensor:
    """The 4x4 low-pass kernel of upsampling by two: [1, 3, 3, 1] along each axis, sum 4."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    return line[:, None] * line[None, :]


def blur(x: Tensor, kernel: Tensor) -> Tensor:
    """Low-pass a (2h + 1)-sized map to 2h."""
    channels = x.shape[1]
    return F.conv2d(x, kernel.to(x.dtype).expand(channels, 1, 4, 4), padding=1, groups=channels)


def double(x: Tensor, kernel: Tensor) -> Tensor:
    """Upsample an image by two with the low-pass kernel."""
    channels = x.shape[1]
    taps = kernel.to(x.dtype).expand(channels, 1, 4, 4)
    return F.conv_transpose2d(x, taps, stride=2, padding=1, groups=channels)
