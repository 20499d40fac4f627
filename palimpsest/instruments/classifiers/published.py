"""The smile classifier of the paper's Table 1: Slim-CNN (Sharma and Foroosh 2019) on CelebA.

    smiles = FaceAttribute.load("celeba-smile.pth", "smile")
    smiles.probability(images)                  # (B, 3, H, W) in [-1, 1] to (B,) in [0, 1]

The paper used ``models/celeba_20.pth`` of the public implementation pytorch-slim-cnn. Parameters
have that file's names and sizes; the file also states the stride of the first convolution. The
network scores 40 attributes, and a `FaceAttribute` uses one of them. Images are scaled to 178 rows
and 218 columns, as in the paper's code (CelebA's faces have 218 rows and 178 columns).
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.pictures import check_images
from palimpsest.instruments.classifiers.base import Classifier
from palimpsest.instruments.network_files import fill

ATTRIBUTES = (
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs"),
    *("Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair"),
    *("Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses", "Goatee", "Gray_Hair"),
    *("Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes"),
    *("No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks"),
    *("Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat"),
    *("Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young"),
)
"""CelebA's attributes, in the order of the network's scores."""

CALLED = {"smile": "Smiling"}
"""Name of an attribute in this project → CelebA's name."""

SIZE = (178, 218)
MARK = "model_state_dict.slim1.sse1.squeeze.0.weight"
"""A tensor that only this network has."""

CHUNK = 16


class Squeezed(nn.Module):
    """Channels reduced to ``width``, then expanded to 8 · ``width``, half by 3 × 3 kernels."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.squeeze = _pointwise(inputs, width, bias=True)
        self.expand1 = _pointwise(width, 4 * width, bias=True)
        self.expand3_dw = _separable(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        return torch.cat([self.expand3_dw(x), self.expand1(x)], 1)


class SlimModule(nn.Module):
    """A module of the network: (B, inputs, h, w) to (B, 3 · width, h, w)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.skip_projection = _pointwise(inputs, 8 * width, bias=False)
        self.sse1 = Squeezed(inputs, width)
        self.sse2 = Squeezed(8 * width, width)
        self.expand3_dw = _separable(8 * width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        return self.expand3_dw(self.sse2(self.sse1(x) + self.skip_projection(x)))


class SlimNet(nn.Module):
    """Scores (B, 40) of images (B, 3, H, W) in [-1, 1].

    ``first``: channels, kernel and stride of the first convolution; ``widths`` of the modules.
    """

    def __init__(
        self,
        first: tuple[int, int, int] = (96, 7, 2),
        widths: tuple[int, ...] = (16, 32, 48, 64),
    ) -> None:
        super().__init__()
        channels, kernel, stride = first
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, channels, kernel, stride=stride), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.modules_in_order = [f"slim{i}" for i in range(1, len(widths) + 1)]
        for name, width in zip(self.modules_in_order, widths, strict=True):
            self.add_module(name, SlimModule(channels, width))
            channels = 3 * width
        self.fc = nn.Linear(channels, len(ATTRIBUTES))

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(images), 3, 2)
        for name in self.modules_in_order:
            x = F.max_pool2d(self.get_submodule(name)(x), 3, 2)
        return self.fc(x.mean((2, 3)))


class FaceAttribute(Classifier):
    """A classifier of one of the 40 face attributes of the published network."""

    def __init__(self, network: SlimNet, attribute: str) -> None:
        super().__init__(network)
        self.attribute = attribute
        self.name = f"slimnet-celeba-{attribute}"
        self.facts: dict[str, Any] = {}
        self._place = ATTRIBUTES.index(CALLED[attribute])

    @torch.no_grad()
    def probability(self, images: Tensor) -> Tensor:
        check_images(images)
        parts = [
            self._network(_scaled(part.to(self.device)))[:, self._place]
            for part in images.split(CHUNK)
        ]
        return torch.cat(parts).sigmoid().cpu()

    def shows(self, images: Tensor) -> Tensor:
        # a probability of exactly 0.5 does not count
        return self.probability(images) > 0.5

    @classmethod
    def load(cls, path: str | PathLike[str], attribute: str) -> FaceAttribute:
        """The classifier of ``attribute`` in the published file; runs no code from it.

        Raises `CheckpointError` for another file, `ParameterError` for an unknown attribute.
        """
        if attribute not in CALLED:
            raise ParameterError(f"{path}: no attribute {attribute!r}; known: {', '.join(CALLED)}")
        tensors = read_checkpoint(Path(path)).tensors
        if MARK not in tensors:
            raise CheckpointError(f"{path}: not a Slim-CNN of pytorch-slim-cnn ({MARK} is missing)")
        prefix = MARK.partition(".")[0] + "."
        given = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        network = _network_of(path, given)
        return cls(fill(path, network, given, "Slim-CNN"), attribute)


def _network_of(path: str | PathLike[str], given: Mapping[str, Tensor]) -> SlimNet:
    """An unfilled network of the sizes that the file states in its field hyper_params."""
    sizes = torch.load(path, map_location="cpu", weights_only=True).get("hyper_params")
    try:
        channels, kernel, stride = map(int, sizes["initial_conv"])
        widths = tuple(map(int, sizes["filter_count_values"]))
        fits = int(sizes["num_classes"]) == len(ATTRIBUTES) and int(sizes["depth_multiplier"]) == 1
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{path}: field hyper_params does not state the network's sizes; fetch it again"
        ) from None
    if not fits or not 1 <= len(widths) <= 8 or not 0 < channels <= 4096 or not 0 < stride < kernel:
        raise CheckpointError(f"{path}: hyper_params {sizes} is another network than CelebA's")
    return SlimNet((channels, kernel, stride), widths)


def _pointwise(inputs: int, outputs: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=bias), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _scaled(images: Tensor) -> Tensor:
    """Images scaled to `SIZE` with antialiasing, like PIL's bilinear filter."""
    return F.interpolate(images.float(), SIZE, mode="bilinear", align_corners=False, antialias=True)
