"""A base of test segmenters that need no network: a subclass gives ``classes`` and `labels`."""

import torch

from palimpsest.instruments.segmenters.base import Segmenter


class PlainSegmenter(Segmenter):
    """On the CPU, without a world; its one feature map is the image itself."""

    name = "plain"
    classes = ("any",)
    facts: dict = {}
    device = torch.device("cpu")
    feature_channels = (3,)

    def labels(self, images):
        return torch.zeros(len(images), *images.shape[2:], dtype=torch.int64)

    def features(self, images):
        return [images]

    def to(self, device):
        return self
