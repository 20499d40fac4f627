"""Sizes and modules of StyleGAN3 (`stylegan3`); module and parameter names are NVIDIA's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.errors import ParameterError
from palimpsest.generators.stylegan2 import (
    MAPPING_RATE,
    NEGATIVE_SLOPE,
    SQRT2,
    EqualLinear,
    PixelNorm,
)
from palimpsest.generators.stylegan3_filters import Resampling, filtered_rectifier


@dataclass(frozen=True)
class LayerPlan:
    """Sizes of one alias-free layer.

    ``inputs``, ``outputs``: channels. ``in_size``, ``out_size``: sides of the maps in cells,
    ``up``, ``down``: rates of the rectifier against theirs. ``up_taps``, ``down_taps``: lengths of
    the filters. ``radial``: the second filter is one of two axes.
    """

    inputs: int
    outputs: int
    in_size: int
    out_size: int
    up: int
    down: int
    up_taps: int
    down_taps: int
    radial: bool = False


@dataclass(frozen=True)
class NetworkPlan:
    """Sizes and constants of a network.

    ``layers``: all but the last convolution, which makes ``image_channels`` of ``resolution``
    pixels. ``kernel``: 3 (T) or 1 (R). ``clamp``: limit of the activations, None for none.
    ``output_scale``: of the images. ``bandwidth``: highest frequency of the sines, in cycles per
    image.
    """

    resolution: int
    layers: tuple[LayerPlan, ...]
    kernel: int
    z_dim: int
    style_dim: int
    mapping_layers: int
    classes: int = 0
    image_channels: int = 3
    clamp: float | None = 256.0
    output_scale: float = 0.25
    bandwidth: float = 2.0

    @property
    def rates(self) -> tuple[float, ...]:
        """Sampling rates, in cells: of the sines' map, and after each layer.

        The last one is the resolution, or the next power of two.
        """
        rates = [2.0 ** math.ceil(math.log2(self.resolution))]
        for layer in reversed(self.layers):
            rates.append(rates[-1] * layer.down / layer.up)
        return tuple(reversed(rates))

    @property
    def picture_cells(self) -> tuple[float, ...]:
        """Cells that lie side by side in the picture, of the same maps."""
        return tuple(rate * self.resolution / self.rates[-1] for rate in self.rates)


class SineInput(nn.Module):
    """The trained mix of the sines and the map they are drawn on: NVIDIA's ``input``."""

    def __init__(
        self, channels: int, style_dim: int, size: int, rate: float, bandwidth: float
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(style_dim, 4)
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", torch.zeros(channels, 2))
        self.register_buffer("phases", torch.zeros(channels))
        self.size, self.rate, self.bandwidth = size, rate, bandwidth

    def forward(self, latent: Tensor) -> Tensor:
        """The features (B, channels, size, size) that ``latent`` (B, style_dim) starts with."""
        freqs, phases = self.moved(latent)
        # frequencies that a transform has pushed beyond the band fade out before they alias
        beyond = freqs.norm(dim=2) - self.bandwidth
        amplitudes = (1 - beyond / (self.rate / 2 - self.bandwidth)).clamp(0, 1)  # (B, channels)
        at = torch.arange(self.size, dtype=freqs.dtype, device=freqs.device)
        at = (at + 0.5 - self.size / 2) / self.rate  # centre of a cell, the image from -0.5 to 0.5
        along_x = at[:, None] * freqs[:, None, :, 0]  # (B, size, channels)
        along_y = at[:, None] * freqs[:, None, :, 1]
        turns = along_y[:, :, None] + along_x[:, None] + phases[:, None, None]
        sines = torch.sin(2 * math.pi * turns) * amplitudes[:, None, None]
        mixed = sines @ (self.weight / math.sqrt(len(self.weight))).T  # (B, size, size, channels)
        return mixed.permute(0, 3, 1, 2)

    def moved(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Frequencies (B, channels, 2) and phases (B, channels) under the latent's turn and shift.

        ``transform`` (3, 3) is the user's own, from coordinates of the image to those of its
        content; it comes first.
        """
        turn = self.affine(latent)
        turn = turn / turn[:, :2].norm(dim=1, keepdim=True)
        cosine, sine, x, y = turn.unbind(dim=1)
        zero, one = torch.zeros_like(x), torch.ones_like(x)
        rotation = _matrices([[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]])
        shift = _matrices([[one, zero, -x], [zero, one, -y], [zero, zero, one]])
        whole = rotation @ shift @ self.transform
        phases = self.phases + (self.freqs @ whole[:, :2, 2:]).squeeze(2)
        return self.freqs @ whole[:, :2, :2], phases


def _matrices(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """(B, 3, 3) from rows of entries (B,)."""
    return torch.stack([torch.stack(list(row), dim=1) for row in rows], dim=1)


class AliasFreeConv(nn.Module):
    """Parameters and buffers of one alias-free layer."""

    def __init__(self, plan: LayerPlan, kernel: int, style_dim: int) -> None:
        super().__init__()
        self.plan, self.kernel = plan, kernel
        self.scale = 1 / math.sqrt(plan.inputs * kernel**2)
        self.affine = EqualLinear(style_dim, plan.inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(plan.outputs, plan.inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(plan.outputs))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.register_buffer("up_filter", _taps(plan.up_taps, radial=False))
        self.register_buffer("down_filter", _taps(plan.down_taps, plan.radial))
        self.resampling = Resampling.between(
            self.side, plan.out_size, plan.up, plan.down, plan.up_taps, plan.down_taps
        )

    @property
    def rim(self) -> int:
        """Cells of zeros that the convolution reads beyond the features, and writes values for."""
        return (self.kernel - 1) // 2

    @property
    def side(self) -> int:
        """Side of the map of keys, and of values, in cells."""
        return self.plan.in_size + 2 * self.rim

    def keys(self, features: Tensor, style: Tensor) -> Tensor:
        """Features (B, N, in_size, in_size) modulated by ``style`` (B, N), with the rim."""
        factor = style * self.magnitude_ema.rsqrt()
        return F.pad(features * factor[:, :, None, None].to(features.dtype), [self.rim] * 4)

    def features(self, values: Tensor, clamp: float | None) -> Tensor:
        """Values (B, M, side, side) through the filtered rectifier, (B, M, out_size, out_size)."""
        return filtered_rectifier(
            values, self.resampling, self.up_filter, self.down_filter, NEGATIVE_SLOPE, SQRT2, clamp
        )


def _taps(count: int, radial: bool) -> Tensor | None:
    if count == 1:
        return None
    return torch.zeros((count, count) if radial else (count,))


class FinalConv(nn.Module):
    """NVIDIA's to-RGB layer: a 1x1 modulated convolution without demodulation or rectifier."""

    def __init__(self, inputs: int, outputs: int, style_dim: int) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(inputs)
        self.affine = EqualLinear(style_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("magnitude_ema", torch.ones([]))

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        factor = self.affine(latent) * self.scale * self.magnitude_ema.rsqrt()
        keys = x * factor[:, :, None, None].to(x.dtype)
        return F.conv2d(keys, self.weight.to(x.dtype), self.bias.to(x.dtype))


class Mapping(nn.Module):
    """z (B, z_dim), in a class-conditional network with the one-hot class after it, to w."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        self.z_dim, self.classes, self.count = plan.z_dim, plan.classes, plan.mapping_layers
        self.norm = PixelNorm()
        inputs = plan.z_dim
        if plan.classes:
            self.embed = EqualLinear(plan.classes, plan.style_dim)
            inputs += plan.style_dim
        widths = [inputs] + [plan.style_dim] * plan.mapping_layers
        for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
            self.add_module(f"fc{i}", EqualLinear(a, b, rate=MAPPING_RATE, activate=True))

    def forward(self, z: Tensor) -> Tensor:
        """w (B, style_dim), before truncation. Raises `ParameterError` for z without the class."""
        z = z.to(self.fc0.weight.device)
        if z.shape[1] != self.z_dim + self.classes:
            raise ParameterError(
                f"samples of {z.shape[1]} numbers; this generator needs {self.z_dim} of z and a "
                f"one-hot class of {self.classes}"
            )
        x = self.norm(z[:, : self.z_dim])
        if self.classes:
            x = torch.cat([x, self.norm(self.embed(z[:, self.z_dim :]))], dim=1)
        for i in range(self.count):
            x = self.get_submodule(f"fc{i}")(x)
        return x


class Synthesis(nn.Module):
    """The input and the layers under NVIDIA's names, ``L{i}_{size}_{channels}``."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        first = plan.layers[0]
        self.input = SineInput(
            first.inputs, plan.style_dim, first.in_size, plan.rates[0], plan.bandwidth
        )
        self.names = []
        for i, layer in enumerate(plan.layers):
            self.names.append(f"L{i}_{layer.out_size}_{layer.outputs}")
            self.add_module(self.names[-1], AliasFreeConv(layer, plan.kernel, plan.style_dim))
        self.last = f"L{len(plan.layers)}_{plan.resolution}_{plan.image_channels}"
        width = plan.layers[-1].outputs
        self.add_module(self.last, FinalConv(width, plan.image_channels, plan.style_dim))
