"""A segmenter whose classes are levels of brightness."""

from __future__ import annotations

from torch import Tensor

from tests.doubles.plain_segmenter import PlainSegmenter


class Brightness(PlainSegmenter):
    """Labels by brightness: enough to tell whether what is counted is what the images show."""

    name = "brightness"
    classes = ("dark", "middle", "bright")

    def labels(self, images: Tensor) -> Tensor:
        light = images.mean(dim=1)
        return (light > 1.0).long() + (light > 1.8).long()
