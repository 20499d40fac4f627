"""StyleGAN3, configurations T and R (Karras et al., NeurIPS 2021), editable at every layer.

The network starts with sines on a grid around the picture and keeps its signals free of aliasing:
maps have a margin of cells beyond the picture's edge, and rectifiers run at a higher rate between
two low-pass filters (`stylegan3_filters`). Layer n is NVIDIA's ``L{n - 1}``, and row n of the
latent modulates it; row 0 turns and moves the sines::

    key   = style * features / √magnitude            (B, N, h, w), with a rim of zeros if 3x3
    value = demod * conv(key, W) + bias              (B, M, h, w)
    features of the next layer = filtered_rectifier(value)

The rectifier is not part of the value: it mixes neighbouring cells, so a value after it is no
function of one key's surroundings alone. Magnitude is the moving average of E[features²] that
training keeps. Styles and weights are not normalised first as in NVIDIA's code, because the
demodulation cancels that. Convolutions are 3x3 in configuration T and 1x1 in R. Parameters have
NVIDIA's names, but the mean of w is ``latent_avg``. There are no noise inputs.
"""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.errors import ParameterError
from palimpsest.generators.base import KeyState, Layer, ValueState
from palimpsest.generators.map_layout import laid_out
from palimpsest.generators.style_based import StyleBased
from palimpsest.generators.stylegan3_parts import AliasFreeConv, Mapping, NetworkPlan, Synthesis

SMALLEST = 1e-20
"""Added to the energy of a weight, so that one of zeros has zero values. NVIDIA's 1e-8 is added
after the weight and style are normalised, so it is relative, and below the rounding of float32."""


class AliasFreeLayer(Layer):
    """An alias-free convolution as an associative memory."""

    is_linear = False
    renders_crops = False
    generator: StyleGAN3

    @cached_property
    def module(self) -> AliasFreeConv:
        return self.generator.convolution(self.number)

    @property
    def weight(self) -> nn.Parameter:
        return self.module.weight

    def _set_weight(self, weight: Tensor) -> None:
        self.module.weight = nn.Parameter(weight, requires_grad=False)

    @property
    def upsampling(self) -> int:
        return 1

    @property
    def key_size(self) -> int:
        return self.module.side

    @property
    def margin(self) -> int:
        seen = self.generator.plan.picture_cells[self.number - 1]
        return round((self.key_size - seen) / 2)

    def linear(self, k: Tensor, weight: Tensor) -> Tensor:
        scaled = (weight * self.module.scale).to(k.dtype)
        return F.conv2d(k, laid_out(scaled), padding=self.module.rim)

    def demodulation(self, style: Tensor | None, weight: Tensor) -> Tensor:
        energy = (weight * self.module.scale).square().sum(dim=(2, 3))  # (M, N)
        return torch.rsqrt(style.square() @ energy.T + SMALLEST)

    def activate(self, pre: Tensor, state: KeyState) -> Tensor:
        return pre + self.module.bias[:, None, None].to(pre.dtype)


class StyleGAN3(StyleBased):
    """StyleGAN3: z (B, z_dim) to images (B, image_channels, resolution, resolution).

    A class-conditional network takes z followed by the one-hot class, (B, z_dim + classes). The
    noise setting has no effect. Only whole maps can be drawn: `Layer.render` and
    `Generator.next_keys` raise `ParameterError` for cropped values, as the filters would see the
    edge of a crop.
    """

    kind = "stylegan3"

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        self.plan = plan
        self.resolution, self.z_dim = plan.resolution, plan.z_dim
        self.classes, self.image_channels = plan.classes, plan.image_channels
        self.encoding = None
        self.mapping = Mapping(plan)
        self.synthesis = Synthesis(plan)
        self.layers = tuple(range(1, 1 + len(plan.layers)))
        self.register_buffer("latent_avg", torch.zeros(plan.style_dim))

    @property
    def latent_rows(self) -> int:
        """Rows of the extended latent: for the sines, for each layer, and for the last one."""
        return len(self.layers) + 2

    def convolution(self, number: int) -> AliasFreeConv:
        """Parameters of layer ``number``."""
        return self.synthesis.get_submodule(self.synthesis.names[number - 1])

    def layer(self, number: int) -> AliasFreeLayer:
        if lacking := self.lacking([number]):
            raise ValueError(f"this generator has {lacking}")
        return AliasFreeLayer(self, number)

    def start_from(self, latent: Tensor) -> KeyState:
        """Keys of layer 1 for an extended latent (B, rows, style_dim)."""
        return self._keys(self.synthesis.input(latent[:, 0]), 1, latent)

    def next_keys(self, values: ValueState, inplace: bool = False) -> KeyState:
        return self._keys(self._features(values), values.layer + 1, values.latent)

    def finish(self, values: ValueState) -> Tensor:
        to_rgb = self.synthesis.get_submodule(self.synthesis.last)
        # NVIDIA's code clamps here as well
        image = to_rgb(self._features(values), values.latent[:, -1])
        clamp = self.plan.clamp
        image = image if clamp is None else image.clamp(-clamp, clamp)
        return image * self.plan.output_scale

    def _keys(self, features: Tensor, number: int, latent: Tensor) -> KeyState:
        module = self.convolution(number)
        style = module.affine(latent[:, number])
        side = module.side
        return KeyState(
            k=laid_out(module.keys(features, style)),
            layer=number,
            window=(0, 0, side, side),
            style=style,
            latent=latent,
        )

    def _features(self, values: ValueState) -> Tensor:
        module = self.convolution(values.layer)
        if values.window != (0, 0, module.side, module.side):
            raise ParameterError(
                f"values of the window {values.window}: StyleGAN3 draws whole maps only, "
                f"(0, 0, {module.side}, {module.side}) at layer {values.layer}"
            )
        return module.features(values.v, self.plan.clamp)
