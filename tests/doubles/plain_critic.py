"""A test critic that needs no network: what is bright looks natural."""

from __future__ import annotations

from torch import Tensor

from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs, images_of


class BrightIsNatural:
    """Each pixel is a cell; its naturalness is the mean of its channels."""

    def naturalness(self, images: Tensor | CachedOutputs) -> Tensor:
        return images_of(images).mean(1)

    def drop_of(self, before: Tensor, after: Tensor, place: Tensor) -> Tensor:
        fall = (before - after).double() * place
        return fall.sum((1, 2)) / place.sum((1, 2))
