"""What a segmenter tells of a batch of images, told once whatever is asked.

    seen = Reading(segmenter, images)
    seen.labels                          # (B, H, W), as segmenter.segment(images)
    distance.look(seen)                  # as distance.look(images)
    pooled_features(segmenter, seen)     # as pooled_features(segmenter, images)

Labels, the perceptual distance and the pooled features all begin with the segmenter's encoder. Of
our own segmenters it runs once for all of them; a published one scales images differently for
labels and features, and runs for each.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from palimpsest.instruments.segmenters.world_segmenter import CHUNK, Segmenter


class Reader(Protocol):
    """What is asked of a segmenter: `segment` and `features`, as `Segmenter` has them."""

    def segment(self, images: Tensor) -> Tensor: ...

    def features(self, images: Tensor) -> list[Tensor]: ...


class Reading:
    """``images`` (B, 3, H, W) in [-1, 1] and what ``segmenter`` tells of them, without gradients.

    Nothing runs before it is asked for; what was told is kept as long as this object.
    """

    def __init__(self, segmenter: Reader, images: Tensor) -> None:
        self.segmenter = segmenter
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    @torch.no_grad()
    def features(self) -> list[Tensor]:
        """The encoder's stages, as ``segmenter.features(images)``."""
        parts = [self.segmenter.features(part) for part in self.images.split(CHUNK)]
        return parts[0] if len(parts) == 1 else list(map(torch.cat, zip(*parts, strict=True)))

    @cached_property
    def labels(self) -> Tensor:
        """Class indices (B, H, W), on the CPU, as ``segmenter.segment(images)``."""
        if isinstance(self.segmenter, Segmenter):
            return self.segmenter.decode(self.images, self.features)
        return torch.as_tensor(self.segmenter.segment(self.images))


def read_by(segmenter: Reader, images: Tensor | Reading) -> Reading:
    """``images`` as ``segmenter`` reads them: as they are where it has read them already."""
    if not isinstance(images, Reading):
        return Reading(segmenter, images)
    return images if images.segmenter is segmenter else Reading(segmenter, images.images)
