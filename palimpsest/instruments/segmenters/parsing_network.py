"""The network of unified perceptual parsing (Xiao et al., ECCV 2018): ResNet-50 and UPerNet.

    encoder, decoder = ParsingEncoder(), ParsingDecoder(classes)
    maps = encoder(images)                          # five maps, finest first
    scores = decoder(maps, ("object", "part"))      # {"object": (B, classes, h, w), ...}

Parameters carry the names of the published files ``encoder_epoch_40.pth`` and
``decoder_epoch_40.pth``. The encoder is a ResNet-50 whose stem is three 3 × 3 convolutions. The
decoder pools the coarsest map at four scales, passes it down a feature pyramid, and fuses the
pyramid for objects and parts; the material head reads the finest map, the scene head the coarsest.

The published weights were trained with precise region pooling (Jiang et al., ECCV 2018, Eq. 1) over
the whole map in place of average pooling; `precise_average` computes it with two matrices.

The convolution that fuses the pyramid reads its coarser maps enlarged. `convolved_enlarged` gives
the same sums without convolving the enlarged maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.instruments.segmenters.residual_stages import residual_stage

HEADS = ("scene", "object", "part", "material")
POOLED = (1, 2, 3, 6)
WIDTH = 512
CHANNELS = (128, 256, 512, 1024, 2048)
"""Channels of the encoder's maps: the stem's, then those of its four stages."""


class ParsingEncoder(nn.Module):
    """Maps (B, `CHANNELS`[i], H / 2^(i+1), W / 2^(i+1)), i = 0 to 4, of images (B, 3, H, W).

    Images are BGR from 0 to 255 minus their mean (`unified_parser.as_parsed`).
    """

    def __init__(self) -> None:
        super().__init__()
        for i, (before, after) in enumerate(((3, 64), (64, 64), (64, 128)), start=1):
            stride = 2 if i == 1 else 1
            self.add_module(
                f"conv{i}", nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
            )
            self.add_module(f"bn{i}", nn.BatchNorm2d(after))
        for i, blocks in enumerate((3, 4, 6, 3), start=1):
            planes = 64 * 2 ** (i - 1)
            stage = residual_stage(
                "bottleneck", CHANNELS[i - 1], planes, blocks, 1 if i == 1 else 2
            )
            self.add_module(f"layer{i}", stage)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = images
        for i in (1, 2, 3):
            x = F.relu(self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(x)))
        maps = [x]
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for i in (1, 2, 3, 4):
            x = self.get_submodule(f"layer{i}")(x)
            maps.append(x)
        return maps


class ParsingDecoder(nn.Module):
    """Scores of each head from the encoder's maps; ``classes``: number of classes per head."""

    def __init__(self, classes: Mapping[str, int]) -> None:
        super().__init__()
        stages = CHANNELS[1:]
        self.ppm_conv = nn.ModuleList(_convolved(stages[-1], WIDTH, 1) for _ in POOLED)
        self.ppm_last_conv = _convolved(stages[-1] + len(POOLED) * WIDTH, WIDTH, 3)
        self.fpn_in = nn.ModuleList(_convolved(channels, WIDTH, 1) for channels in stages[:-1])
        self.fpn_out = nn.ModuleList(
            nn.Sequential(_convolved(WIDTH, WIDTH, 3)) for _ in stages[:-1]
        )
        self.conv_fusion = _convolved(len(stages) * WIDTH, WIDTH, 3)
        self.scene_head = nn.Sequential(
            _convolved(WIDTH, WIDTH, 3),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(WIDTH, classes["scene"], 1),
        )
        for head in HEADS[1:]:
            scored = nn.Sequential(_convolved(WIDTH, WIDTH, 3), nn.Conv2d(WIDTH, classes[head], 1))
            self.add_module(f"{head}_head", scored)

    def forward(self, maps: Sequence[Tensor], heads: Sequence[str] = HEADS) -> dict[str, Tensor]:
        """Scores before softmax: "scene" (B, n, 1, 1), the other heads (B, n, H / 4, W / 4)."""
        stages = maps[-4:]
        coarsest = self._pooled(stages[-1])
        pyramid = self._pyramid(stages, coarsest)
        inputs = {"scene": coarsest, "material": pyramid[0]}
        if {"object", "part"} & set(heads):
            inputs["object"] = inputs["part"] = self._fused(pyramid)
        return {head: self.get_submodule(f"{head}_head")(inputs[head]) for head in heads}

    def _pooled(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        parts = [
            _resized(convolved(precise_average(x, cells)), size)
            for cells, convolved in zip(POOLED, self.ppm_conv, strict=True)
        ]
        return self.ppm_last_conv(torch.cat([x, *parts], 1))

    def _fused(self, pyramid: Sequence[Tensor]) -> Tensor:
        """`conv_fusion` of all maps at the size of the first."""
        convolution, *after = self.conv_fusion
        parts = convolution.weight.split(WIDTH, dim=1)
        fused = F.conv2d(pyramid[0], parts[0], padding=1)
        for one, weight in zip(pyramid[1:], parts[1:], strict=True):
            fused = fused + convolved_enlarged(one, weight, pyramid[0].shape[2:])
        for layer in after:
            fused = layer(fused)
        return fused

    def _pyramid(self, stages: Sequence[Tensor], coarsest: Tensor) -> list[Tensor]:
        """Maps of `WIDTH` channels, finest first."""
        down, out = coarsest, [coarsest]
        for i in reversed(range(len(stages) - 1)):
            down = self.fpn_in[i](stages[i]) + _resized(down, stages[i].shape[2:])
            out.insert(0, self.fpn_out[i](down))
        return out


def precise_average(x: Tensor, cells: int) -> Tensor:
    """Means of a map (B, C, h, w), as a continuous surface, over the cells of a grid: (B, C, n, n).

    The surface interpolates the values, at integer coordinates, bilinearly and is zero outside;
    the grid divides [0, h] × [0, w] evenly into ``cells`` × ``cells``.
    """
    rows, columns = (tent_means(side, cells).to(x) for side in x.shape[2:])
    return torch.einsum("ry,bcyx,kx->bcrk", rows, x, columns)


def tent_means(side: int, cells: int) -> Tensor:
    """Mean of each tent max(0, 1 - |t - i|) over each part of [0, side], (cells, side) float64."""
    edges = torch.linspace(0, side, cells + 1, dtype=torch.float64)
    places = torch.arange(side, dtype=torch.float64)

    def up_to(edge: Tensor) -> Tensor:
        """Integral of each tent from minus infinity to ``edge``: (len(edge), side)."""
        t = (edge[:, None] - places).clamp(-1, 1)
        return torch.where(t < 0, (1 + t).square() / 2, 1 - (1 - t).square() / 2)

    return (up_to(edges[1:]) - up_to(edges[:-1])) * cells / side


def convolved_enlarged(x: Tensor, weight: Tensor, size: Sequence[int]) -> Tensor:
    """3 × 3 convolution, with a margin of zeros, of ``x`` (B, C, h, w) enlarged bilinearly to
    ``size``: (B, O, *size).

    Enlarging and the sum over channels commute, so each tap's sum is taken on the small map; a
    matrix for rows and one for columns then enlarge it and move it to its tap. This equals the
    convolution of the enlarged map but for rounding, and a map of half the side costs a quarter.
    """
    outputs, inputs, *taps = weight.shape
    rows, columns = (
        _moved_enlargement(small, large, width).to(x)
        for small, large, width in zip(x.shape[2:], size, taps, strict=True)
    )
    pointwise = weight.permute(2, 3, 0, 1).reshape(-1, inputs, 1, 1)
    sums = F.conv2d(x, pointwise).unflatten(1, (*taps, outputs))  # (B, 3, 3, O, h, w)
    wide = torch.einsum("bijohw,jvw->biohv", sums, columns)
    return torch.einsum("biohv,iuh->bouv", wide, rows)


def _moved_enlargement(small: int, large: int, taps: int) -> Tensor:
    """Matrices (taps, large, small) that enlarge a line and move it by each tap's offset; zero
    beyond its ends."""
    unit = F.interpolate(torch.eye(small)[None], large, mode="linear", align_corners=False)[0].T
    padded = F.pad(unit, (0, 0, taps // 2, taps // 2))
    return torch.stack([padded[tap : tap + large] for tap in range(taps)])


def _convolved(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)
