"""Perceptual distance between images: the LPIPS formula (Zhang et al. 2018, Eq. 1).

    distance = PerceptualDistance(Segmenter.load(path))      # .name "church-segmenter-encoder"
    distance(a, b)                    # (B,)
    distance.spatial(a, b)            # (B, H, W)
    distance.masked(a, b, keep)       # (B,): only over the pixels to be kept
    seen = distance.look(a)           # stands for a in all of these: the network has seen it

`LpipsAlex` is LPIPS itself, through the lpips package, where AlexNet's published weights are at
hand; `distance_named` takes it if it can. `.name` says in every result which of them measured.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import CheckpointError, DownloadError, ParameterError
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.instruments.segmenters.cached_outputs import Reading, read_by
from palimpsest.instruments.segmenters.world_segmenter import Segmenter

COARSEST = 16
"""Stages with fewer cells than one in 16 x 16 pixels are left out: one of their cells sees most of
the picture, so that a change within a mask would count outside it."""

ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
"""What torchvision calls the weights; the eight hex digits start their sha256."""


@dataclass(frozen=True)
class Looked:
    """What a distance has seen in B images of ``size`` (H, W): ``maps``, each (B, C, h, w).

    Stands for the images where the same distance compares them, which then need not run through its
    network again. Indexed by images as a tensor is.
    """

    size: tuple[int, int]
    maps: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.maps[0])

    @property
    def nbytes(self) -> int:
        """Memory that the maps take."""
        return sum(part.nbytes for part in self.maps)

    def __getitem__(self, images: Tensor | slice) -> Looked:
        return Looked(self.size, tuple(part[images] for part in self.maps))


class PerceptualDistance:
    """LPIPS over a segmenter's encoder, with the same weight for each channel and stage.

    At each stage the features of either image are scaled to unit length over channels; the squared
    difference, summed over channels, is enlarged to the image's size, and the stages are averaged.
    Between 0 and 4; differentiable in both images. Images are (B, 3, H, W) in [-1, 1], or what
    `look` made of them.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.name = f"{segmenter.name}-encoder"
        self._segmenter = segmenter

    def look(self, images: Tensor | Reading) -> Looked:
        """What stands for ``images`` in every comparison: their features, scaled.

        Images that the same segmenter has read (`Reading`) do not run through its encoder again.
        """
        if isinstance(images, Reading):
            stages = read_by(self._segmenter, images).features
            images = images.images
        else:
            stages = self._segmenter.features(images)
        height, width = images.shape[2:]
        fine = [stage for stage in stages if stage.shape[-1] >= width / COARSEST]
        return Looked((height, width), tuple(map(unit_length, fine)))

    def spatial(self, a: Tensor | Looked, b: Tensor | Looked) -> Tensor:
        """The distance of each pixel's surroundings, (B, H, W)."""
        a, b = self._looked(a, b)
        maps = [
            F.interpolate(
                (of_a - of_b).square().sum(1, keepdim=True),
                a.size,
                mode="bilinear",
                align_corners=False,
            )
            for of_a, of_b in zip(a.maps, b.maps, strict=True)
        ]
        return torch.stack(maps).mean(0)[:, 0]

    def masked(self, a: Tensor | Looked, b: Tensor | Looked, keep: Tensor) -> Tensor:
        """Mean of `spatial` over the pixels where ``keep`` (B, H, W) is true; NaN without any.

        As the original measures "outside": sum(d · mask) / sum(mask), image by image.
        """
        spatial = self.spatial(a, b)
        if keep.shape != spatial.shape:
            raise ValueError(f"mask {tuple(keep.shape)} for a map of {tuple(spatial.shape)}")
        weight = keep.to(spatial)
        return (spatial * weight).sum((1, 2)) / weight.sum((1, 2))

    def __call__(self, a: Tensor | Looked, b: Tensor | Looked) -> Tensor:
        """Mean of `spatial` over the image, (B,)."""
        return self.spatial(a, b).mean((1, 2))

    def to(self, device: str | torch.device) -> PerceptualDistance:
        """Move what it looks with to ``device``, in place, and so its answers; returns itself."""
        self._segmenter.to(device)
        return self

    def _looked(self, *pair: Tensor | Looked) -> tuple[Looked, ...]:
        sizes = [
            (len(one), *(one.size if isinstance(one, Looked) else one.shape[2:])) for one in pair
        ]
        if sizes[0] != sizes[1]:
            raise ValueError(f"images (B, H, W) of {sizes[0]} and {sizes[1]} do not match")
        return tuple(one if isinstance(one, Looked) else self.look(one) for one in pair)


def unit_length(features: Tensor) -> Tensor:
    """Features (B, C, h, w) scaled to length one over channels; near zero they stay near zero."""
    # the small number stands under the root, where it keeps the gradient at zero finite
    return features / (features.square().sum(1, keepdim=True) + 1e-10).sqrt()


class LpipsAlex(PerceptualDistance):
    """LPIPS with AlexNet, as published (lpips package, version 0.1).

    ``weights``: AlexNet's file; the one in torchvision's folder if None, which is held against its
    name. Raises `DownloadError` where AlexNet's weights are missing or are not the published ones
    (the lpips package would take any file of that name, or random weights), and `CheckpointError`
    where a given file is no AlexNet.
    """

    name = "lpips-alex"

    def __init__(self, weights: str | PathLike[str] | None = None) -> None:
        if weights is None:
            verified_alexnet()
        import lpips

        settings = {"net": "alex", "spatial": True, "verbose": False}
        if weights is None:
            self._network = lpips.LPIPS(**settings)
        else:
            # built with random weights, every one of which the file's then replace
            self._network = lpips.LPIPS(**settings, pnet_rand=True)
            _fill_alexnet(self._network.net, weights)
        self._network.eval().requires_grad_(False)

    def look(self, images: Tensor | Reading) -> Looked:
        """The images themselves: the package's network compares pairs only."""
        images = images.images if isinstance(images, Reading) else images
        height, width = images.shape[2:]
        images = images.to(next(self._network.parameters()).device)
        return Looked((height, width), (images,))

    def spatial(self, a: Tensor | Looked, b: Tensor | Looked) -> Tensor:
        """LPIPS of each pixel's surroundings, (B, H, W)."""
        a, b = self._looked(a, b)
        return self._network(a.maps[0], b.maps[0])[:, 0]

    def to(self, device: str | torch.device) -> LpipsAlex:
        self._network.to(device)
        return self


def _fill_alexnet(network: torch.nn.Module, path: str | PathLike[str]) -> None:
    """Give the package's AlexNet, dealt out to slices, the weights of the file ``path``."""
    tensors = read_checkpoint(Path(path)).tensors
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            # slice2.3.weight is what torchvision calls features.3.weight
            theirs = tensors.get(f"features.{name.partition('.')[2]}")
            if theirs is None or theirs.shape != parameter.shape:
                raise CheckpointError(f"{path}: no AlexNet of torchvision; fetch it again")
            parameter.copy_(theirs)


def alexnet_path() -> Path:
    """Where torchvision looks for AlexNet's weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET_FILE


def verified_alexnet() -> Path:
    """The file of AlexNet's weights, its sha256 checked against its name.

    Raises `DownloadError` where it is missing, or another file.
    """
    path = alexnet_path()
    if not path.is_file():
        raise DownloadError(
            f"{path}: no such file; lpips-alex needs torchvision's AlexNet weights there"
        )
    expected = path.stem.rsplit("-", 1)[1]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(expected):
        raise DownloadError(
            f"{path}: sha256 starts with {digest[:8]}, not {expected}; remove it and fetch it again"
        )
    return path


def distance_named(
    name: str, segmenter: Segmenter, alexnet: str | PathLike[str] | None = None
) -> PerceptualDistance:
    """The distance called ``name``: "encoder" (of ``segmenter``), "lpips-alex", or "best".

    "best" is LPIPS where AlexNet's weights are at hand, else the segmenter's encoder. ``alexnet``:
    the file of these weights, if it is not to be the one in torchvision's folder. Raises
    `ParameterError` for another name, and `DownloadError` where AlexNet's weights are asked for and
    missing, or are there and not the published ones.
    """
    if name not in ("best", "encoder", "lpips-alex"):
        raise ParameterError(f"perceptual distance {name!r} is none of best, encoder, lpips-alex")
    at_hand = alexnet is not None or alexnet_path().is_file()
    if name == "lpips-alex" or (name == "best" and at_hand):
        return LpipsAlex(alexnet)
    return PerceptualDistance(segmenter)
