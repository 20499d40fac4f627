"""Progressive GAN (Karras et al., ICLR 2018), editable at every 3x3 convolution.

Layer n is the paper's: layer 1 turns z into a 4x4 map, odd layers from 3 on double the map first.
Each block is ``pixel norm, (doubling), convolution, scale, bias, leaky rectifier``. The scale of
the equalised learning rate comes after the convolution, so that

    key   = doubled and normalised features       (B, N, h, w)
    value = conv(key, W), before scale and bias   (B, M, h, w)

and a layer is exactly linear in its weight (Appendix B of the paper). Layer 1 has a 4x4 kernel on a
map of one cell and is not editable. Parameters have the published names (``layer6.conv.weight``,
``layer6.wscale.b``, ``output_256x256.conv.weight``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.base import Generator, KeyState, Layer, ValueState, reusable
from palimpsest.generators.doubling import convolve_doubled
from palimpsest.generators.encoding import SoftThresholds

NEGATIVE_SLOPE = 0.2  # of every leaky rectifier in the network


def pixel_norm(x: Tensor, inplace: bool = False) -> Tensor:
    """Each position of ``x`` (B, C, h, w) divided by the root mean square of its channels.

    ``inplace``: allow ``x`` to be overwritten (ignored while gradients are recorded).
    """
    factor = torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)
    return torch.mul(x, factor, out=reusable(x, inplace))


class Convolution(nn.Module):
    """The stored weight (M, N, kernel, kernel) of one block."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))


class ScaledBias(nn.Module):
    """``scale * x + b``: the run-time scale of the weight, applied after the convolution."""

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros(channels))
        self.scale = scale

    def forward(self, x: Tensor, inplace: bool = False) -> Tensor:
        scaled = torch.mul(x, self.scale, out=reusable(x, inplace))
        return scaled.add_(self.b.to(x.dtype)[:, None, None])


class Block(nn.Module):
    """Parameters of one convolution; the scale is gain / √(inputs · kernel²)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, gain: float) -> None:
        super().__init__()
        self.conv = Convolution(inputs, outputs, kernel)
        self.wscale = ScaledBias(outputs, gain / math.sqrt(inputs * kernel**2))


class ProgressiveLayer(Layer):
    """A convolution of Progressive GAN as a linear associative memory."""

    is_linear = True
    generator: ProgressiveGAN

    @property
    def weight(self) -> nn.Parameter:
        return self.generator.block(self.number).conv.weight

    def _set_weight(self, weight: Tensor) -> None:
        self.generator.block(self.number).conv.weight = nn.Parameter(weight, requires_grad=False)

    @property
    def upsampling(self) -> int:
        return 1

    @property
    def key_size(self) -> int:
        return 2 ** ((self.number + 3) // 2)

    def linear(self, k: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(k, weight, padding=1)

    def demodulation(self, style: Tensor | None, weight: Tensor) -> None:
        return None

    def activate(self, pre: Tensor, state: KeyState) -> Tensor:
        return pre


class ProgressiveGAN(Generator):
    """Progressive GAN: z (B, z_dim) or (B, z_dim, 1, 1) to images (B, 3, resolution, resolution).

    ``channels``: width of each resolution, {4: ..., 8: ..., ..., resolution: ...}. ``encoding``:
    input encoding of z for layer 1 (mini generators only; `encoding`). There are no noise inputs
    and no truncation: those settings have no effect.
    """

    kind = "progressive"

    def __init__(
        self,
        resolution: int,
        channels: Mapping[int, int],
        z_dim: int = 512,
        encoding: SoftThresholds | None = None,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.channels = dict(channels)
        self.encoding = encoding
        self.z_dim = encoding.z_dim if encoding else z_dim
        gain = math.sqrt(2.0)
        self.layer1 = Block(encoding.size if encoding else z_dim, channels[4], 4, gain)
        self.layer2 = Block(channels[4], channels[4], 3, gain)
        number, before, size = 3, channels[4], 8
        while size <= resolution:
            self.add_module(f"layer{number}", Block(before, channels[size], 3, gain))
            self.add_module(f"layer{number + 1}", Block(channels[size], channels[size], 3, gain))
            number, before, size = number + 2, channels[size], size * 2
        self.output_name = f"output_{resolution}x{resolution}"
        self.add_module(self.output_name, Block(before, 3, 1, gain=1.0))
        self.layers = tuple(range(2, number))

    def block(self, number: int) -> Block:
        """Parameters of layer ``number`` (1 included)."""
        return self.get_submodule(f"layer{number}")

    def layer(self, number: int) -> ProgressiveLayer:
        if lacking := self.lacking([number]):
            raise ValueError(f"this generator has {lacking}")
        return ProgressiveLayer(self, number)

    def start(self, z: Tensor) -> KeyState:
        z = z.to(self.device).flatten(1)  # (B, z_dim)
        if self.encoding:
            z = self.encoding(z)
        x = F.conv2d(pixel_norm(z[:, :, None, None]), self.layer1.conv.weight, padding=3)
        x = F.leaky_relu(self.layer1.wscale(x), NEGATIVE_SLOPE)  # (B, channels[4], 4, 4)
        return KeyState(k=pixel_norm(x), layer=2, window=(0, 0, 4, 4))

    def features(self, values: ValueState, inplace: bool = False) -> Tensor:
        """The layer's feature map (B, M, h, w): its values after scale, bias and rectifier.

        ``inplace``: allow ``values.v`` to be overwritten (ignored while gradients are recorded).
        """
        scaled = self.block(values.layer).wscale(values.v, inplace)
        return F.leaky_relu_(scaled, NEGATIVE_SLOPE)

    def values_of(self, features: Tensor, number: int) -> Tensor:
        """The values v (B, M, h, w) of layer ``number`` whose `features` are the given ones."""
        affine = self.block(number).wscale
        pre = torch.where(features < 0, features / NEGATIVE_SLOPE, features)
        return (pre - affine.b[:, None, None]) / affine.scale

    def next_keys(self, values: ValueState, inplace: bool = False) -> KeyState:
        number, window = values.layer + 1, values.window
        k = pixel_norm(self.features(values, inplace), inplace=True)
        if number % 2:
            k = F.interpolate(k, scale_factor=2, mode="nearest")
            window = tuple(2 * edge for edge in window)
        return KeyState(k=k, layer=number, window=window)

    def next_values(self, values: ValueState, inplace: bool = False) -> ValueState:
        number = values.layer + 1
        if number % 2 == 0:
            return super().next_values(values, inplace)
        normed = pixel_norm(self.features(values, inplace), inplace=True)
        return ValueState(
            v=convolve_doubled(normed, self.block(number).conv.weight),
            layer=number,
            window=tuple(2 * edge for edge in values.window),
        )

    def rgb(self, values: ValueState) -> Tensor:
        """The image before it is clamped to [-1, 1], which training needs for its gradient."""
        to_rgb = self.get_submodule(self.output_name)
        normed = pixel_norm(self.features(values), inplace=True)
        return to_rgb.wscale(F.conv2d(normed, to_rgb.conv.weight), inplace=True)

    def finish(self, values: ValueState) -> Tensor:
        return self.rgb(values).clamp(-1, 1)
