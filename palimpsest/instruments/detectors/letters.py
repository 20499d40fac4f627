"""The letter detector: which pixels belong to a line of letters laid over a picture.

    letters = LetterDetector.load("letters.safetensors")
    labels = letters.labels(images)            # (B, 3, H, W) in [-1, 1] to (B, H, W) int64
    letters.classes                            # picture, watermark_middle, watermark_strip
    detect_watermarks(letters, images, letters.shares)

It stands in for a world's segmenter where watermarks are counted in images of a generator that
learned photographs (paper, section 5.2), for which nobody labelled pixels. A small network reads
the brightness of a picture of 128 pixels and finds lines of letters of any text and font
(`letter_training`); the place of a line decides which mark it is. Its errors are measured on the
church world, whose letters it never saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.instruments.detectors.watermarks import MARKS, Shares
from palimpsest.instruments.network_files import Kind, load_network, save_network
from palimpsest.instruments.segmenters.base import Segmenter

METADATA_KEY = "palimpsest-letters"
KIND = Kind(METADATA_KEY, "letter detector", "train_letters", ("widths", "shares", "cut", "facts"))

SIDE = 128
"""Pictures are scaled to this side before the network reads them."""

CELL = 4
"""Pixels a side of a cell of the network's map."""

MIDDLE, STRIP = (0.28, 0.74), (0.78, 1.0)
"""Rows of either mark, as shares of the height."""

WIDTHS = (12, 24, 32)
SURROUNDINGS = 15
"""Side in pixels of the square whose mean is subtracted from a pixel's brightness."""

CHUNK = 64


class LetterNetwork(nn.Module):
    """Logits (B, 1, H / 4, W / 4) of lines of letters in images (B, 3, H, W) in [-1, 1], or grey
    ones (B, 1, H, W).

    Three dilated convolutions at the coarse resolution see about 100 pixels across, a whole line.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        fine, middle, coarse = widths

        def step(before: int, after: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(before, after, 3, stride, dilation, dilation=dilation, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            )

        self.stages = nn.ModuleList(
            [
                nn.Sequential(step(2, fine), step(fine, fine, 2)),
                nn.Sequential(step(fine, middle), step(middle, coarse, 2)),
            ]
        )
        self.lines = nn.Sequential(*(step(coarse, coarse, dilation=d) for d in (1, 2, 4)))
        self.head = nn.Conv2d(coarse, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.lines(self.features(images)[-1]))

    def features(self, images: Tensor) -> list[Tensor]:
        """The maps of both resolutions, (B, C, H / 2, W / 2) and (B, C, H / 4, W / 4)."""
        grey = images.mean(1, keepdim=True)
        around = F.avg_pool2d(grey, SURROUNDINGS, 1, SURROUNDINGS // 2, count_include_pad=False)
        apart = grey - around
        spread = F.avg_pool2d(
            apart.square(), SURROUNDINGS, 1, SURROUNDINGS // 2, count_include_pad=False
        ).sqrt()
        # contrast as it is, and against that of the surroundings
        maps = [torch.cat([apart, apart / (spread + 0.05)], dim=1)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


class LetterDetector(Segmenter):
    """The detector as a segmenter with a class for each place of letters; no gradients.

    ``shares``: least share of an image's pixels at which each mark counts as seen. ``cut``: least
    logit of a cell in a line. ``facts``: provenance, as JSON values.
    """

    classes = ("picture", *MARKS.values())
    name = "letter-detector"
    world = "church"
    """Its truth grades the detector; its renders, without marks, are among the backgrounds."""

    def __init__(
        self,
        network: LetterNetwork,
        shares: Shares,
        cut: float = 0.0,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.shares, self.cut = shares, cut
        self.facts = dict(facts or {})
        self._network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def labels(self, images: Tensor) -> Tensor:
        self._check(images)
        size = images.shape[2:]
        found = torch.cat([self._lines(part) for part in images.split(CHUNK)]) >= self.cut
        # a cell's logit is that of its pixels
        lines = F.interpolate(found.float(), size=tuple(size), mode="nearest")[:, 0] > 0
        rows = (torch.arange(size[0]) + 0.5) / size[0]
        labels = torch.zeros(lines.shape, dtype=torch.int64)
        for number, (top, bottom) in enumerate((MIDDLE, STRIP), 1):
            here = (rows >= top) & (rows < bottom)
            labels[lines.cpu() & here[None, :, None]] = number
        return labels

    def with_thresholds(self, shares: Shares, cut: float) -> LetterDetector:
        """The detector with the same network and other thresholds."""
        return LetterDetector(self._network, shares, cut, self.facts)

    def _lines(self, images: Tensor) -> Tensor:
        """Logits of lines (B, 1, 32, 32)."""
        return self._network(self._scaled(images))

    def _scaled(self, images: Tensor) -> Tensor:
        images = self._laid_out(images)
        if tuple(images.shape[2:]) == (SIDE, SIDE):
            return images
        return F.interpolate(
            images, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
        )

    def features(self, images: Tensor) -> list[Tensor]:
        self._check(images)
        return self._network.features(self._scaled(images))

    @property
    def feature_channels(self) -> tuple[int, ...]:
        fine, _, coarse = self._network_widths
        return fine, coarse

    @property
    def _network_widths(self) -> tuple[int, ...]:
        stages = self._network.stages
        return (
            stages[0][1][0].out_channels,
            stages[1][0][0].out_channels,
            stages[1][1][0].out_channels,
        )

    @property
    def device(self) -> torch.device:
        return next(self._network.parameters()).device

    def to(self, device: str | torch.device) -> Self:
        self._network.to(torch.device(device))
        return self

    def save(self, path: str | PathLike[str]) -> None:
        """Write a ``.safetensors`` file, atomically; weights as float16."""
        description = {
            "widths": list(self._network_widths),
            "shares": self.shares._asdict(),
            "cut": self.cut,
            "facts": self.facts,
        }
        save_network(path, self._network, KIND, description)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> LetterDetector:
        """The detector in a file that `save` wrote.

        Raises `CheckpointError` for a file that is missing, damaged, or of another kind.
        """
        network, about = load_network(
            path, KIND, lambda about: LetterNetwork(tuple(map(int, about["widths"])))
        )
        return cls(network, Shares(**about["shares"]), float(about["cut"]), about["facts"])


def shares_of(segmenter: Segmenter) -> Shares | None:
    """The thresholds that a segmenter brings along; None for those of worlds' segmenters."""
    return getattr(segmenter, "shares", None)
