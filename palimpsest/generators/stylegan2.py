"""StyleGAN2 (Karras et al., CVPR 2020), editable at every styled convolution.

Layer n is the paper's: layer 2 is the first styled convolution (4x4), odd layers upsample, layer n
is modulated by row n - 2 of the extended latent. Modulation is applied to the features, so that

    key   = style * features                                     (B, N, h, w)
    value = lrelu(demod * blur(conv(key, W)) + noise + bias) √2   (B, M, H', W')

which equals modulating the weight. Parameters have the names of the common PyTorch layout
(``conv1``, ``convs.i``, ``to_rgbs.i``, ``style.i``); convolution weights lack that layout's leading
axis of one.

Three architectures (`ARCHITECTURES`). ``skip``: the image is the sum of one to-RGB a resolution.
``orig``: one to-RGB at the end. ``resnet``: the same, and around the two layers of each resolution
runs a branch (``skips.i``), a 1x1 convolution and upsampling, that is added to the values of the
second; both are divided by √2, which takes the √2 of that layer's activation. A class-conditional
network reads z and an embedding of the class (``embed``), each normalised.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.base import KeyState, Layer, ValueState, reusable
from palimpsest.generators.classes import check_rows
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.map_layout import laid_out, outer_sum
from palimpsest.generators.noise import layer_noise
from palimpsest.generators.style_based import StyleBased
from palimpsest.generators.stylegan2_parts import (
    NEGATIVE_SLOPE,
    SQRT2,
    Branch,
    ConstantInput,
    EqualLinear,
    PixelNorm,
    StyledConv,
    TapEnergy,
    ToRGB,
    blur,
    blur_kernel,
    double,
)

MAPPING_RATE = 0.01
ARCHITECTURES = ("skip", "orig", "resnet")


class StyledLayer(Layer):
    """A styled convolution as an associative memory."""

    is_linear = False
    negative_slope = NEGATIVE_SLOPE
    generator: StyleGAN2

    def __init__(self, generator: StyleGAN2, number: int) -> None:
        super().__init__(generator, number)
        self.gain = self.module.gain

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

    @property
    def key_shape(self) -> tuple[int, int]:
        rows, columns = self.generator.first_shape
        return (rows * self.key_size // 4, columns * self.key_size // 4)

    def linear(self, k: Tensor, weight: Tensor) -> Tensor:
        weight = weight * self.module.conv.scale
        if not self.module.upsample:
            return F.conv2d(k, laid_out(weight), padding=1)
        wide = F.conv_transpose2d(k, laid_out(weight.transpose(0, 1)), stride=2)
        return blur(wide, self.generator.blur_kernel)

    def demodulation(self, style: Tensor | None, weight: Tensor) -> Tensor:
        energy = TapEnergy.apply(weight) * self.module.conv.scale**2  # (M, N)
        return torch.rsqrt((style * style) @ energy.T + 1e-8)

    def activate(self, pre: Tensor, state: KeyState) -> Tensor:
        shifted = pre + self._shift(state).to(pre.dtype)
        return F.leaky_relu(shifted, self.negative_slope) * self.gain

    def respond(self, state: KeyState, weight: Tensor) -> Tensor:
        # The same as in the base class, in fewer passes over the map: the rectifier is positively
        # homogeneous, so the gain can be multiplied into the factor and the shift.
        pre = self.linear(state.k, weight)
        factor = (self.gain * self.demodulation(state.style, weight))[:, :, None, None]
        shift = self._shift(state, self.gain)
        factor, shift = factor.to(pre.dtype), shift.to(pre.dtype)
        scaled = torch.addcmul(shift, pre, factor, out=reusable(pre))
        return F.leaky_relu_(scaled, self.negative_slope)

    def _shift(self, state: KeyState, gain: float = 1.0) -> Tensor:
        """Bias and noise times ``gain``, (1, M, 1, 1) or (1 or B, M, H', W')."""
        window = tuple(self.upsampling * edge for edge in state.window)
        noise = self.generator.noise_of(self.number, len(state), self.value_shape, window)
        bias = gain * self.module.activate.bias
        if noise is None:
            return bias[None, :, None, None]
        return outer_sum(bias, gain * self.module.noise.weight * noise.to(bias))

    def _skip_at_values(self, state: KeyState) -> Tensor | None:
        if state.skip is None or not self.module.upsample:
            return state.skip
        return double(state.skip, self.generator.blur_kernel)


class StyleGAN2(StyleBased):
    """StyleGAN2 of one of the `ARCHITECTURES`.

    ``channels``: width of each resolution, {4: ..., 8: ..., ..., resolution: ...}.
    ``encoding``: input encoding of z for the mapping network (mini generators only; `encoding`).
    ``classes``: number of classes of a class-conditional network, whose embedding has
    ``embedding`` numbers (style_dim, if that is None). ``first_shape``: rows and columns of the
    constant input. Images are (B, image_channels, resolution, resolution), about [-1, 1]; with
    another ``first_shape`` than (4, 4) they are so many quarters of ``resolution`` high and wide.
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
        classes: int = 0,
        embedding: int | None = None,
        image_channels: int = 3,
        architecture: str = "skip",
        first_shape: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.channels = dict(channels)
        self.encoding = encoding
        self.classes, self.image_channels = classes, image_channels
        self.architecture, self.first_shape = architecture, first_shape
        inputs = encoding.size if encoding else (z_dim or style_dim)
        self.z_dim = encoding.z_dim if encoding else inputs
        if classes:
            self.embed = EqualLinear(classes, embedding or style_dim)
            inputs += embedding or style_dim
        widths = [inputs] + [style_dim] * mapping_layers
        self.style = nn.Sequential(
            PixelNorm(),
            *(
                EqualLinear(a, b, rate=MAPPING_RATE, activate=True)
                for a, b in zip(widths, widths[1:], strict=False)
            ),
        )
        self.input = ConstantInput(channels[4], first_shape)
        self.conv1 = StyledConv(channels[4], channels[4], style_dim, upsample=False)
        sums, residual = architecture == "skip", architecture == "resnet"
        self.to_rgb1 = ToRGB(channels[4], style_dim, image_channels) if sums else None
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()  # None where a resolution has no to-RGB
        self.skips = nn.ModuleList()
        second_gain = 1.0 if residual else SQRT2
        before, size = channels[4], 8
        while size <= resolution:
            own = channels[size]
            self.convs.append(StyledConv(before, own, style_dim, upsample=True))
            self.convs.append(StyledConv(own, own, style_dim, upsample=False, gain=second_gain))
            draws = sums or size == resolution
            self.to_rgbs.append(ToRGB(own, style_dim, image_channels) if draws else None)
            if residual:
                self.skips.append(Branch(before, own))
            before, size = own, size * 2
        self.layers = tuple(range(2, 3 + len(self.convs)))
        self.register_buffer("latent_avg", torch.zeros(style_dim))
        self.register_buffer("blur_kernel", blur_kernel(), persistent=False)
        self.noises = nn.Module()

    @property
    def latent_rows(self) -> int:
        """Rows of the extended latent: one for each convolution and one for the last to-RGB."""
        return len(self.convs) + 2

    @property
    def variant(self) -> dict[str, Any]:
        """The arguments of this class in which it differs from the usual StyleGAN2."""
        usual = {"architecture": "skip", "image_channels": 3, "classes": 0, "first_shape": (4, 4)}
        found = {name: getattr(self, name) for name in usual}
        variant = {name: value for name, value in found.items() if value != usual[name]}
        return variant | ({"embedding": len(self.embed.bias)} if self.classes else {})

    @property
    def image_size(self) -> tuple[int, int]:
        rows, columns = self.first_shape
        return (rows * self.resolution // 4, columns * self.resolution // 4)

    def styled_conv(self, number: int) -> StyledConv:
        """Parameters of layer ``number``."""
        return self.conv1 if number == 2 else self.convs[number - 3]

    def layer(self, number: int) -> StyledLayer:
        if lacking := self.lacking([number]):
            raise ValueError(f"this generator has {lacking}")
        return StyledLayer(self, number)

    def noise_of(
        self, number: int, batch: int, shape: tuple[int, int], window: tuple
    ) -> Tensor | None:
        """Noise map of layer ``number`` under this generator's noise mode."""
        buffer = getattr(self.noises, f"noise_{number - 2}", None)
        return layer_noise(self.noise, batch, shape, window, buffer, self.device)

    def mapping(self, z: Tensor) -> Tensor:
        """z (B, z_dim) to w (B, style_dim), before truncation.

        Of a class-conditional network: z and its class, (B, z_dim + classes). Raises
        `ParameterError` for z without the class.
        """
        z = z.to(self.device)
        if not self.classes:
            return self.style(self.encoding(z) if self.encoding else z)
        check_rows(self, z)
        normalise, layers = self.style[0], self.style[1:]
        embedded = self.embed(z[:, self.z_dim :])
        return layers(torch.cat([normalise(z[:, : self.z_dim]), normalise(embedded)], dim=1))

    def start_from(self, latent: Tensor) -> KeyState:
        """Keys of layer 2 for an extended latent (B, rows, style_dim)."""
        style = self.conv1.conv.modulation(latent[:, 0])
        x = self.input.input.expand(len(latent), -1, -1, -1)
        return KeyState(
            k=x * style[:, :, None, None],
            layer=2,
            window=(0, 0, *self.first_shape),
            style=style,
            latent=latent,
        )

    def next_keys(self, values: ValueState, inplace: bool = False) -> KeyState:
        number = values.layer + 1
        style = self.styled_conv(number).conv.modulation(values.latent[:, number - 2])
        features, skip = self.features_and_skip(values)
        factor = style[:, :, None, None].to(values.v.dtype)
        inplace = inplace or features is not values.v
        return KeyState(
            k=torch.mul(features, factor, out=reusable(features, inplace)),
            layer=number,
            window=values.window,
            style=style,
            latent=values.latent,
            skip=skip,
        )

    def features_and_skip(self, values: ValueState) -> tuple[Tensor, Tensor | None]:
        """What the next layer reads before its style, and what runs beside it."""
        if self.architecture == "skip":
            return values.v, self.running_image(values)
        if not self.skips or values.layer % 2:
            return values.v, values.skip
        features = self.joined(values)
        return features, self.skips[values.layer // 2 - 1](features)

    def joined(self, values: ValueState) -> Tensor:
        """Features at the end of a resolution: its last values, and the branch around them."""
        return values.v if values.skip is None else values.v + values.skip

    def running_image(self, values: ValueState) -> Tensor:
        """The image so far, at the resolution of ``values``; even layers add to it."""
        if values.layer % 2:
            return values.skip
        to_rgb = self.to_rgb1 if values.layer == 2 else self.to_rgbs[values.layer // 2 - 2]
        added = to_rgb(values.v, values.latent[:, values.layer - 1])
        return added if values.skip is None else values.skip + added

    def finish(self, values: ValueState) -> Tensor:
        if self.architecture == "skip":
            return self.running_image(values)
        return self.to_rgbs[-1](self.joined(values), values.latent[:, -1])
