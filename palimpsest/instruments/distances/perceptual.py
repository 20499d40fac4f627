"""Perceptual distance between images: the LPIPS formula (Zhang et al. 2018, Eq. 1).

    distance = PerceptualDistance(load_segmenter(path))      # .name "church-segmenter-encoder"
    distance(a, b)                    # (B,)
    distance.spatial(a, b)            # (B, H, W)
    distance.masked(a, b, keep)       # (B,): only over the pixels to be kept
    prepared = distance.prepare(a)    # can replace a above; saves a pass through the network

`LpipsAlex` is LPIPS itself, from the lpips package; it needs AlexNet's published weights, and
`distance_named` prefers it where they are present. Results state `.name`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import CheckpointError, DownloadError, ParameterError
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs, cached_outputs

COARSEST = 16
"""Stages with fewer cells than one in 16 x 16 pixels are left out: each of their cells covers most
of the image, so that a change within a mask would count outside it."""

LEAST_SIDE = 32
"""Pixels: LPIPS enlarges images with a shorter side until that side has so many. AlexNet pools
twice, and nothing is left of less than 31."""

ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
"""torchvision's file name of the weights; their sha256 starts with the eight hex digits."""


@dataclass(frozen=True)
class PreparedImages:
    """B images of ``size`` (H, W) prepared for one distance: ``maps``, each (B, C, h, w).

    The distance that prepared them accepts them in place of the images and does not run its network
    on them again. Indexed by images as a tensor is.
    """

    size: tuple[int, int]
    maps: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.maps[0])

    @property
    def nbytes(self) -> int:
        """Memory of the maps in bytes."""
        return sum(part.nbytes for part in self.maps)

    def __getitem__(self, images: Tensor | slice) -> PreparedImages:
        return PreparedImages(self.size, tuple(part[images] for part in self.maps))

    @classmethod
    def joined(cls, parts: Sequence[PreparedImages]) -> PreparedImages:
        """All images of ``parts``, which are of one size, in this order."""
        maps = zip(*(part.maps for part in parts), strict=True)
        return cls(parts[0].size, tuple(map(torch.cat, maps)))


class PerceptualDistance:
    """LPIPS over a segmenter's encoder, with the same weight for each channel and stage.

    At each stage the features of either image are scaled to unit length over channels; the squared
    difference, summed over channels, is enlarged to the image's size, and the stages are averaged.
    Between 0 and 4; differentiable in both images. Images are (B, 3, H, W) in [-1, 1], or prepared
    by `prepare`.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.name = f"{segmenter.name}-encoder"
        self._segmenter = segmenter

    def name_for(self, size: tuple[int, int]) -> str:
        """The name in tables of the distance between images of ``size`` (H, W): `name`, and more
        where it is measured otherwise than for larger ones."""
        return self.name

    def prepare(self, images: Tensor | CachedOutputs) -> PreparedImages:
        """``images`` prepared for comparison: their features, scaled to unit length.

        `CachedOutputs` of the same segmenter do not run through its encoder again.
        """
        if isinstance(images, CachedOutputs):
            stages = cached_outputs(self._segmenter, images).features
            images = images.images
        else:
            stages = self._segmenter.features(images)
        height, width = images.shape[2:]
        fine = [stage for stage in stages if stage.shape[-1] >= width / COARSEST]
        return PreparedImages((height, width), tuple(map(unit_length, fine)))

    def spatial(self, a: Tensor | PreparedImages, b: Tensor | PreparedImages) -> Tensor:
        """The distance of each pixel's surroundings, (B, H, W)."""
        a, b = self._prepared(a, b)
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

    def masked(
        self, a: Tensor | PreparedImages, b: Tensor | PreparedImages, keep: Tensor
    ) -> Tensor:
        """Mean of `spatial` over the pixels where ``keep`` (B, H, W) is true; NaN without any.

        The original code measures "outside" in the same way: sum(d · mask) / sum(mask) per image.
        """
        spatial = self.spatial(a, b)
        if keep.shape != spatial.shape:
            raise ValueError(f"mask {tuple(keep.shape)} for a map of {tuple(spatial.shape)}")
        weight = keep.to(spatial)
        return (spatial * weight).sum((1, 2)) / weight.sum((1, 2))

    def __call__(self, a: Tensor | PreparedImages, b: Tensor | PreparedImages) -> Tensor:
        """Mean of `spatial` over the image, (B,)."""
        return self.spatial(a, b).mean((1, 2))

    def to(self, device: str | torch.device) -> PerceptualDistance:
        """Move the network, and so the distances, to ``device``, in place; returns itself."""
        self._segmenter.to(device)
        return self

    def _prepared(self, *pair: Tensor | PreparedImages) -> tuple[PreparedImages, ...]:
        sizes = [
            (len(one), *(one.size if isinstance(one, PreparedImages) else one.shape[2:]))
            for one in pair
        ]
        if sizes[0] != sizes[1]:
            raise ValueError(f"images (B, H, W) of {sizes[0]} and {sizes[1]} do not match")
        return tuple(one if isinstance(one, PreparedImages) else self.prepare(one) for one in pair)


def unit_length(features: Tensor) -> Tensor:
    """Features (B, C, h, w) scaled to length one over channels; near zero they stay near zero."""
    # 1e-10 is added under the root, so that the gradient at zero is finite
    return features / (features.square().sum(1, keepdim=True) + 1e-10).sqrt()


class LpipsAlex(PerceptualDistance):
    """LPIPS with AlexNet, as published (lpips package, version 0.1).

    Images with a side below `LEAST_SIDE` are enlarged bilinearly, so that the shorter side has so
    many pixels; the distances are averaged over what each pixel became. `name_for` says so.

    ``weights``: AlexNet's file; None: the one in torchvision's folder, whose sha256 is checked
    against its name. Raises `DownloadError` if AlexNet's weights are missing or are not the
    published ones (the lpips package would accept any file of that name, or random weights), and
    `CheckpointError` if a given file is not an AlexNet.
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
            # built with random weights, all of which the file's weights replace
            self._network = lpips.LPIPS(**settings, pnet_rand=True)
            _fill_alexnet(self._network.net, weights)
        self._network.eval().requires_grad_(False)

    def name_for(self, size: tuple[int, int]) -> str:
        enlarged = min(size) < LEAST_SIDE
        return f"{self.name}-enlarged-to-{LEAST_SIDE}" if enlarged else self.name

    def prepare(self, images: Tensor | CachedOutputs) -> PreparedImages:
        """The images themselves, since the package's network compares pairs only."""
        images = images.images if isinstance(images, CachedOutputs) else images
        height, width = images.shape[2:]
        images = images.to(next(self._network.parameters()).device)
        if min(height, width) < LEAST_SIDE:
            factor = LEAST_SIDE / min(height, width)
            large = (round(factor * height), round(factor * width))
            images = F.interpolate(images, large, mode="bilinear", align_corners=False)
        return PreparedImages((height, width), (images,))

    def spatial(self, a: Tensor | PreparedImages, b: Tensor | PreparedImages) -> Tensor:
        """LPIPS of each pixel's surroundings, (B, H, W)."""
        a, b = self._prepared(a, b)
        distances = self._network(a.maps[0], b.maps[0])
        if distances.shape[2:] != a.size:
            distances = F.adaptive_avg_pool2d(distances, a.size)
        return distances[:, 0]

    def to(self, device: str | torch.device) -> LpipsAlex:
        self._network.to(device)
        return self


def _fill_alexnet(network: torch.nn.Module, path: str | PathLike[str]) -> None:
    """Load the file ``path`` into the package's AlexNet, which is divided into slices."""
    tensors = read_checkpoint(Path(path)).tensors
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            # slice2.3.weight is torchvision's features.3.weight
            theirs = tensors.get(f"features.{name.partition('.')[2]}")
            if theirs is None or theirs.shape != parameter.shape:
                raise CheckpointError(f"{path}: not an AlexNet of torchvision; fetch it again")
            parameter.copy_(theirs)


def alexnet_path() -> Path:
    """Path at which torchvision expects AlexNet's weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET_FILE


def verified_alexnet() -> Path:
    """Path of AlexNet's weights, after their sha256 was checked against the file's name.

    Raises `DownloadError` if the file is missing or is another file.
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

    "best" is LPIPS if AlexNet's weights are present, else the segmenter's encoder. ``alexnet``: the
    file of these weights; None: the one in torchvision's folder. Raises `ParameterError` for
    another name, and `DownloadError` if AlexNet's weights are needed and missing, or are present
    but not the published ones.
    """
    if name not in ("best", "encoder", "lpips-alex"):
        raise ParameterError(f"perceptual distance {name!r}; it can be best, encoder or lpips-alex")
    present = alexnet is not None or alexnet_path().is_file()
    if name == "lpips-alex" or (name == "best" and present):
        return LpipsAlex(alexnet)
    return PerceptualDistance(segmenter)
