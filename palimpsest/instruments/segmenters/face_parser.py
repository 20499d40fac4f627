"""The face parser of the paper's Table 1: BiSeNet (Yu et al., ECCV 2018) on CelebAMask-HQ.

    parser = FaceParser.load("face-parsing-02dd3f6f.pth")
    labels = parser.labels(images)              # (B, 3, H, W) in [-1, 1] to (B, H, W) int64
    parser.classes[labels[0, 300, 256]]         # "nose"

Images are scaled to 512 pixels by nearest neighbour and enter the network in [-1, 1], as in the
paper; labels are scaled back in the same way. Parameters carry the names of the published file. Its
spatial path is the second stage of the ResNet-18. Two of its three outputs were used in training
only; their weights are loaded but they do not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.pictures import check_images
from palimpsest.instruments.network_files import fill
from palimpsest.instruments.segmenters.published import PublishedSegmenter
from palimpsest.instruments.segmenters.residual_stages import residual_stage

CLASSES = (
    "background",
    "skin",
    "l_brow",
    "r_brow",
    "l_eye",
    "r_eye",
    "eye_g",
    "l_ear",
    "r_ear",
    "ear_r",
    "nose",
    "mouth",
    "u_lip",
    "l_lip",
    "neck",
    "neck_l",
    "cloth",
    "hair",
    "hat",
)
"""Classes of CelebAMask-HQ; ``eye_g``: glasses, ``ear_r``: earring, ``neck_l``: necklace."""

SIDE = 512
CHANNELS = (64, 64, 128, 256, 512)
MARK = "ffm.convblk.conv.weight"
"""A tensor that only this network has."""


class Convolved(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Refinement(nn.Module):
    """Attention refinement: a convolved map (B, outputs, h, w), its channels reweighted by their
    means over the whole map."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Convolved(inputs, outputs, 3)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * self.bn_atten(self.conv_atten(_mean(x))).sigmoid()


class Backbone(nn.Module):
    """ResNet-18 without its classifier: five maps of the images, finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        for i in (1, 2, 3, 4):
            stage = residual_stage("basic", CHANNELS[i - 1], CHANNELS[i], 2, 1 if i == 1 else 2)
            self.add_module(f"layer{i}", stage)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [F.relu(self.bn1(self.conv1(images)))]
        x = F.max_pool2d(maps[0], 3, stride=2, padding=1)
        for i in (1, 2, 3, 4):
            x = self.get_submodule(f"layer{i}")(x)
            maps.append(x)
        return maps


class ContextPath(nn.Module):
    """The backbone's two coarsest maps, refined and upsampled to (B, 128, H/8, W/8)."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = Backbone()
        self.arm16 = Refinement(256, 128)
        self.arm32 = Refinement(512, 128)
        self.conv_head32 = Convolved(128, 128, 3)
        self.conv_head16 = Convolved(128, 128, 3)
        self.conv_avg = Convolved(512, 128, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        at_8, at_16, at_32 = maps[-3:]
        coarse = self.arm32(at_32) + self.conv_avg(_mean(at_32))
        coarse = self.conv_head32(F.interpolate(coarse, at_16.shape[2:]))
        middle = self.arm16(at_16) + coarse
        return self.conv_head16(F.interpolate(middle, at_8.shape[2:]))


class Fusion(nn.Module):
    """Feature fusion: two maps concatenated and convolved, with their channels reweighted."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = Convolved(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, fine: Tensor, context: Tensor) -> Tensor:
        x = self.convblk(torch.cat([fine, context], 1))
        return x + x * self.conv2(F.relu(self.conv1(_mean(x)))).sigmoid()


class Output(nn.Module):
    """Class scores of a map."""

    def __init__(self, inputs: int, between: int) -> None:
        super().__init__()
        self.conv = Convolved(inputs, between, 3)
        self.conv_out = nn.Conv2d(between, len(CLASSES), 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """Scores (B, 19, H / 8, W / 8) of images (B, 3, H, W) in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.cp = ContextPath()
        self.ffm = Fusion()
        self.conv_out = Output(256, 256)
        self.conv_out16 = Output(128, 64)
        self.conv_out32 = Output(128, 64)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.cp.resnet(images)
        return self.conv_out(self.ffm(maps[2], self.cp(maps)))


class FaceParser(PublishedSegmenter):
    """The face parser of CelebAMask-HQ's classes."""

    name = "bisenet-celebamask"
    classes = CLASSES

    @property
    def feature_channels(self) -> tuple[int, ...]:
        return CHANNELS

    def features(self, images: Tensor) -> list[Tensor]:
        check_images(images)
        return self._network.cp.resnet(_scaled(self._moved(images)))

    def scores(self, images: Tensor) -> Tensor:
        """Scores (B, 19, 512, 512); differentiable."""
        check_images(images)
        scores = self._network(_scaled(self._moved(images)))
        return F.interpolate(scores, (SIDE, SIDE), mode="bilinear", align_corners=True)

    def _labels(self, images: Tensor) -> Tensor:
        labels = self.scores(images).argmax(1, keepdim=True)
        # torch scales no integers; float64 holds every label exactly
        return F.interpolate(labels.double(), images.shape[2:])[:, 0].long()

    @classmethod
    def of(cls, path: object, tensors: Mapping[str, Tensor]) -> FaceParser:
        """The parser with these tensors. Raises `CheckpointError` for those of another network."""
        return cls(fill(path, BiSeNet(), tensors, "BiSeNet face parser"))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> FaceParser:
        """The parser in the published file; does not run code from it. Raises `CheckpointError`."""
        return cls.of(path, read_checkpoint(Path(path)).tensors)


def _scaled(images: Tensor) -> Tensor:
    return images if images.shape[2:] == (SIDE, SIDE) else F.interpolate(images, (SIDE, SIDE))


def _mean(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)
