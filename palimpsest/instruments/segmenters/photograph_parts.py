"""Parts of aligned photographs of faces: a fixed mouth region, and whether the face smiles.

    parts = PhotographParts.load("data/weights/mini/photo_faces-parts.safetensors")
    labels = parts.labels(images)              # (B, 3, 64, 64) in [-1, 1] to (B, 64, 64) int64
    parts.classes[labels[0, 50, 32]]           # "smile" or "mouth"; "face" outside the region
    parts.smile_scores(images)                 # (B,), above 0 for a smile; differentiable
    parts.features(images)                     # the backbone's maps, finest first

The photographs have labels of smiles but none of parts. Their crops are aligned, so one region
holds the mouth in almost all of them (docs/photographs.md states in how many). The smile classifier
decides for the whole image, and the region gets its answer. The backbone is a network of its own,
trained on photographs (`backbone_training`); the perceptual and the Fréchet distance use its maps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from os import PathLike
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.errors import ParameterError
from palimpsest.generators.map_layout import fast_layout
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.classifiers.contrast_network import ContrastArchitecture
from palimpsest.instruments.network_files import Kind, load_network, save_network
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.training.instrument_recipes import MouthRegion

METADATA_KEY = "palimpsest-photograph-parts"
KIND = Kind(
    METADATA_KEY,
    "parts of photographs",
    "train_photograph_instruments",
    ("backbone", "smile", "facts"),
)

CLASSES = ("face", "mouth", "smile")
FACE, MOUTH, SMILE = range(3)

CHUNK = 64
"""Images that go through a network together."""


@dataclass(frozen=True)
class BackboneArchitecture:
    """Sizes of the backbone: one 3 x 3 convolution per width; maps halve between two of them."""

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)

    def build(self) -> Backbone:
        return Backbone(self.widths)


class Backbone(nn.Module):
    """Maps (B, widths[i], H / 2^i, W / 2^i), i = 0, 1..., of images (B, 3, H, W) in [-1, 1]."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
            )
            for before, after in pairwise((3, *widths))
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = []
        for number, stage in enumerate(self.stages):
            # a mean does not alias, so the maps move with the image
            images = stage(F.avg_pool2d(images, 2) if number else images)
            maps.append(images)
        return maps


class PartsNetwork(nn.Module):
    """The networks and the region in one file: ``backbone``, ``smile``, ``mouth`` (R, R)."""

    def __init__(self, backbone: nn.Module, smile: nn.Module, mouth: Tensor) -> None:
        super().__init__()
        self.backbone, self.smile = backbone, smile
        self.register_buffer("mouth", mouth.float())


class PhotographParts(Segmenter):
    """The segmenter with the classes `CLASSES`; its weights carry no gradients.

    ``network.mouth`` (R, R) is 1 inside the mouth region; images are (B, 3, R, R). ``facts``:
    provenance, what trained either network, and grades, as JSON values.
    """

    classes = CLASSES

    def __init__(
        self,
        network: PartsNetwork,
        backbone: BackboneArchitecture,
        smile: ContrastArchitecture,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.architectures = (backbone, smile)
        self.facts = dict(facts or {})
        self.stride = 2 ** (len(backbone.widths) - 1)
        self._network = network.eval().requires_grad_(False)
        self.to(self.device)

    @property
    def name(self) -> str:
        """Name in result files."""
        return "photographs-parts"

    @property
    def backbone_sha256(self) -> str:
        """Digest of the backbone's weights: features of different backbones do not compare."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._network.backbone.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def mouth(self) -> Tensor:
        """(R, R) bool, on the CPU: the mouth region."""
        return self._network.mouth.cpu() > 0.5

    def smile_scores(self, images: Tensor) -> Tensor:
        """(B,) scores of ``images`` (B, 3, R, R), above 0 for a smile; differentiable.

        Raises `ParameterError` for images of another size than those it was trained on.
        """
        self._check(images)
        side = self._network.mouth.shape[0]
        if images.shape[2:] != (side, side):
            height, width = images.shape[2:]
            raise ParameterError(
                f"{self.name} labels images of {side} x {side} pixels, not {height} x {width}"
            )
        return torch.cat([self._network.smile(self._laid_out(x)) for x in images.split(CHUNK)])

    @torch.no_grad()
    def labels(self, images: Tensor) -> Tensor:
        """Labels (B, R, R) int64, on the CPU, of ``images`` (B, 3, R, R) in [-1, 1]."""
        smiles = self.smile_scores(images).cpu() >= 0
        within = torch.where(smiles, SMILE, MOUTH)[:, None, None]
        return torch.where(self.mouth, within, FACE)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> dict[str, Tensor]:
        """The probability (B,) that each of ``images`` (B, 3, R, R) smiles, on the CPU."""
        return {"smile": self.smile_scores(images).sigmoid().cpu()}

    def features(self, images: Tensor) -> list[Tensor]:
        """The backbone's maps (B, C_i, H / 2^i, W / 2^i), i = 0, 1...; differentiable."""
        self._check(images)
        return self._network.backbone(self._laid_out(images))

    @property
    def feature_channels(self) -> tuple[int, ...]:
        return self.architectures[0].widths

    def to(self, device: str | torch.device) -> Self:
        device = torch.device(device)
        self._network.to(device, memory_format=fast_layout(device))
        return self

    @property
    def device(self) -> torch.device:
        return self._network.mouth.device

    def save(self, path: str | PathLike[str], dtype: torch.dtype = torch.float16) -> None:
        """Write a ``.safetensors`` file, atomically; weights as ``dtype``, the rest as float32."""
        backbone, smile = self.architectures
        description = {"backbone": asdict(backbone), "smile": asdict(smile), "facts": self.facts}
        save_network(path, self._network, KIND, description, dtype)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PhotographParts:
        """The segmenter in a file that `save` wrote.

        Raises `CheckpointError` for a file that is missing, damaged, or of another kind.
        """
        network, about = load_network(path, KIND, lambda about: _untrained(*_sizes(about)))
        return cls(network, *_sizes(about), about["facts"])


def ellipse(side: int, row: float, column: float, height: float, width: float) -> Tensor:
    """(side, side) bool: the pixels whose centres lie in an ellipse around (row, column).

    ``height`` and ``width``: its whole axes in pixels. Pixel (0, 0) has its centre at (0.5, 0.5).
    """
    at = torch.arange(side) + 0.5
    rows, columns = (at - row) / (height / 2), (at - column) / (width / 2)
    return rows[:, None].square() + columns[None].square() <= 1


def parts_of(
    smile: AttributeClassifier,
    backbone: Backbone,
    architecture: BackboneArchitecture,
    mouth: MouthRegion,
    facts: Mapping[str, Any],
) -> PhotographParts:
    """The segmenter of a smile classifier of photographs, a backbone and a mouth region.

    Raises `ValueError` for a classifier of renders, whose network is another one.
    """
    if not isinstance(smile.architecture, ContrastArchitecture):
        raise ValueError(f"{smile.name} is not a classifier of photographs")
    scale = smile.resolution / 64
    region = ellipse(smile.resolution, *(scale * axis for axis in mouth.model_dump().values()))
    network = PartsNetwork(backbone, smile.network, region)
    return PhotographParts(network, architecture, smile.architecture, facts)


def _sizes(about: Mapping[str, Any]) -> tuple[BackboneArchitecture, ContrastArchitecture]:
    smile = about["smile"]
    return BackboneArchitecture(tuple(map(int, about["backbone"]["widths"]))), ContrastArchitecture(
        tuple(map(int, smile["widths"])),
        int(smile["hidden"]),
        int(smile["side"]),
        float(smile["dropout"]),
    )


def _untrained(backbone: BackboneArchitecture, smile: ContrastArchitecture) -> PartsNetwork:
    return PartsNetwork(backbone.build(), smile.build(), torch.zeros(smile.side, smile.side))
