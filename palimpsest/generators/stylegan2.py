"""StyleGAN2 (Karras et al., CVPR 2020), skip architecture, editable at every styled convolution.

Layer n is the paper's: layer 2 is the first styled convolution (4x4), odd layers upsample, layer n
is modulated by row n - 2 of the extended latent. Modulation is applied to the features, so that

    key   = style * features                                     (B, N, h, w)
    value = lrelu(demod * blur(conv(key, W)) + noise + bias) √2   (B, M, H', W')

which equals modulating the weight. Parameters have the names of the common PyTorch layout
(``conv1``, ``convs.i``, ``to_rgbs.i``, ``style.i``); convolution weights lack that layout's leading
axis of one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.base import Generator, KeyState, Layer, ValueState, layer_noise, reusable
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.map_layout import laid_out

MAPPING_RATE = 0.01
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
        x = F.linear(x, self.weight * self.scale, self.bias * self.rate)
        return F.leaky_relu(x, NEGATIVE_SLOPE) * SQRT2 if self.activate else x


class ModulatedConv(nn.Module):
    """Weight and style of one modulated convolution; `StyledLayer` and `ToRGB` apply it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.modulation = EqualLinear(style_dim, inputs, bias=1.0)


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
    """Parameters of one styled convolution."""

    def __init__(self, inputs: int, outputs: int, style_dim: int, upsample: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style_dim)
        self.noise = NoiseWeight()
        self.activate = ActivationBias(outputs)
        self.upsample = upsample


class ToRGB(nn.Module):
    """Addition to the running image: a 1x1 modulated convolution without demodulation."""

    def __init__(self, inputs: int, style_dim: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, 3, 1, style_dim)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        style = self.conv.modulation(latent)
        weight = self.conv.weight[:, :, 0, 0] * self.conv.scale * style[:, None, :]  # (B, 3, N)
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, h w, N)
        rgb = torch.bmm(rows, weight.to(x.dtype).transpose(1, 2))
        return rgb.transpose(1, 2).unflatten(2, x.shape[2:]) + self.bias


class ConstantInput(nn.Module):
    """The learned 4x4 map that every image starts with."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class StyledLayer(Layer):
    """A styled convolution as an associative memory."""

    is_linear = False
    negative_slope = NEGATIVE_SLOPE
    gain = SQRT2
    generator: StyleGAN2

    @cached_property
    def module(self) -> StyledConv:
        return self.generator.styled_conv(self.number)

    @property
    def weight(self) -> nn.Parameter:
        return self.module.conv.weight

    def _set_weight(self, weight: Tensor) -> None:
        self.module.conv.weight = nn.Parameter(weight, requires_grad=False)

    @property
    def upsampling(self) -> int:
        return 2 if self.module.upsample else 1

    @property
    def key_size(self) -> int:
        return 2 ** ((self.number + 2) // 2)

    def linear(self, k: Tensor, weight: Tensor) -> Tensor:
        weight = weight * self.module.conv.scale
        if not self.module.upsample:
            return F.conv2d(k, laid_out(weight), padding=1)
        wide = F.conv_transpose2d(k, laid_out(weight.transpose(0, 1)), stride=2)
        return blur(wide, self.generator.blur_kernel)

    def demodulation(self, style: Tensor | None, weight: Tensor) -> Tensor:
        energy = (weight * self.module.conv.scale).square().sum(dim=(2, 3))  # (M, N)
        return torch.rsqrt(style.square() @ energy.T + 1e-8)

    def activate(self, pre: Tensor, state: KeyState) -> Tensor:
        shifted = pre + self._shift(state).to(pre.dtype)
        return F.leaky_relu(shifted, self.negative_slope) * self.gain

    def respond(self, state: KeyState, weight: Tensor) -> Tensor:
        # The same as in the base class, in fewer passes over the map: the rectifier is positively
        # homogeneous, so the gain can be multiplied into the factor and the shift.
        pre = self.linear(state.k, weight)
        factor = self.gain * self.demodulation(state.style, weight)[:, :, None, None]
        shift = self.gain * self._shift(state)
        if shift.ndim == 4:
            shift = laid_out(shift)
        factor, shift = factor.to(pre.dtype), shift.to(pre.dtype)
        scaled = torch.addcmul(shift, pre, factor, out=reusable(pre))
        return F.leaky_relu_(scaled, self.negative_slope)

    def _shift(self, state: KeyState) -> Tensor:
        """Bias and noise, (M, 1, 1) or (1 or B, M, H', W')."""
        window = tuple(self.upsampling * edge for edge in state.window)
        noise = self.generator.noise_of(self.number, len(state), self.value_size, window)
        bias = self.module.activate.bias[:, None, None]
        return bias if noise is None else bias + self.module.noise.weight * noise.to(bias)

    def _skip_at_values(self, state: KeyState) -> Tensor | None:
        if state.skip is None or not self.module.upsample:
            return state.skip
        return double(state.skip, self.generator.blur_kernel)


class StyleGAN2(Generator):
    """StyleGAN2 with the skip architecture.

    ``channels``: width of each resolution, {4: ..., 8: ..., ..., resolution: ...}.
    ``encoding``: input encoding of z for the mapping network (mini generators only; `encoding`).
    Images are (B, 3, resolution, resolution), about [-1, 1].
    """

    kind = "stylegan2"

    def __init__(
        self,
        resolution: int,
        channels: Mapping[int, int],
        style_dim: int = 512,
        mapping_layers: int = 8,
        z_dim: int | None = None,
        encoding: SoftThresholds | None = None,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.channels = dict(channels)
        self.encoding = encoding
        inputs = encoding.size if encoding else (z_dim or style_dim)
        self.z_dim = encoding.z_dim if encoding else inputs
        widths = [inputs] + [style_dim] * mapping_layers
        self.style = nn.Sequential(
            PixelNorm(),
            *(
                EqualLinear(a, b, rate=MAPPING_RATE, activate=True)
                for a, b in zip(widths, widths[1:], strict=False)
            ),
        )
        self.input = ConstantInput(channels[4])
        self.conv1 = StyledConv(channels[4], channels[4], style_dim, upsample=False)
        self.to_rgb1 = ToRGB(channels[4], style_dim)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        before, size = channels[4], 8
        while size <= resolution:
            self.convs.append(StyledConv(before, channels[size], style_dim, upsample=True))
            self.convs.append(StyledConv(channels[size], channels[size], style_dim, upsample=False))
            self.to_rgbs.append(ToRGB(channels[size], style_dim))
            before, size = channels[size], size * 2
        self.layers = tuple(range(2, 3 + len(self.convs)))
        self.register_buffer("latent_avg", torch.zeros(style_dim))
        self.register_buffer("blur_kernel", blur_kernel(), persistent=False)
        self.noises = nn.Module()

    @property
    def latent_rows(self) -> int:
        """Rows of the extended latent: one for each convolution and one for the last to-RGB."""
        return len(self.convs) + 2

    def styled_conv(self, number: int) -> StyledConv:
        """Parameters of layer ``number``."""
        return self.conv1 if number == 2 else self.convs[number - 3]

    def layer(self, number: int) -> StyledLayer:
        if lacking := self.lacking([number]):
            raise ValueError(f"this generator has {lacking}")
        return StyledLayer(self, number)

    def noise_of(self, number: int, batch: int, size: int, window: tuple) -> Tensor | None:
        """Noise map of layer ``number`` under this generator's noise mode."""
        buffer = getattr(self.noises, f"noise_{number - 2}", None)
        return layer_noise(self.noise, batch, size, window, buffer, self.device)

    def mapping(self, z: Tensor) -> Tensor:
        """z (B, z_dim) to w (B, style_dim), before truncation."""
        z = z.to(self.device)
        return self.style(self.encoding(z) if self.encoding else z)

    def latents(self, z: Tensor) -> Tensor:
        """z to the extended latent (B, rows, style_dim); all rows are the same truncated w."""
        w = self.mapping(z)
        if self.truncation != 1.0:
            w = self.latent_avg + self.truncation * (w - self.latent_avg)
        return w[:, None].expand(-1, self.latent_rows, -1)

    def start(self, z: Tensor) -> KeyState:
        return self.start_from(self.latents(z))

    def start_from(self, latent: Tensor) -> KeyState:
        """Keys of layer 2 for an extended latent (B, rows, style_dim)."""
        style = self.conv1.conv.modulation(latent[:, 0])
        x = self.input.input.expand(len(latent), -1, -1, -1)
        return KeyState(
            k=x * style[:, :, None, None], layer=2, window=(0, 0, 4, 4), style=style, latent=latent
        )

    def next_keys(self, values: ValueState, inplace: bool = False) -> KeyState:
        number = values.layer + 1
        style = self.styled_conv(number).conv.modulation(values.latent[:, number - 2])
        skip = self.running_image(values)
        factor = style[:, :, None, None].to(values.v.dtype)
        return KeyState(
            k=torch.mul(values.v, factor, out=reusable(values.v, inplace)),
            layer=number,
            window=values.window,
            style=style,
            latent=values.latent,
            skip=skip,
        )

    def running_image(self, values: ValueState) -> Tensor:
        """The RGB image so far, at the resolution of ``values``; even layers add to it."""
        if values.layer % 2:
            return values.skip
        to_rgb = self.to_rgb1 if values.layer == 2 else self.to_rgbs[values.layer // 2 - 2]
        added = to_rgb(values.v, values.latent[:, values.layer - 1])
        return added if values.skip is None else values.skip + added

    def finish(self, values: ValueState) -> Tensor:
        return self.running_image(values)


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
