"""The part that the two published segmenters share.

    parser = load_segmenter("data/weights/paper/face-parsing-02dd3f6f.pth")     # (`loading`)
    parser.labels(images)                   # (B, 3, H, W) in [-1, 1] to (B, H, W) int64
    parser.numbers("mouth")                 # labels that the name stands for

A published network reads images of one size; the segmenter scales images to it, so that images may
have sides of any length.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from palimpsest.generators.pictures import check_images
from palimpsest.instruments.segmenters.base import Segmenter


class PublishedSegmenter(Segmenter):
    """A segmenter with published weights.

    ``network`` is put into eval mode and its weights carry no gradients; its outputs stay
    differentiable in the images.
    """

    chunk = 4
    """Images that go through the whole network together."""

    def __init__(self, network: nn.Module, facts: Mapping[str, Any] | None = None) -> None:
        self.facts = dict(facts or {})
        self._device = torch.device("cpu")
        self._network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def labels(self, images: Tensor) -> Tensor:
        """Labels (B, H, W) int64, on the CPU, of ``images`` (B, 3, H, W) in [-1, 1]."""
        check_images(images)
        parts = [self._labels(self._moved(part)) for part in images.split(self.chunk)]
        return torch.cat(parts).cpu()

    @abstractmethod
    def _labels(self, images: Tensor) -> Tensor:
        """Labels (B, H, W) int64 of a few images, float32, on the network's device."""

    @property
    def device(self) -> torch.device:
        return self._device

    def to(self, device: str | torch.device) -> Self:
        self._network.to(device)
        self._device = torch.device(device)
        return self

    def _moved(self, images: Tensor) -> Tensor:
        return images.to(self.device, torch.float32)
