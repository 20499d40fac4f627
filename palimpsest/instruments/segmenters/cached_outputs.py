"""Cached segmenter outputs for one batch of images, each computed at most once.

    outputs = CachedOutputs(segmenter, images)
    outputs.labels                           # (B, H, W), equal to segmenter.labels(images)
    distance.prepare(outputs)                # equal to distance.prepare(images)
    segmenter.pooled(outputs)                # equal to segmenter.pooled(images)

Labels, the perceptual distance and the pooled features all start with the segmenter's encoder. The
encoder of a `WorldSegmenter` runs once for all of them; a published segmenter scales images
differently for labels and for features, so its encoder runs once for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

CHUNK = 16
"""Images that go through an encoder together: more are slower and need more memory."""


class Encoding(Protocol):
    """The methods of a `Segmenter` whose results are cached."""

    def features(self, images: Tensor) -> list[Tensor]: ...

    def labels_from_features(
        self, images: Tensor, features: Callable[[], Sequence[Tensor]]
    ) -> Tensor: ...


class CachedOutputs:
    """Outputs of ``segmenter`` for ``images`` (B, 3, H, W) in [-1, 1], without gradients.

    Each output is computed when it is first read, and kept as long as this object.
    """

    def __init__(self, segmenter: Encoding, images: Tensor) -> None:
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


def images_of(images: Tensor | CachedOutputs) -> Tensor:
    """The images (B, 3, H, W) themselves."""
    return images.images if isinstance(images, CachedOutputs) else images


def cached_outputs(segmenter: Encoding, images: Tensor | CachedOutputs) -> CachedOutputs:
    """``images`` as cached outputs of ``segmenter``; unchanged if they are that already."""
    if not isinstance(images, CachedOutputs):
        return CachedOutputs(segmenter, images)
    return images if images.segmenter is segmenter else CachedOutputs(segmenter, images.images)
