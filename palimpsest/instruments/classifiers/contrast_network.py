"""The network of the classifiers of photographs: grey, contrast normalised, mirrored.

    network = ContrastArchitecture().build()
    scores = network(images)                   # (B, 3, 64, 64) in [-1, 1] to (B,)

Photographs differ in exposure. So each image becomes grey, with mean 0 and deviation 1, before the
first convolution. In eval mode the score is the mean of those of the image and of its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ContrastArchitecture:
    """Sizes of the network: a 3 x 3 convolution and a 2 x 2 maximum per width, then two layers.

    ``widths``: channels, fine to coarse. ``hidden``: units before the score. ``side``: pixels a
    side of its images. ``dropout``: share of the maps' features that training leaves out.
    """

    widths: tuple[int, ...] = (24, 48, 72, 96)
    hidden: int = 64
    side: int = 64
    dropout: float = 0.15

    def build(self) -> nn.Module:
        """An untrained network: images (B, 3, side, side) in [-1, 1] to scores (B,)."""
        layers: list[nn.Module] = [NormalisedContrast()]
        for before, after in pairwise((1, *self.widths)):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        cells = (self.side // 2 ** len(self.widths)) ** 2
        head = [
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(self.widths[-1] * cells, self.hidden),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.hidden, 1),
            nn.Flatten(0),
        ]
        return Mirrored(*layers, *head)


class NormalisedContrast(nn.Module):
    """Images (B, C, H, W) as grey ones (B, 1, H, W), each with mean 0 and deviation 1."""

    def forward(self, images: Tensor) -> Tensor:
        grey = images.mean(1, keepdim=True)
        centred = grey - grey.mean((2, 3), keepdim=True)
        # a uniform image stays near 0
        return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-3).sqrt()


class Mirrored(nn.Sequential):
    """A network whose score in eval mode is the mean over an image and its mirror image."""

    def forward(self, images: Tensor) -> Tensor:
        scores = super().forward(images)
        if self.training:
            return scores
        return torch.stack([scores, super().forward(images.flip(3))]).mean(0)
