"""Cached segmenter outputs for one batch of images, each computed at most once.

    outputs = CachedOutputs(segmenter, images)
    outputs.labels                           # (B, H, W), equal to segmenter.labels(images)
    distance.prepare(outputs)                # equal to distance.prepare(images)
    pooled_features(segmenter, outputs)      # equal to pooled_features(segmenter, images)

Labels, the perceptual distance and the pooled features all start with the segmenter's encoder. The
encoder of a `WorldSegmenter` runs once for all of them; a published segmenter scales images
differently for labels and for features, so its encoder runs once for each.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from palimpsest.instruments.segmenters.base import CHUNK, Segmenter


class CachedOutputs:
    """Outputs of ``segmenter`` for ``images`` (B, 3, H, W) in [-1, 1], without gradients.

    Each output is computed when it is first read, and kept as long as this object.
    """

    def __init__(self, segmenter: Segmenter, images: Tensor) -> None:
        self.segmenter = segmenter
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    @torch.no_grad()
    def features(self) -> list[Tensor]:
        """The encoder's maps, equal to ``segmenter.features(images)``."""
        parts = [self.segmenter.features(part) for part in self.images.split(CHUNK)]
        return parts[0] if len(parts) == 1 else list(map(torch.cat, zip(*parts, strict=True)))

    @cached_property
    def labels(self) -> Tensor:
        """Labels (B, H, W) int64, on the CPU, equal to ``segmenter.labels(images)``."""
        return self.segmenter.labels_from_features(self.images, lambda: self.features)


def cached_outputs(segmenter: Segmenter, images: Tensor | CachedOutputs) -> CachedOutputs:
    """``images`` as cached outputs of ``segmenter``; unchanged if they are that already."""
    if not isinstance(images, CachedOutputs):
        return CachedOutputs(segmenter, images)
    return images if images.segmenter is segmenter else CachedOutputs(segmenter, images.images)
